package fsck

import (
	"context"
	"fmt"
	"math"
	"time"

	"herringbone/storage/bucket"
)

// candidateBatch bounds the names of one call of Catalog.AddOrphanCandidates.
const candidateBatch = 1000

// checkOrphans lists the bucket. It must come after checkFiles, which knows the
// objects of live files.
func (f *checker) checkOrphans(ctx context.Context) error {
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
			f.found(Orphan, "object %s is in the bucket and no catalog row names it; an orphan candidate since %s", o.Name, when(t))
		} else {
			f.found(Orphan, "object %s is in the bucket and no catalog row names it", o.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list bucket: %w", err)
	}
	return f.recordOrphans(ctx, orphans)
}

// candidatesSince returns when the candidates were recorded, by name.
func (f *checker) candidatesSince(ctx context.Context) (map[string]int64, error) {
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
func (f *checker) nameRemoved(ctx context.Context) error {
	removed, err := f.catalog.Deleted(ctx, time.UnixMilli(math.MaxInt64), math.MaxInt32)
	if err != nil {
		return err
	}
	for _, r := range removed {
		f.named[r.Name] = true
	}
	return nil
}

func (f *checker) recordOrphans(ctx context.Context, orphans []string) error {
	for len(orphans) > 0 && f.opts.RecordOrphans {
		n := min(candidateBatch, len(orphans))
		if _, err := f.catalog.AddOrphanCandidates(ctx, orphans[:n]); err != nil {
			return err
		}
		orphans = orphans[n:]
	}
	return nil
}
