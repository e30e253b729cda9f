package bench

import (
	"context"
	"math"
	"slices"
	"sync"
)

// pace keeps connections together: none gets more than lead steps ahead of the
// slowest. The slowest never waits, so there is always one that can go on.
type pace struct {
	lead int

	mu    sync.Mutex // Guards steps.
	moved *sync.Cond
	steps []int
}

func newPace(connections, lead, from int) *pace {
	p := &pace{lead: lead, steps: slices.Repeat([]int{from}, connections)}
	p.moved = sync.NewCond(&p.mu)
	return p
}

// wait notes that a connection wants to send step, and returns when it may or
// when ctx ends.
func (p *pace) wait(ctx context.Context, connection, step int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps[connection] != step {
		p.steps[connection] = step
		p.moved.Broadcast()
	}
	if p.slowest() >= step-p.lead {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock() // Else the wake-up could pass between the check and Wait.
		defer p.mu.Unlock()
		p.moved.Broadcast()
	})
	defer stop()
	for ctx.Err() == nil && p.slowest() < step-p.lead {
		p.moved.Wait()
	}
	return ctx.Err()
}

// done takes a connection that has nothing left out of the count.
func (p *pace) done(connection int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps[connection] = math.MaxInt
	p.moved.Broadcast()
}

func (p *pace) slowest() int {
	return slices.Min(p.steps)
}
