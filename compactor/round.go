package compactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
)

// round says how one plan is made and what of it is run.
type round struct {
	now      func() time.Time // nil: the compactor's.
	cleanAll bool             // Also what belongs to other nodes: somebody waits for it here.
	tries    *backoff
	prefer   func(plan.Job) bool // If some jobs are so, only they are run; nil: none is.
}

// tally is what became of a round.
type tally struct {
	ran  int     // Jobs, however they ended.
	errs []error // Of jobs that failed, and of files that were set aside.
}

// round makes a plan and runs the first jobs of it, side by side. The error is
// for what kept it from planning. Rounds wait for each other.
func (c *Compactor) round(ctx context.Context, r round) (tally, error) {
	select {
	case c.working <- struct{}{}:
		defer func() { <-c.working }()
	case <-ctx.Done():
		return tally{}, ctx.Err()
	}
	jobs, snapshot, err := c.planned(ctx, r)
	if err != nil {
		return tally{}, err
	}
	r.tries.sweep(c.now())
	jobs = c.pick(jobs, r)
	errs := make([]error, len(jobs))
	var g errgroup.Group
	for i, j := range jobs {
		g.Go(func() error {
			errs[i] = c.work(ctx, snapshot, j)
			return nil
		})
	}
	_ = g.Wait()
	t := tally{ran: len(jobs)}
	for i, j := range jobs {
		if err := c.recordOutcome(ctx, r.tries, j, errs[i]); err != nil {
			t.errs = append(t.errs, err)
		}
	}
	if ctx.Err() == nil && t.ran > 0 {
		s := c.opts.Catalog.Snapshot()
		if err := c.lift(ctx, s, s.Tenants()); err != nil {
			t.errs = append(t.errs, err)
		}
	}
	return t, ctx.Err()
}

// planned makes a plan from the newest snapshot, which it returns too.
func (c *Compactor) planned(ctx context.Context, r round) ([]plan.Job, *catalog.Snapshot, error) {
	if err := c.opts.Catalog.Refresh(ctx); err != nil {
		return nil, nil, fmt.Errorf("plan: %w", err)
	}
	set, err := c.scrubber.Quarantined(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("plan: %w", err)
	}
	now := c.now
	if r.now != nil {
		now = r.now
	}
	s := c.opts.Catalog.Snapshot()
	var jobs []plan.Job
	err = guarded("plan", func() error {
		jobs = c.plan(plan.State{
			Files: s.All(), Mask: s.Mask, Quarantined: set, NoOps: c.noOps.set(), Now: now().UnixMilli(),
			Levels: c.opts.Levels, Rules: c.opts.Rules, Keep: c.policy.Longest, CleanAll: r.cleanAll,
		})
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	c.journal.Planned(jobs)
	return jobs, s, nil
}

// pick chooses what is run now: the first jobs of this node's that are not to be
// left alone for a while.
func (c *Compactor) pick(jobs []plan.Job, r round) []plan.Job {
	var first, preferred []plan.Job
	for _, j := range jobs {
		switch {
		case c.opts.Owns != nil && !r.cleanAll && !c.opts.Owns(j.Tenant, j.Partition):
		case !r.tries.ready(j, c.now()):
		case r.prefer != nil && r.prefer(j):
			preferred = append(preferred, j)
		default:
			first = append(first, j)
		}
	}
	if len(preferred) > 0 {
		first = preferred
	}
	return first[:min(len(first), c.opts.Concurrency)]
}

// work runs one job. A panic is an error of the job.
func (c *Compactor) work(ctx context.Context, s *catalog.Snapshot, j plan.Job) error {
	id := c.journal.Begin(j, c.now())
	began := time.Now()
	var res merge.Result
	err := guarded(j.String(), func() (err error) {
		res, err = c.executor.Run(ctx, s, j)
		return err
	})
	result := resultOf(ctx, err)
	c.metrics.ran(j, res, result, time.Since(began))
	c.journal.End(id, res, result, err, time.Since(began))
	if err != nil {
		return err
	}
	if isNoOp(j, res) {
		c.noOps.add(j)
	}
	return nil
}

// recordOutcome turns a job's error into what follows from it, and returns what people
// should know.
func (c *Compactor) recordOutcome(ctx context.Context, tries *backoff, j plan.Job, err error) error {
	var damaged *merge.DamagedError
	var unreadable *merge.UnreadableError
	switch {
	case err == nil:
		tries.succeeded(j)
		for _, f := range j.FilesRead() {
			c.scrubber.WasRead(f.ID)
		}
		return nil
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, catalog.ErrConflict):
		c.metrics.lostRaces.Inc()
		tries.lost(j, c.now())
		return nil
	case errors.As(err, &damaged):
		tries.lost(j, c.now()) // The next plan leaves the file out.
		return c.scrubber.SetAside(ctx, damaged.File, damaged.Err.Error())
	case errors.As(err, &unreadable):
		tries.failed(j, c.now())
		return c.scrubber.Unreadable(ctx, unreadable.File, err)
	default:
		tries.failed(j, c.now())
		return err
	}
}

// resultOf names how a job ended.
func resultOf(ctx context.Context, err error) string {
	var damaged *merge.DamagedError
	switch {
	case err == nil:
		return "done"
	case ctx.Err() != nil:
		return "stopped"
	case errors.Is(err, catalog.ErrConflict):
		return "lost_race"
	case errors.As(err, &damaged):
		return "damaged_input"
	default:
		return "failed"
	}
}
