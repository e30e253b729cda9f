package deletes

import (
	"context"
	"math"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/series"
)

// hidden is what a tombstone of a delete hides.
type hidden struct {
	// rows were visible before: of samples, and of aggregates that are all that is
	// left of samples.
	rows int64
	// needed: there may be rows or exemplars that no delete before it hides. Rules
	// of retention may hide them, and will not when they are relaxed.
	needed bool
}

// hiddenIn tells what t hides in one file and mask, of the tombstones before it,
// does not.
func (d *Deleter) hiddenIn(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (h hidden, err error) {
	if !t.Hides(f) {
		return hidden{}, nil
	}
	var n int64
	if f.Kind.Resolution() == 0 || f.SamplesDropped { // Other rows tell of samples that are counted.
		if n, err = d.countIn(ctx, f, t, mask); err != nil {
			return hidden{}, err
		}
	}
	if f.Kind != catalog.Exemplars {
		h.rows = n
	}
	if deletes := mask.Deletes(); n == 0 && len(deletes) < len(mask) {
		if n, err = d.countIn(ctx, f, t, deletes); err != nil {
			return hidden{}, err
		}
	}
	h.needed = n > 0
	return h, nil
}

// countIn counts the rows or exemplars of one file that t hides and mask does
// not. Indexes answer where series lie whole inside its range; otherwise samples
// are read.
func (d *Deleter) countIn(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (int64, error) {
	if f.Kind == catalog.Exemplars {
		return d.hiddenExemplars(ctx, f, t, mask)
	}
	o, err := d.files.Acquire(ctx, f)
	if err != nil {
		return 0, err
	}
	defer d.files.Release(o)
	return hiddenRows(ctx, o, t, mask)
}

// hiddenRows counts the rows of an open file that t hides and mask does not.
func hiddenRows(ctx context.Context, o *files.File, t *catalog.Tombstone, mask catalog.Mask) (rows int64, err error) {
	read := hiddenSamples(o, t)
	if o.Aggregates != nil {
		read = hiddenBuckets(o, t)
	}
	for _, r := range o.Find(&series.Query{Matchers: t.Matchers, MinT: t.MinT, MaxT: t.MaxT}) {
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

func hiddenSamples(o *files.File, t *catalog.Tombstone) func(block.Ref, catalog.Mask) (int64, error) {
	var samples series.Samples
	return func(r block.Ref, own catalog.Mask) (int64, error) {
		scan := o.Reader.Scan(t.MinT, t.MaxT)
		defer scan.Close()
		samples.Reset()
		if err := scan.Read(r, &samples); err != nil {
			return 0, err
		}
		own.Cut(&samples)
		return int64(samples.Len()), nil
	}
}

func hiddenBuckets(o *files.File, t *catalog.Tombstone) func(block.Ref, catalog.Mask) (int64, error) {
	var buckets aggregate.Buckets
	return func(r block.Ref, own catalog.Mask) (n int64, err error) {
		buckets.Reset()
		if err := o.Aggregates.Read(r, math.MinInt64, math.MaxInt64, &buckets); err != nil {
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

func (d *Deleter) hiddenExemplars(ctx context.Context, f *catalog.File, t *catalog.Tombstone, mask catalog.Mask) (n int64, err error) {
	x, err := d.files.Exemplars(ctx, f)
	if err != nil {
		return 0, err
	}
	for _, e := range x.Select(t.MinT, t.MaxT, t.Matchers) {
		if t.HidesSeries(e.Labels) {
			n += int64(len(files.VisibleExemplars(&e, mask)))
		}
	}
	return n, nil
}
