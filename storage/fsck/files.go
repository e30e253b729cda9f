package fsck

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/series"
)

func (f *checker) checkFiles(ctx context.Context) error {
	for file := range f.catalog.Snapshot().All() {
		f.named[file.Name] = true
		what, kind, err := f.checkFile(ctx, file)
		if err != nil {
			return err
		}
		if what != "" {
			f.damaged[file.ID] = true
			f.found(kind, "%s", what)
		}
	}
	return nil
}

// checkFile returns what is wrong with a file, if something is.
func (f *checker) checkFile(ctx context.Context, file *catalog.File) (what string, kind Kind, err error) {
	o, err := f.bucket.Open(ctx, file.Name)
	if errors.Is(err, bucket.ErrNotFound) {
		return fmt.Sprintf("file %s is in the catalog and not in the bucket", file.Name), Missing, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("open %s: %w", file.Name, err)
	}
	defer o.Close()
	if o.Size() != file.Size {
		return fmt.Sprintf("file %s has %d bytes, the catalog says %d", file.Name, o.Size(), file.Size), Damaged, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(o, 0, file.Size)); err != nil {
		return "", "", fmt.Errorf("read %s: %w", file.Name, err)
	}
	if [32]byte(sum.Sum(nil)) != file.SHA256 {
		return fmt.Sprintf("file %s does not have the checksum that the catalog says", file.Name), Damaged, nil
	}
	if err := checkContents(o, file); err != nil {
		return fmt.Sprintf("file %s: %v", file.Name, err), Damaged, nil
	}
	return "", "", nil
}

// checkContents reads a file whole and compares it with its catalog row.
func checkContents(o bucket.Object, file *catalog.File) error {
	if file.Kind == catalog.Exemplars {
		_, err := block.OpenExemplars(o, file.Size, file.Name, file.Size-file.Tail, file.TailCRC)
		return err
	}
	opened, err := files.OpenObject(o, file)
	if err != nil {
		return err
	}
	var c contents
	if opened.Aggregates != nil {
		err = opened.Aggregates.Each(c.addBuckets)
	} else {
		err = opened.Reader.Each(c.addSamples)
	}
	if err != nil {
		return err
	}
	if c.rows != file.Rows || c.series != file.Series {
		return fmt.Errorf("%d rows of %d series, the catalog says %d of %d", c.rows, c.series, file.Rows, file.Series)
	}
	return nil
}

// contents is what there is in a file.
type contents struct{ rows, series int64 }

func (c *contents) addSamples(ls promlabels.Labels, samples *series.Samples) error {
	return c.add(ls, samples.Times)
}

func (c *contents) addBuckets(ls promlabels.Labels, buckets *aggregate.Buckets) error {
	return c.add(ls, buckets.Ends)
}

func (c *contents) add(ls promlabels.Labels, times []int64) error {
	if !slices.IsSorted(times) {
		return fmt.Errorf("series %s is not in time order", ls)
	}
	c.rows += int64(len(times))
	c.series++
	return nil
}
