package compactor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"herringbone/compactor/collect"
	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/compactor/scrub"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
)

// executor runs jobs: an Executor, or in tests what fails as they want.
type executor interface {
	Run(ctx context.Context, s *catalog.Snapshot, j plan.Job) (merge.Result, error)
}

// Compactor keeps the files of a node's catalog in order.
//
// Concurrency: every method may be called from any goroutine. Rounds of
// compaction wait for each other; the other steps run beside them.
type Compactor struct {
	opts      Options
	policy    *retention.Policy
	executor  executor
	plan      func(plan.State) []plan.Job
	metrics   *metrics
	collector *collect.Collector
	scrubber  *scrub.Scrubber
	journal   *status.Journal

	poke    chan struct{} // Asks Run for a round; holds one.
	working chan struct{} // Holds one while a round is under way.
	noOps   *noOpJobs
}

// New returns a compactor. It starts nothing.
func New(o Options) (*Compactor, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Levels.MemoryBytes == 0 {
		o.Levels.MemoryBytes = o.MemoryBytes / 4 * 3 // The rest is for outputs.
	}
	c := &Compactor{
		opts: o, policy: retention.NewPolicy(o.Retention, o.DefaultKeep, o.TenantKeep, o.Rules), plan: plan.Make, journal: status.NewJournal(), noOps: newNoOpJobs(),
		poke: make(chan struct{}, 1), working: make(chan struct{}, 1),
	}
	c.executor = merge.New(merge.Options{
		Bucket: o.Bucket, Catalog: o.Catalog, Node: o.Node, MemoryBytes: o.MemoryBytes, MaxFileBytes: o.Levels.MaxFileBytes,
		ReadBytesPerSecond: o.ReadBytesPerSecond, WriteBytesPerSecond: o.WriteBytesPerSecond,
		Duty: o.Duty, DutyUnderLoad: o.DutyUnderLoad, Now: o.Now,
	})
	c.metrics = newMetrics(o.Registerer, c)
	refused := func(step string) { c.metrics.refused.WithLabelValues(step).Inc() }
	c.collector = collect.New(o.Catalog, o.Bucket, o.Collect, o.Orphans, refused, o.Registerer)
	c.scrubber = scrub.New(o.Catalog, o.Bucket, c.now, o.Registerer)
	return c, nil
}

func (c *Compactor) now() time.Time {
	if c.opts.Now == nil {
		return time.Now()
	}
	return c.opts.Now()
}

// Poke says that something has changed, so that Run looks now.
func (c *Compactor) Poke() {
	select {
	case c.poke <- struct{}{}:
	default:
	}
}

// Run does all the work until ctx ends, then returns nil. It is where errors are
// logged; none ends it.
func (c *Compactor) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { c.compactLoop(ctx); return nil })
	c.loop(ctx, &g, "retention", c.opts.RetentionInterval, c.retain)
	c.loop(ctx, &g, "collection", c.opts.Collect.Interval, c.Collect)
	if c.opts.Orphans.Interval > 0 {
		c.loop(ctx, &g, "collection of orphans", c.opts.Orphans.Interval, c.CollectOrphans)
	}
	if c.opts.Scrub.BytesPerSecond > 0 {
		g.Go(func() error { c.scrubLoop(ctx); return nil })
	}
	return g.Wait()
}

// loop takes a step at once and then in intervals.
func (c *Compactor) loop(ctx context.Context, g *errgroup.Group, name string, every time.Duration, step func(context.Context, time.Time) error) {
	g.Go(func() error {
		for ctx.Err() == nil {
			err := guarded(name, func() error { return step(ctx, c.now()) })
			if err != nil && ctx.Err() == nil {
				c.metrics.failures.WithLabelValues(name).Inc()
				c.opts.log().Error(name+" failed, it will be tried again", "err", err)
			}
			wait(ctx, every, nil)
		}
		return nil
	})
}

// Collect deletes the objects of files that were removed long enough before now;
// see collect.Collector.
func (c *Compactor) Collect(ctx context.Context, now time.Time) error {
	return c.noted(status.StepCollect, c.collector.Collect(ctx, now))
}

// CollectOrphans deletes objects that the catalog never knew; see
// collect.Collector.
func (c *Compactor) CollectOrphans(ctx context.Context, now time.Time) error {
	return c.noted(status.StepOrphans, c.collector.CollectOrphans(ctx, now))
}

// noted returns err and notes the success of a step if there is none.
func (c *Compactor) noted(step string, err error) error {
	if err == nil {
		c.journal.Done(step, c.now())
	}
	return err
}

// retain is Expire, and the end of deletes that are done.
func (c *Compactor) retain(ctx context.Context, now time.Time) error {
	return errors.Join(c.Expire(ctx, now), c.LiftDone(ctx))
}

// compactLoop runs rounds as long as they find work, and then pauses.
func (c *Compactor) compactLoop(ctx context.Context) {
	tries := newBackoff()
	for ctx.Err() == nil {
		t, err := c.round(ctx, round{tries: tries})
		if ctx.Err() != nil {
			return
		}
		for _, e := range t.errs {
			c.opts.log().Error("compaction job failed", "err", e)
		}
		if err != nil {
			c.metrics.failures.WithLabelValues("planning").Inc()
			c.opts.log().Error("compaction cannot plan, it will be tried again", "err", err)
		}
		if err != nil || t.ran == 0 {
			wait(ctx, c.opts.Interval, c.poke)
		}
	}
}

// wait returns after d, or when ctx ends or wake has something.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// guarded turns a panic into an error that names what was being done.
func guarded(what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: panic: %v\n%s", what, p, debug.Stack())
		}
	}()
	return do()
}
