package compactor

import (
	"context"
	"errors"
	"fmt"

	"herringbone/compactor/scrub"
	"herringbone/compactor/status"
)

// scrubLoop reads one file after the other until ctx ends.
func (c *Compactor) scrubLoop(ctx context.Context) {
	s := scrub.NewWalk(c.opts.Scrub.BytesPerSecond)
	for ctx.Err() == nil {
		more := true
		err := guarded("scrub", func() (err error) {
			more, err = c.scrubOne(ctx, s)
			return err
		})
		if err != nil && ctx.Err() == nil {
			c.scrubber.CountError()
			c.opts.log().Error("scrub found trouble", "err", err)
		}
		if !more {
			wait(ctx, max(c.opts.Interval, s.Began().Add(c.opts.Scrub.Interval).Sub(c.now())), nil)
			c.refresh(ctx)
		}
	}
}

// refresh looks for what others have committed. If it cannot, the next round
// says so, and the scrub walks over what was there.
func (c *Compactor) refresh(ctx context.Context) { _ = c.opts.Catalog.Refresh(ctx) }

// Scrub reads every live file once, at the rate of the options. Damage is put in
// quarantine; what was not known is returned as an error that names the files.
func (c *Compactor) Scrub(ctx context.Context) error {
	if err := c.opts.Catalog.Refresh(ctx); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	s := scrub.NewWalk(c.opts.Scrub.BytesPerSecond)
	var errs []error
	for {
		more, err := c.scrubOne(ctx, s)
		if err != nil {
			errs = append(errs, err)
		}
		if !more || ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
}

// scrubOne reads the next file and notes the end of a walk.
func (c *Compactor) scrubOne(ctx context.Context, s *scrub.Walk) (bool, error) {
	more, err := c.scrubber.One(ctx, s)
	if !more {
		c.journal.Done(status.StepScrub, c.now())
	}
	return more, err
}
