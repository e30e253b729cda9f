package storage

import (
	"context"
	"math"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// hidden is what a tombstone hides that was visible before.
type hidden struct {
	rows      int64 // Of samples, and of aggregates that are all that is left of samples.
	exemplars int64
}

// hiddenIn counts what t hides in one file and mask, of the tombstones before
// it, does not. Indexes answer where series lie whole inside its range;
// otherwise samples are read.
func (s *Store) hiddenIn(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (hidden, error) {
	switch {
	case !t.Hides(f):
		return hidden{}, nil
	case f.Kind == catalog.Exemplars:
		n, err := s.hiddenExemplars(ctx, f, t, mask)
		return hidden{exemplars: n}, err
	case f.Kind != catalog.Samples && !f.Sole:
		return hidden{}, nil // Its rows tell of samples that are counted.
	}
	o, err := s.files.acquire(ctx, f)
	if err != nil {
		return hidden{}, err
	}
	defer s.files.release(o)
	n, err := o.hides(ctx, t, mask)
	return hidden{rows: n}, err
}

func (o *openFile) hides(ctx context.Context, t *catalog.Tombstone, mask catalog.Mask) (rows int64, err error) {
	read := o.hiddenSamples(t)
	if o.aggregates != nil {
		read = o.hiddenBuckets(t)
	}
	for _, r := range o.find(&series.Query{Matchers: t.Matchers, MinT: t.MinT, MaxT: t.MaxT}) {
		own := mask.Of(r.Labels)
		switch {
		case !t.HidesSeries(r.Labels) || own.Covers(max(r.MinT, t.MinT), min(r.MaxT, t.MaxT)):
		case own == nil && r.MinT >= t.MinT && r.MaxT <= t.MaxT:
			rows += r.Rows
		default:
			n, err := read(r, own)
			if err != nil {
				return 0, err
			}
			rows += n
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return rows, nil
}

func (o *openFile) hiddenSamples(t *catalog.Tombstone) func(block.Ref, catalog.Mask) (int64, error) {
	var samples series.Samples
	return func(r block.Ref, own catalog.Mask) (int64, error) {
		scan := o.reader.Scan(t.MinT, t.MaxT)
		defer scan.Close()
		samples.Reset()
		if err := scan.Read(r, &samples); err != nil {
			return 0, err
		}
		own.Cut(&samples)
		return int64(samples.Len()), nil
	}
}

func (o *openFile) hiddenBuckets(t *catalog.Tombstone) func(block.Ref, catalog.Mask) (int64, error) {
	var buckets series.Aggregates
	return func(r block.Ref, own catalog.Mask) (n int64, err error) {
		buckets.Reset()
		if err := o.aggregates.Read(r, math.MinInt64, math.MaxInt64, &buckets); err != nil {
			return 0, err
		}
		for i := range buckets.Len() {
			from, to := buckets.Times(i)
			if from <= t.MaxT && to >= t.MinT && !own.Meets(from, to) {
				n++
			}
		}
		return n, nil
	}
}

func (s *Store) hiddenExemplars(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (n int64, err error) {
	x, err := s.openExemplars(ctx, f)
	if err != nil {
		return 0, err
	}
	for _, e := range x.Select(t.MinT, t.MaxT, t.Matchers) {
		if t.HidesSeries(e.Labels) {
			n += int64(len(visibleExemplars(&e, mask)))
		}
	}
	return n, nil
}
