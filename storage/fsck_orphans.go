package storage

import (
	"context"
	"fmt"
	"math"
	"time"

	"herringbone/storage/bucket"
)

// suspectBatch bounds the names of one call of Catalog.Suspect.
const candidateBatch = 1000

// checkOrphans lists the bucket. It must come after checkFiles, which knows the
// objects of live files.
func (f *fsck) checkOrphans(ctx context.Context) error {
	if !f.opts.Orphans {
		return nil
	}
	since, err := f.candidatesSince(ctx)
	if err != nil {
		return err
	}
	if err := f.nameRemoved(ctx); err != nil {
		return err
	}
	var orphans []string
	err = f.bucket.List(ctx, "", func(o bucket.Info) error {
		if f.named[o.Name] {
			return nil
		}
		orphans = append(orphans, o.Name)
		if t, known := since[o.Name]; known {
			f.found(FindOrphan, "object %s is in the bucket and no catalog row names it; suspected since %s", o.Name, when(t))
		} else {
			f.found(FindOrphan, "object %s is in the bucket and no catalog row names it", o.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list bucket: %w", err)
	}
	return f.recordOrphans(ctx, orphans)
}

// suspectedSince returns when the suspects were recorded, by name.
func (f *fsck) candidatesSince(ctx context.Context) (map[string]int64, error) {
	list, err := f.catalog.OrphanCandidates(ctx, time.UnixMilli(math.MaxInt64), math.MaxInt32)
	if err != nil {
		return nil, err
	}
	since := make(map[string]int64, len(list))
	for _, s := range list {
		since[s.Name] = s.At
	}
	return since, nil
}

// nameRemoved adds the objects of files that were removed from the catalog and
// wait for their collection.
func (f *fsck) nameRemoved(ctx context.Context) error {
	removed, err := f.catalog.Deleted(ctx, time.UnixMilli(math.MaxInt64), math.MaxInt32)
	if err != nil {
		return err
	}
	for _, r := range removed {
		f.named[r.Name] = true
	}
	return nil
}

func (f *fsck) recordOrphans(ctx context.Context, orphans []string) error {
	for len(orphans) > 0 && f.opts.RecordOrphans {
		n := min(candidateBatch, len(orphans))
		if _, err := f.catalog.AddOrphanCandidates(ctx, orphans[:n]); err != nil {
			return err
		}
		orphans = orphans[n:]
	}
	return nil
}
