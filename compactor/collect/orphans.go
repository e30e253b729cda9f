package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
)

// orphanBatch bounds the names that the catalog is asked about at once, and
// orphanMost the objects that one run deletes.
const (
	orphanBatch = 500
	orphanMost  = 10000
)

// CollectOrphans deletes objects that no row of the catalog names: of flushes and
// jobs that died before their commit. A listing makes only candidates, of objects
// that are older than Orphans.Age; what is deleted are candidates as old as that
// which the catalog still does not know. A commit that adds a candidate fails, so
// that none is deleted under a file that is about to live.
func (c *Collector) CollectOrphans(ctx context.Context, now time.Time) error {
	before := now.Add(-c.orphans.Age)
	if err := c.deleteOrphans(ctx, before); err != nil {
		return fmt.Errorf("collect orphans: %w", err)
	}
	if err := c.findOrphans(ctx, before); err != nil {
		return fmt.Errorf("look for orphans: %w", err)
	}
	return nil
}

// findOrphans tells the catalog of old objects that it may not know.
func (c *Collector) findOrphans(ctx context.Context, before time.Time) error {
	live := map[string]struct{}{} // Spares the catalog most of the questions.
	for f := range c.catalog.Snapshot().All() {
		live[f.Name] = struct{}{}
	}
	var names []string
	found := 0
	ask := func() error {
		n, err := c.catalog.AddOrphanCandidates(ctx, names)
		found += n
		names = names[:0]
		return err
	}
	err := c.bucket.List(ctx, "", func(o bucket.Info) error {
		if _, ok := live[o.Name]; ok || !o.Modified.Before(before) {
			return nil
		}
		if names = append(names, o.Name); len(names) < orphanBatch {
			return nil
		}
		return ask()
	})
	if err == nil && len(names) > 0 {
		err = ask()
	}
	if err == nil {
		c.metrics.orphanCandidates.Set(float64(found))
	}
	return err
}

// deleteOrphans deletes what was a candidate before a time and still is unknown.
func (c *Collector) deleteOrphans(ctx context.Context, before time.Time) error {
	list, err := c.catalog.OrphanCandidates(ctx, before, orphanMost)
	if err != nil {
		return err
	}
	if err := c.checkOrphanShare(ctx, len(list)); err != nil {
		return err
	}
	var errs []error
	for _, o := range list {
		if err := c.deleteOrphan(ctx, o.Name); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// checkOrphanShare is an error if there are more of them than a share of what the
// catalog knows: then rather the catalog is the wrong one.
func (c *Collector) checkOrphanShare(ctx context.Context, n int) error {
	if n <= c.objects.MinFiles {
		return nil
	}
	t, err := c.catalog.Totals(ctx)
	if err != nil {
		return err
	}
	all := int64(n) + t.LiveFiles + t.RemovedFiles
	if float64(n) <= c.objects.MaxShare*float64(all) {
		return nil
	}
	c.refused("orphans")
	return fmt.Errorf("%d of %d objects are not known to the catalog; at most %.0f %% of more than %d at once are allowed by collection.max_share (Collect.MaxShare) "+
		"and collection.min_files, so none is deleted: if the catalog is the right one, raise the share for a while: %w",
		n, all, 100*c.objects.MaxShare, c.objects.MinFiles, plan.ErrRefused)
}

func (c *Collector) deleteOrphan(ctx context.Context, name string) error {
	names := []string{name}
	n, err := c.catalog.AddOrphanCandidates(ctx, names)
	if err != nil {
		return err
	}
	if n > 0 {
		if err := c.bucket.Delete(ctx, name); err != nil {
			return err
		}
		c.metrics.orphansDeleted.Inc()
	}
	return c.catalog.ForgetOrphanCandidates(ctx, names)
}
