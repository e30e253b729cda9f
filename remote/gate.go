package remote

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"herringbone/storage/series"
)

// gate bounds the requests at work and the bytes they hold. Both queues are in
// order of arrival. It may be used from any goroutine.
type gate struct {
	slots    *semaphore.Weighted
	memory   *semaphore.Weighted
	maxSlots int
	maxBytes int64
	wait     time.Duration
	metrics  *metrics
}

func newGate(o Options, m *metrics) *gate {
	return &gate{
		slots:    semaphore.NewWeighted(int64(o.MaxInFlightRequests)),
		memory:   semaphore.NewWeighted(o.MaxInFlightBytes),
		maxSlots: o.MaxInFlightRequests,
		maxBytes: o.MaxInFlightBytes,
		wait:     o.MaxWait,
		metrics:  m,
	}
}

// lease is one request's share of the gate. It belongs to one goroutine, which
// must call release.
type lease struct {
	gate  *gate
	slot  bool
	bytes int64
}

// enter takes the slot. Errors wrap series.ErrOverload, or are ctx's.
func (l *lease) enter(ctx context.Context) error {
	if err := l.gate.acquire(ctx, l.gate.slots, 1); err != nil {
		return fmt.Errorf("%d remote-write requests are at work: %w", l.gate.maxSlots, err)
	}
	l.slot = true
	l.gate.metrics.inFlightRequests.Inc()
	return nil
}

// reserve takes n more bytes. Errors as for enter.
func (l *lease) reserve(ctx context.Context, n int64) error {
	if err := l.gate.acquire(ctx, l.gate.memory, n); err != nil {
		return fmt.Errorf("%d more bytes of remote-write requests would exceed %d in flight: %w", n, l.gate.maxBytes, err)
	}
	l.bytes += n
	l.gate.metrics.inFlightBytes.Add(float64(n))
	return nil
}

// release gives everything back.
func (l *lease) release() {
	if l.slot {
		l.gate.slots.Release(1)
		l.gate.metrics.inFlightRequests.Dec()
	}
	l.gate.memory.Release(l.bytes)
	l.gate.metrics.inFlightBytes.Sub(float64(l.bytes))
	l.slot, l.bytes = false, 0
}

func (g *gate) acquire(ctx context.Context, s *semaphore.Weighted, n int64) error {
	if s.TryAcquire(n) {
		return nil
	}
	if g.wait == 0 {
		return series.ErrOverload
	}
	waiting, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	if err := s.Acquire(waiting, n); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return series.ErrOverload
	}
	return nil
}
