package compactor

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"herringbone/storage/catalog"
)

// scrubLoop reads one file after the other until ctx ends.
func (c *Compactor) scrubLoop(ctx context.Context) {
	s := newScrub(c.opts.Scrub.BytesPerSecond)
	for ctx.Err() == nil {
		more := true
		err := guarded("scrub", func() (err error) {
			more, err = c.scrubOne(ctx, s)
			return err
		})
		if err != nil && ctx.Err() == nil {
			c.metrics.scrubErrors.Inc()
			c.opts.log().Error("scrub found trouble", "err", err)
		}
		if !more {
			wait(ctx, max(c.opts.Interval, s.began.Add(c.opts.Scrub.Interval).Sub(c.now())), nil)
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
	s := newScrub(c.opts.Scrub.BytesPerSecond)
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

// scrubOne reads the next file and reports whether there was one; if not, the
// next call begins anew. The error names damage that was not known before, or
// says what kept it from looking; the walk goes on behind the file in any case.
func (c *Compactor) scrubOne(ctx context.Context, s *scrub) (bool, error) {
	snapshot := c.opts.Catalog.Snapshot()
	if s.after == "" {
		s.began = c.now()
		c.metrics.scrubBegan(snapshot)
	}
	f := s.next(snapshot)
	if f == nil {
		s.after = ""
		c.journal.done(stepScrub, c.now())
		return false, nil
	}
	s.after = f.ID
	v, err := s.read(ctx, c.opts.Bucket, f)
	c.metrics.scrubbed(f, v.bytes)
	switch {
	case errors.Is(err, syscall.EIO):
		return true, c.unreadable(ctx, f, err)
	case err != nil:
		return true, err
	}
	c.unread.succeeded(f.ID)
	return true, c.pass(ctx, f, v)
}

// pass acts on what reading a file told.
func (c *Compactor) pass(ctx context.Context, f *catalog.File, v verdict) error {
	known, err := c.quarantine.has(ctx, f.ID)
	if err != nil {
		return err
	}
	switch {
	case v.what == "" && known:
		err = c.quarantine.acquit(ctx, f)
	case v.what != "" && !known:
		err = c.setAside(ctx, f, v.what)
	}
	if err != nil {
		return fmt.Errorf("scrub %s: %w", f.Name, err)
	}
	return nil
}

// setAside puts a file that was found damaged in quarantine, and returns an error
// that says so. A file that is not live any more is none: its object may be
// gone rightly.
func (c *Compactor) setAside(ctx context.Context, f *catalog.File, what string) error {
	if err := c.opts.Catalog.Refresh(ctx); err != nil {
		return err
	}
	if !isLive(c.opts.Catalog.Snapshot(), f) {
		return nil
	}
	if err := c.quarantine.add(ctx, f, what); err != nil {
		return err
	}
	return fmt.Errorf("file %s is damaged: %s; it is set aside and queries that need it fail", f.Name, what)
}

func isLive(s *catalog.Snapshot, f *catalog.File) bool {
	for _, g := range s.Files(f.Tenant, f.Kind, f.MinT, f.MaxT) {
		if g.ID == f.ID {
			return true
		}
	}
	return false
}
