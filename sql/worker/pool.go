package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/series"
)

// Pool keeps children ready and lends them to queries.
//
// Concurrency: Take may be called from any goroutine. Run is called once and
// starts everything; a pool without Run serves nobody.
type Pool struct {
	opts  Options
	m     *metrics
	log   *slog.Logger
	slots chan struct{} // One for each session.
	wake  chan struct{} // Tells Run to look at the processes.

	mu       sync.Mutex // Guards all below.
	idle     []*process // Longest idle first.
	all      map[*process]bool
	starting int
	waiting  int
	changed  chan struct{} // Closed and replaced when idle, startErr or stopped changes.
	startErr error         // Why the last start failed; nil after one that did not.
	retryAt  time.Time     // Not to start one before.
	stopped  bool
	tasks    sync.WaitGroup
}

// NewPool makes a pool that does nothing yet. Errors wrap series.ErrInvalid, or
// series.ErrNotReady if the kernel lacks Landlock (see Options.AllowNoLandlock).
func NewPool(o Options, reg prometheus.Registerer, log *slog.Logger) (*Pool, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := Supported(); err != nil && !o.AllowNoLandlock {
		return nil, err
	}
	return &Pool{
		opts: o, m: newMetrics(reg), log: log,
		slots: make(chan struct{}, o.Children), wake: make(chan struct{}, 1),
		all: map[*process]bool{}, changed: make(chan struct{}),
	}, nil
}

// Take waits for a child for a query of tenant. The caller closes the session.
//
// Errors wrap series.ErrOverload when too many wait already, or (with the
// context's error) when ctx ended before a child was free; series.ErrNotReady
// when children cannot be started or Run has ended.
func (p *Pool) Take(ctx context.Context, tenant series.Tenant) (*Session, error) {
	begin := time.Now()
	if err := p.slot(ctx); err != nil {
		p.m.refused.Inc()
		return nil, fmt.Errorf("wait for an SQL process: %w", err)
	}
	proc, err := p.pick(ctx, tenant)
	if err != nil {
		<-p.slots
		p.m.refused.Inc()
		return nil, fmt.Errorf("wait for an SQL process: %w", err)
	}
	p.m.wait.Observe(time.Since(begin).Seconds())
	return &Session{pool: p, proc: proc}, nil
}

// slot waits for the right to a child.
func (p *Pool) slot(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	if n := p.queue(1); n > p.opts.Queue {
		p.queue(-1)
		return fmt.Errorf("%d queries run and %d wait: %w", p.opts.Children, n-1, series.ErrOverload)
	}
	defer p.queue(-1)
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", series.ErrOverload, ctx.Err())
	}
}

func (p *Pool) queue(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += n
	p.m.waiting.Set(float64(p.waiting))
	return p.waiting
}

// pick waits for an idle child of tenant, or of nobody.
func (p *Pool) pick(ctx context.Context, tenant series.Tenant) (*process, error) {
	for {
		p.mu.Lock()
		proc, changed, err := p.choose(tenant), p.changed, p.startErr
		stopped := p.stopped
		p.mu.Unlock()
		p.nudge()
		switch {
		case proc != nil:
			return proc, nil
		case stopped:
			return nil, fmt.Errorf("stopping: %w", series.ErrNotReady)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", series.ErrNotReady, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", series.ErrOverload, ctx.Err())
		}
	}
}

// choose takes a child out of idle: the tenant's most recent one, else a fresh
// one. A child never gets a second tenant. A tenant that has as many children as
// it can use waits for one that is being reset: that is shorter than the start of
// the next fresh one would be.
func (p *Pool) choose(tenant series.Tenant) *process {
	owned := 0
	for proc := range p.all {
		if proc.tenant == tenant {
			owned++
		}
	}
	best := -1
	for i, proc := range p.idle {
		fresh := proc.tenant == "" && owned < p.opts.Children
		if proc.tenant == tenant || (fresh && best < 0) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	proc := p.idle[best]
	p.idle = append(p.idle[:best], p.idle[best+1:]...)
	proc.tenant = tenant
	proc.uses++
	p.state("idle", -1)
	p.state("busy", 1)
	return proc
}

func (p *Pool) state(name string, n float64) { p.m.processes.WithLabelValues(name).Add(n) }

// nudge makes Run look.
func (p *Pool) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// broadcast wakes everyone in pick. p.mu is held.
func (p *Pool) broadcast() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// put gives a child back that is ready for another query of its tenant.
func (p *Pool) put(proc *process) {
	p.mu.Lock()
	stopped := p.stopped
	if !stopped {
		p.idle = append(p.idle, proc)
		p.state("idle", 1)
		p.startErr = nil
		p.broadcast()
	}
	p.mu.Unlock()
	if stopped {
		p.drop(proc, "stop")
	}
	p.nudge()
}

// drop ends a child that nobody uses and forgets it when it has ended.
func (p *Pool) drop(proc *process, reason string) {
	proc.kill(reason)
	if err := proc.close(); err != nil {
		p.log.Error("Leftovers of an SQL process", "dir", proc.dir, "err", err)
	}
	p.m.deaths.WithLabelValues(*proc.reason.Load()).Inc()
	p.mu.Lock()
	delete(p.all, proc)
	p.broadcast()
	p.mu.Unlock()
	p.nudge()
}

// clean removes what a node that crashed has left.
func (p *Pool) clean() error {
	if err := os.MkdirAll(p.opts.Dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(p.opts.Dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(p.opts.Dir, e.Name())))
	}
	return err
}
