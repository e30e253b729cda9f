package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/series"
)

// checkOverlaps looks into files of one level and unit that have a metric in
// common, as files that were cut inside one have: no series may be in two of them
// at the same time. What the catalog alone can tell is told by its own check.
func (f *checker) checkOverlaps(ctx context.Context) error {
	for _, files := range f.cutFiles() {
		slices.SortFunc(files, func(a, b *catalog.File) int { return cmp.Compare(a.MinName, b.MinName) })
		for i, a := range files {
			for _, b := range files[i+1:] {
				if b.MinName > a.MaxName {
					break
				}
				if a.MinT > b.MaxT || b.MinT > a.MaxT {
					continue
				}
				if err := f.checkPair(ctx, a, b); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cutFiles returns the compacted files, those of one partition, kind and level
// together.
func (f *checker) cutFiles() map[catalog.File][]*catalog.File {
	groups := map[catalog.File][]*catalog.File{}
	for file := range f.catalog.Snapshot().All() {
		if file.Level == 0 || file.Kind == catalog.Exemplars || file.MaxName == "" || f.damaged[file.ID] {
			continue
		}
		key := catalog.File{Tenant: file.Tenant, Kind: file.Kind, Level: file.Level, Day: file.Day, Days: file.Days, Partition: file.Partition}
		groups[key] = append(groups[key], file)
	}
	return groups
}

// checkPair reports how many series are in both files at the same time, and
// names the first.
func (f *checker) checkPair(ctx context.Context, a, b *catalog.File) error {
	left, err := f.index(ctx, a)
	if err != nil {
		return err
	}
	right, err := f.index(ctx, b)
	if err != nil {
		return err
	}
	var first promlabels.Labels
	count := 0
	for len(left) > 0 && len(right) > 0 {
		switch c := series.Compare(left[0].Labels, right[0].Labels); {
		case c < 0:
			left = left[1:]
		case c > 0:
			right = right[1:]
		default:
			if left[0].MinT <= right[0].MaxT && left[0].MaxT >= right[0].MinT {
				if count == 0 {
					first = left[0].Labels
				}
				count++
			}
			left, right = left[1:], right[1:]
		}
	}
	if count > 0 {
		f.found(Catalog, "files %s and %s, of one level, have %d series in common at the same time: %s is the first", a.Name, b.Name, count, first)
	}
	return nil
}

// index returns the series of a file, in the order of series.Compare.
func (f *checker) index(ctx context.Context, file *catalog.File) (_ []block.Ref, err error) {
	o, err := f.bucket.Open(ctx, file.Name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file.Name, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	opened, err := files.OpenObject(o, file)
	if err != nil {
		return nil, err
	}
	return opened.Find(&series.Query{MinT: math.MinInt64, MaxT: math.MaxInt64}), nil
}
