package worker

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"time"
)

// spare is how many processes are kept beyond those that can be in use: one of no
// tenant is then ready, or on its way, whoever comes next.
const spare = 1

// retryStart is the pause after a child could not be started.
const retryStart = time.Second

// Run keeps children ready until ctx ends; then it ends them all, running queries
// included, waits for them and returns nil. It returns an error only if the
// directory cannot be prepared.
func (p *Pool) Run(ctx context.Context) error {
	// The kernel kills a child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.clean(); err != nil {
		return fmt.Errorf("prepare directory of SQL processes: %w", err)
	}
	defer p.stop()
	for n := uint64(1); ; n++ {
		if p.wanted() {
			if p.startOne(n) {
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
	}
}

// wanted says whether a child is to be started, and makes space for it: a process
// of no tenant is wanted even if all places are taken by idle ones of tenants.
func (p *Pool) wanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) < p.opts.Children+spare {
		return !time.Now().Before(p.retryAt)
	}
	for _, proc := range p.idle {
		if proc.tenant == "" {
			return false
		}
	}
	if p.starting > 0 || len(p.idle) == 0 {
		return false
	}
	oldest := p.idle[0]
	p.idle = p.idle[1:]
	p.state("idle", -1)
	p.tasks.Go(func() { p.drop(oldest, "replaced") })
	return false // Dropping it wakes us.
}

// startOne starts child n; it becomes idle when it is ready. False: it cannot be
// started, and we shall be woken to try again.
func (p *Pool) startOne(n uint64) bool {
	proc, err := start(p.opts, n)
	if err != nil {
		p.startFailed(err)
		return false
	}
	p.mu.Lock()
	p.all[proc] = true
	p.starting++
	p.mu.Unlock()
	p.state("starting", 1)
	p.tasks.Go(func() { p.ready(proc) })
	return true
}

// ready waits for a new child.
func (p *Pool) ready(proc *process) {
	err := proc.greet(p.opts)
	p.state("starting", -1)
	if err != nil {
		proc.kill("start")
		err = fmt.Errorf("start SQL process: %w (%s)", err, proc.died())
	}
	p.mu.Lock()
	p.starting--
	p.mu.Unlock()
	if err != nil {
		p.startFailed(err)
		p.drop(proc, "start")
		return
	}
	p.m.starts.Inc()
	p.put(proc)
}

func (p *Pool) startFailed(err error) {
	p.mu.Lock()
	stopped := p.stopped
	p.startErr = err
	p.retryAt = time.Now().Add(retryStart)
	p.broadcast()
	p.mu.Unlock()
	if stopped {
		return
	}
	p.m.startErrs.Inc()
	p.log.Error("SQL process not started", "err", err)
	time.AfterFunc(retryStart, p.nudge)
}

// stop ends all children and waits for them.
func (p *Pool) stop() {
	p.mu.Lock()
	p.stopped = true
	p.broadcast()
	all := maps.Keys(maps.Clone(p.all))
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for proc := range all {
		proc.kill("stop")
		<-proc.ended
	}
	for _, proc := range idle {
		p.state("idle", -1)
		p.drop(proc, "stop")
	}
	p.tasks.Wait()
}
