package compactor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"herringbone/compactor/plan"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// liftMost bounds what one edit lifts; what is left is lifted next time.
const liftMost = 500

// LiftDone ends the deletes that have nothing left to hide: their receipts then
// say that the rows are removed.
func (c *Compactor) LiftDone(ctx context.Context) error {
	s := c.opts.Catalog.Snapshot()
	tenants, err := c.tombstoneTenants(ctx, s)
	if err != nil {
		return fmt.Errorf("lift tombstones: %w", err)
	}
	return c.lift(ctx, s, tenants)
}

// lift is LiftDone for some tenants.
func (c *Compactor) lift(ctx context.Context, s *catalog.Snapshot, tenants []series.Tenant) error {
	edit := catalog.Edit{Token: "lift/" + ulid.Make().String()}
	for _, t := range tenants {
		for _, ts := range s.Tombstones(t) {
			if ts.Cause == catalog.Deleted && len(edit.Lift) < liftMost && len(hiddenBy(s, ts, 1)) == 0 {
				edit.Lift = append(edit.Lift, ts.ID)
			}
		}
	}
	if len(edit.Lift) == 0 {
		return nil
	}
	if _, err := c.opts.Catalog.Commit(ctx, edit); err != nil && !c.lost(err) {
		return fmt.Errorf("lift %d tombstones: %w", len(edit.Lift), err)
	}
	return nil
}

// hiddenBy returns up to limit files of which ts may hide rows.
func hiddenBy(s *catalog.Snapshot, ts *catalog.Tombstone, limit int) []*catalog.File {
	var files []*catalog.File
	for _, kind := range s.Kinds(ts.Tenant) {
		for _, f := range s.Files(ts.Tenant, kind, ts.MinT, ts.MaxT, ts.Matchers...) {
			if len(files) < limit && ts.Hides(f) {
				files = append(files, f)
			}
		}
	}
	return files
}

// CleanTombstones rewrites every file that a delete hides rows of, and returns
// when that is done for all deletes that were there when it was called. It does
// the work itself; a job that Run is in the middle of ends first.
func (c *Compactor) CleanTombstones(ctx context.Context) error {
	if err := c.opts.Catalog.Refresh(ctx); err != nil {
		return fmt.Errorf("clean tombstones: %w", err)
	}
	until := c.opts.Catalog.Snapshot().Version()
	var errs []error
	tries := newBackoff()
	for {
		left := c.uncleaned(until)
		if left == nil {
			return c.LiftDone(ctx)
		}
		t, err := c.round(ctx, round{cleanAll: true, tries: tries, prefer: left.touches})
		errs = append(errs, t.errs...)
		switch {
		case err != nil:
			return fmt.Errorf("clean tombstones: %w", err)
		case t.ran == 0 && c.uncleaned(until) == nil: // Another node did it.
		case t.ran == 0:
			errs = append(errs, fmt.Errorf("file %s still holds rows that delete %s hides", left.files[0].Name, left.tombstones[0].ID))
			return fmt.Errorf("clean tombstones: %w", errors.Join(errs...))
		}
	}
}

// uncleaned is deletes and files with rows that they hide.
type uncleaned struct {
	tombstones []*catalog.Tombstone
	files      []*catalog.File // Some that the first tombstone hides rows of.
}

// uncleaned returns the deletes up to a version that still hide rows, or nil.
func (c *Compactor) uncleaned(until int64) *uncleaned {
	s := c.opts.Catalog.Snapshot()
	var u uncleaned
	for _, t := range s.Tenants() {
		for _, ts := range s.Tombstones(t) {
			if ts.Cause != catalog.Deleted || ts.Seq > until {
				continue
			}
			files := hiddenBy(s, ts, 1)
			if len(files) == 0 {
				continue
			}
			if len(u.tombstones) == 0 {
				u.files = files
			}
			u.tombstones = append(u.tombstones, ts)
		}
	}
	if len(u.tombstones) == 0 {
		return nil
	}
	return &u
}

// touches reports whether a job removes hidden rows.
func (u *uncleaned) touches(j plan.Job) bool {
	for _, in := range j.Inputs {
		for _, ts := range u.tombstones {
			if in.Remove && ts.Hides(in.File) {
				return true
			}
		}
	}
	return false
}

// tombstoneTenants is the tenants with files, and those without any that have
// deletes all the same.
func (c *Compactor) tombstoneTenants(ctx context.Context, s *catalog.Snapshot) ([]series.Tenant, error) {
	tenants := s.Tenants()
	receipts, err := c.opts.Catalog.Receipts(ctx, status.ReceiptsLimit)
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		if r.Done == 0 && !slices.Contains(tenants, r.Tenant) {
			tenants = append(tenants, r.Tenant)
		}
	}
	return tenants, nil
}
