package fsck

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/wal"
)

// Finding is one thing that Fsck found wrong.
type Finding struct {
	Kind Kind
	What string // Names the file, segment or row and tells what is wrong with it.
}

// FindingKind groups findings.
type Kind string

// The kinds of finding.
const (
	Catalog Kind = "catalog"
	Missing Kind = "missing"
	Damaged Kind = "damaged"
	WAL     Kind = "wal"
	Orphan  Kind = "orphan"
	// FindQuarantine is a file that was found damaged earlier: compaction leaves it
	// alone until it is acquitted.
	Quarantine Kind = "quarantine"
)

// FsckOptions choose what is looked at.
type Options struct {
	Node string // Whose WAL position holds for the directory.
	// Orphans also lists the bucket and reports objects that no catalog row names,
	// of a live file or of a removed one: harmless garbage of flushes and
	// compactions that were cut off.
	Orphans bool
	// RecordOrphans, with Orphans, records the orphans in the catalog: a node that runs
	// removes them when they have been orphans for long enough.
	RecordOrphans bool
}

// Fsck compares catalog, objects and WAL of a store that is not running, and
// calls report with each finding. It changes nothing, but for orphan candidates if it is
// asked to record them. The error is for what kept it from looking.
func Run(ctx context.Context, fs fsys.FS, b bucket.Bucket, c *catalog.Catalog, dir string, o Options, report func(Finding)) error {
	f := checker{fs: fs, bucket: b, catalog: c, dir: dir, opts: o, report: report, named: map[string]bool{}, damaged: map[string]bool{}}
	for _, step := range []func(context.Context) error{f.checkCatalog, f.checkQuarantine, f.checkFiles, f.checkOverlaps, f.checkWAL, f.checkOrphans} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("fsck: %w", err)
		}
	}
	return nil
}

type checker struct {
	fs      fsys.FS
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	dir     string
	opts    Options
	report  func(Finding)
	named   map[string]bool // Objects of live files.
	damaged map[string]bool // IDs of live files that are missing or damaged.
}

func (f *checker) found(kind Kind, format string, args ...any) {
	f.report(Finding{Kind: kind, What: fmt.Sprintf(format, args...)})
}

// checkCatalog includes that files above level 0 of one partition are disjoint.
func (f *checker) checkCatalog(ctx context.Context) error {
	findings, err := f.catalog.Check(ctx)
	for _, c := range findings {
		f.found(Catalog, "%s", c.What)
	}
	return err
}

func (f *checker) checkQuarantine(ctx context.Context) error {
	list, err := f.catalog.Quarantined(ctx)
	if err != nil {
		return err
	}
	for _, q := range list {
		f.found(Quarantine, "file %s was found damaged at %s: %s", q.Name, when(q.At), q.What)
	}
	return nil
}

func when(millis int64) string { return time.UnixMilli(millis).UTC().Format(time.RFC3339) }

// checkWAL reads every segment without changing it. A torn end of the newest is
// what a crash leaves behind and no finding.
func (f *checker) checkWAL(ctx context.Context) error {
	done, err := f.catalog.WALPosition(ctx, f.opts.Node)
	if err != nil {
		return fmt.Errorf("read WAL position: %w", err)
	}
	dir := filepath.Join(f.dir, "wal")
	segments, err := wal.List(f.fs, dir)
	if err != nil {
		return fmt.Errorf("list WAL segments: %w", err)
	}
	for i, seq := range segments {
		if seq <= done {
			continue // Committed; the next start removes it.
		}
		report, err := wal.Verify(f.fs, dir, seq, i >= len(segments)-2, func([]byte) error { return nil })
		if err != nil {
			return fmt.Errorf("read WAL segment %d: %w", seq, err)
		}
		for _, d := range report.Damaged {
			f.found(WAL, "segment %s is damaged at offset %d, %d bytes: %s", d.Segment, d.Offset, d.Length, d.Cause)
		}
	}
	return nil
}
