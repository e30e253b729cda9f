package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// Finding is one thing that Fsck found wrong.
type Finding struct {
	Kind FindingKind
	What string // Names the file, segment or row and tells what is wrong with it.
}

// FindingKind groups findings.
type FindingKind string

// The kinds of finding.
const (
	FindCatalog FindingKind = "catalog"
	FindMissing FindingKind = "missing"
	FindDamaged FindingKind = "damaged"
	FindWAL     FindingKind = "wal"
	FindOrphan  FindingKind = "orphan"
)

// FsckOptions choose what is looked at.
type FsckOptions struct {
	Node string // Whose WAL position holds for the directory.
	// Orphans also lists the bucket and reports objects that no catalog row
	// names: harmless garbage of flushes that were cut off.
	Orphans bool
}

// Fsck compares catalog, objects and WAL of a store that is not running, and
// calls report with each finding. It changes nothing. The error is for what kept
// it from looking.
func Fsck(ctx context.Context, fs fsys.FS, b bucket.Bucket, c *catalog.Catalog, dir string, o FsckOptions, report func(Finding)) error {
	f := fsck{fs: fs, bucket: b, catalog: c, dir: dir, opts: o, report: report, named: map[string]bool{}}
	for _, step := range []func(context.Context) error{f.checkCatalog, f.checkFiles, f.checkWAL, f.checkOrphans} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("fsck: %w", err)
		}
	}
	return nil
}

type fsck struct {
	fs      fsys.FS
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	dir     string
	opts    FsckOptions
	report  func(Finding)
	named   map[string]bool // Objects that the catalog names.
}

func (f *fsck) found(kind FindingKind, format string, args ...any) {
	f.report(Finding{Kind: kind, What: fmt.Sprintf(format, args...)})
}

// checkCatalog includes that files above level 0 of one partition are disjoint.
func (f *fsck) checkCatalog(ctx context.Context) error {
	findings, err := f.catalog.Check(ctx)
	for _, c := range findings {
		f.found(FindCatalog, "%s", c.What)
	}
	return err
}

func (f *fsck) checkFiles(ctx context.Context) error {
	for file := range f.catalog.Snapshot().All() {
		f.named[file.Name] = true
		if err := f.checkFile(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (f *fsck) checkFile(ctx context.Context, file *catalog.File) error {
	o, err := f.bucket.Open(ctx, file.Name)
	if errors.Is(err, bucket.ErrNotFound) {
		f.found(FindMissing, "file %s is in the catalog and not in the bucket", file.Name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", file.Name, err)
	}
	defer o.Close()
	if o.Size() != file.Size {
		f.found(FindDamaged, "file %s has %d bytes, the catalog says %d", file.Name, o.Size(), file.Size)
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(o, 0, file.Size)); err != nil {
		return fmt.Errorf("read %s: %w", file.Name, err)
	}
	if [32]byte(sum.Sum(nil)) != file.SHA256 {
		f.found(FindDamaged, "file %s does not have the checksum that the catalog says", file.Name)
		return nil
	}
	if err := checkContents(o, file); err != nil {
		f.found(FindDamaged, "file %s: %v", file.Name, err)
	}
	return nil
}

// checkContents reads a file whole and compares it with its catalog row.
func checkContents(o bucket.Object, file *catalog.File) error {
	if file.Kind == catalog.Exemplars {
		_, err := block.OpenExemplars(o, file.Size, file.Name, file.Size-file.Tail, file.TailCRC)
		return err
	}
	r, err := block.Open(o, file.Size, file.Name, file.Size-file.Tail, file.TailCRC)
	if err != nil {
		return err
	}
	var rows, count int64
	err = r.Each(func(ls promlabels.Labels, samples *series.Samples) error {
		if !slices.IsSorted(samples.Times) {
			return fmt.Errorf("series %s is not in time order", ls)
		}
		rows += int64(samples.Len())
		count++
		return nil
	})
	if err != nil {
		return err
	}
	if rows != file.Rows || count != file.Series {
		return fmt.Errorf("%d rows of %d series, the catalog says %d of %d", rows, count, file.Rows, file.Series)
	}
	return nil
}

// checkWAL reads every segment without changing it. A torn end of the newest is
// what a crash leaves behind and no finding.
func (f *fsck) checkWAL(ctx context.Context) error {
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
			f.found(FindWAL, "segment %s is damaged at offset %d, %d bytes: %s", d.Segment, d.Offset, d.Length, d.Cause)
		}
	}
	return nil
}

func (f *fsck) checkOrphans(ctx context.Context) error {
	if !f.opts.Orphans {
		return nil
	}
	err := f.bucket.List(ctx, "", func(o bucket.Info) error {
		if !f.named[o.Name] {
			f.found(FindOrphan, "object %s is in the bucket and no live catalog row names it", o.Name)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list bucket: %w", err)
	}
	return nil
}
