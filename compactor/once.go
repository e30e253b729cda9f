package compactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"herringbone/compactor/plan"
)

// OnceOptions choose what RunOnce does. What is chosen is done in the order of
// the fields.
type OnceOptions struct {
	Now time.Time // Instead of Options.Now; zero is that.

	Expire   bool // Retention.
	Compact  bool // Jobs, until there are none.
	Jobs     int  // With Compact: that many jobs at most, or some more that run side by side; 0 is all.
	CleanAll bool // With Compact: also all deletes.
	Collect  bool // Objects of files that were removed long enough ago.
	Orphans  bool // Objects that the catalog does not know.
	Scrub    bool // Every file, once.
}

// RunOnce takes each of the chosen steps once and returns when they are done. A
// step's error does not keep the others from being done.
func (c *Compactor) RunOnce(ctx context.Context, o OnceOptions) error {
	at := func() time.Time {
		if o.Now.IsZero() {
			return c.now()
		}
		return o.Now
	}
	var errs []error
	step := func(chosen bool, name string, do func() error) {
		if chosen && ctx.Err() == nil {
			errs = append(errs, guarded(name, do))
		}
	}
	step(o.Expire, "retention", func() error { return c.retain(ctx, at()) })
	step(o.Compact, "compaction", func() error { return c.settle(ctx, at, o.CleanAll, o.Jobs) })
	step(o.Collect, "collection", func() error { return c.Collect(ctx, at()) })
	step(o.Orphans, "collection of orphans", func() error { return c.CollectOrphans(ctx, at()) })
	step(o.Scrub, "scrub", func() error { return c.Scrub(ctx) })
	return errors.Join(append(errs, ctx.Err())...)
}

// Settle compacts until the plan is empty but for jobs that fail, whose errors it
// returns.
func (c *Compactor) Settle(ctx context.Context) error { return c.settle(ctx, c.now, false, 0) }

func (c *Compactor) settle(ctx context.Context, now func() time.Time, cleanAll bool, most int) error {
	tries := newBackoff()
	var errs []error
	ran := 0
	for {
		t, err := c.round(ctx, round{now: now, cleanAll: cleanAll, tries: tries})
		errs = append(errs, t.errs...)
		if err != nil {
			return fmt.Errorf("compact: %w", errors.Join(append(errs, err)...))
		}
		if ran += t.ran; t.ran == 0 || most > 0 && ran >= most {
			return errors.Join(errs...)
		}
	}
}

// Planned is what would be done now.
func (c *Compactor) Planned(ctx context.Context) ([]plan.Job, error) {
	jobs, _, err := c.planned(ctx, round{})
	return jobs, err
}
