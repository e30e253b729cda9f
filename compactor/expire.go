package compactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"herringbone/compactor/retention"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
)

// Expire applies retention once: tombstones for rows that are older than their
// series' rules allow, and files that are old as a whole removed. What it does
// for one tenant is not held up by another's error.
func (c *Compactor) Expire(ctx context.Context, now time.Time) error {
	if err := c.opts.Catalog.Refresh(ctx); err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	s := c.opts.Catalog.Snapshot()
	var errs []error
	for _, t := range s.Tenants() {
		p := c.policy.Expiry(s, t, now, retention.Guard{Share: c.opts.MaxExpireShare, Files: c.opts.Collect.MinFiles})
		if p.Refused != nil {
			c.metrics.refused.WithLabelValues("expire").Inc()
			errs = append(errs, p.Refused)
		}
		if err := c.commitExpiry(ctx, p); err != nil && !c.lost(err) {
			errs = append(errs, fmt.Errorf("expire data of tenant %s: %w", t, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.journal.Done(status.StepExpire, c.now())
	return nil
}

// lost reports whether err is a lost race, and counts it: whoever was first has
// changed what the plan was made from.
func (c *Compactor) lost(err error) bool {
	if errors.Is(err, catalog.ErrConflict) {
		c.metrics.lostRaces.Inc()
		return true
	}
	return false
}

func (c *Compactor) commitExpiry(ctx context.Context, e retention.Expiry) error {
	for _, edit := range e.Edits() {
		if _, err := c.opts.Catalog.Commit(ctx, edit); err != nil {
			return err
		}
		n := len(edit.Remove)
		c.metrics.expired(e.Remove[:n])
		e.Remove = e.Remove[n:]
	}
	return nil
}
