package engine

import (
	"context"
	"sync/atomic"
)

// gate bounds the queries that run at once and knows how many do.
type gate struct {
	slots   chan struct{}
	running atomic.Int64
}

func newGate(n int) *gate { return &gate{slots: make(chan struct{}, n)} }

// enter waits for a slot and returns how many are then in use. The error is
// that of ctx.
func (g *gate) enter(ctx context.Context) (running int, err error) {
	select {
	case g.slots <- struct{}{}:
		return int(g.running.Add(1)), nil
	default:
	}
	select {
	case g.slots <- struct{}{}:
		return int(g.running.Add(1)), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (g *gate) leave() {
	g.running.Add(-1)
	<-g.slots
}
