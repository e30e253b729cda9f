package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
)

// collectMost bounds what one run of Collect looks at; the next goes on.
const collectMost = 20000

// collectBatch is how many objects are deleted before their rows go.
const collectBatch = 200

// Collect deletes the objects of files that were removed longer than the grace
// period before now, and forgets the files. It goes by the catalog alone: objects
// first, rows second, so that a crash between them leaves rows by which the next
// run finds that it has nothing left to delete.
//
// It refuses all of it, with an error that wraps ErrRefused and names the
// setting, if it is suspiciously much at once.
func (c *Collector) Collect(ctx context.Context, now time.Time) error {
	if err := c.catalog.Refresh(ctx); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	due, err := c.catalog.Deleted(ctx, now.Add(-c.objects.Grace), collectMost)
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	if err := c.checkDue(ctx, due); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	for len(due) > 0 {
		n := min(len(due), collectBatch)
		if err := c.collect(ctx, due[:n]); err != nil {
			return fmt.Errorf("collect: %w", err)
		}
		due = due[n:]
	}
	return nil
}

// collect deletes some objects and forgets their files, also when not all could
// be deleted.
func (c *Collector) collect(ctx context.Context, due []catalog.DeletedFile) error {
	var deleted []string
	var errs []error
	for i := range due {
		f := &due[i]
		if err := c.bucket.Delete(ctx, f.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		deleted = append(deleted, f.ID)
		c.metrics.collectedFiles.Inc()
		c.metrics.collectedBytes.Add(float64(f.Size))
	}
	if len(deleted) > 0 {
		errs = append(errs, c.catalog.Purge(ctx, deleted))
	}
	return errors.Join(errs...)
}

// checkDue is an error if too large a share of all bytes would be deleted. Files
// that others took the place of do not count: of them, compaction alone makes
// any share.
func (c *Collector) checkDue(ctx context.Context, due []catalog.DeletedFile) error {
	s := c.catalog.Snapshot()
	count, bytes, looked := 0, int64(0), int64(0)
	for i := range due {
		f := &due[i].File
		looked += f.Size
		if !replaced(s, f) {
			count++
			bytes += f.Size
		}
	}
	if count <= c.objects.MinFiles {
		return nil
	}
	t, err := c.catalog.Totals(ctx)
	if err != nil {
		return err
	}
	all := t.LiveBytes + t.RemovedBytes
	if len(due) == collectMost { // There are more; take them for like these.
		bytes = int64(float64(bytes) / float64(looked) * float64(t.RemovedBytes))
	}
	if float64(bytes) <= c.objects.MaxShare*float64(all) {
		return nil
	}
	c.refused("collect")
	return fmt.Errorf("%d files with %.0f %% of all bytes are due; at most %.0f %% of more than %d files at once are allowed by collection.max_share (Collect.MaxShare) "+
		"and collection.min_files, so none is deleted: if it is meant, raise the share for a while: %w",
		count, 100*float64(bytes)/float64(all), 100*c.objects.MaxShare, c.objects.MinFiles, plan.ErrRefused)
}

// replaced reports whether a live file of the same partition, on the same days,
// was written at least as late: what compaction leaves.
func replaced(s *catalog.Snapshot, f *catalog.File) bool {
	for _, g := range s.Files(f.Tenant, f.Kind, f.MinT, f.MaxT) {
		if g.Partition == f.Partition && g.Seq >= f.Seq && g.Day <= f.Day && g.Day+int64(g.Days) >= f.Day+int64(f.Days) {
			return true
		}
	}
	return false
}
