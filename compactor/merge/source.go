package merge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// source is one input that is open for reading, of samples or of aggregates. It
// is used by one goroutine.
type source struct {
	plan.Input
	mask   catalog.Mask
	object bucket.Object

	samples *block.Reader // nil: it has aggregates.
	scan    *block.Scan
	buckets *block.AggregateReader

	refs []block.Ref // Of all series, in their order.
	next int         // The first of refs that the walk has not come to.
}

// openObject opens the object of a file and checks its size.
func (w *work) openObject(ctx context.Context, f *catalog.File) (bucket.Object, error) {
	o, err := w.x.opts.Bucket.Open(ctx, f.Name)
	if err != nil {
		return nil, err
	}
	if o.Size() != f.Size {
		size := o.Size()
		return nil, errors.Join(fmt.Errorf("object has %d bytes, the catalog says %d: %w", size, f.Size, series.ErrCorrupt), o.Close())
	}
	return o, nil
}

// openSource opens one input. Its labels are made once, here; they are most of
// the memory that an input takes.
func (w *work) openSource(in plan.Input) (_ *source, err error) {
	s := &source{Input: in, mask: w.snapshot.Mask(in.File)}
	if s.object, err = w.openObject(w.ctx, in.File); err != nil {
		return nil, damaged(in.File, err)
	}
	w.sources = append(w.sources, s)
	r := &pacedReader{s.object, w.pace}
	f := in.File
	rows, count := int64(0), 0
	if f.Kind == catalog.Samples {
		if s.samples, err = block.Open(r, f.Size, f.Name, f.Size-f.Tail, f.TailCRC); err != nil {
			return nil, damaged(f, err)
		}
		s.scan = s.samples.Scan(math.MinInt64, math.MaxInt64)
		s.refs = s.samples.Select(nil, math.MinInt64, math.MaxInt64, 0)
		rows, count = s.samples.Rows(), s.samples.Series()
	} else {
		if s.buckets, err = block.OpenAggregates(r, f.Size, f.Name, f.Size-f.Tail, f.TailCRC); err != nil {
			return nil, damaged(f, err)
		}
		s.refs = s.buckets.Select(nil, math.MinInt64, math.MaxInt64, 0)
		rows, count = s.buckets.Rows(), s.buckets.Series()
	}
	if rows != f.Rows || int64(count) != f.Series {
		return nil, damaged(f, fmt.Errorf("file has %d rows of %d series, the catalog says %d of %d: %w", rows, count, f.Rows, f.Series, series.ErrCorrupt))
	}
	return s, nil
}

// openAll opens all inputs that the job reads and that want accepts, in the
// order of writing.
func (w *work) openAll(want func(*catalog.File) bool) ([]*source, error) {
	inputs := slices.Clone(w.job.Inputs)
	slices.SortFunc(inputs, func(a, b plan.Input) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) })
	var all []*source
	for _, in := range inputs {
		if !w.job.Reads(in.File) || !want(in.File) {
			continue
		}
		s, err := w.openSource(in)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func anyFile(*catalog.File) bool { return true }

func (s *source) close() error {
	if s.scan != nil {
		s.scan.Close()
	}
	_ = s.object.Close() // It was only read, and its bytes are checksummed.
	return nil
}

// part is what one source has of a series.
type part struct {
	*source
	ref  block.Ref
	mask catalog.Mask // Of the series.
}

// walk visits the series of several sources in order, each once.
type walk struct {
	sources []*source
	parts   []part
}

// next returns what the sources have of the next series, in the order of
// writing; valid until the next call. It is empty at the end.
//
// Most sources have the same series, so all are looked at each time: labels that
// are equal are found so without being compared label by label.
func (w *walk) next() []part {
	w.parts = w.parts[:0]
	var least labels.Labels
	for _, s := range w.sources {
		if s.next == len(s.refs) {
			continue
		}
		ref := s.refs[s.next]
		switch {
		case len(w.parts) == 0 || !labels.Equal(ref.Labels, least) && series.Compare(ref.Labels, least) < 0:
			least = ref.Labels
			w.parts = append(w.parts[:0], part{source: s, ref: ref})
		case labels.Equal(ref.Labels, least):
			w.parts = append(w.parts, part{source: s, ref: ref})
		}
	}
	for i := range w.parts {
		p := &w.parts[i]
		p.source.next++
		if len(p.source.mask) > 0 {
			p.mask = p.source.mask.Of(least)
		}
	}
	return w.parts
}

// labelNames are the names of labels that series of s have.
func (s *source) labelNames() []string {
	if s.samples != nil {
		return s.samples.LabelNames(nil, math.MinInt64, math.MaxInt64)
	}
	return s.buckets.LabelNames(nil, math.MinInt64, math.MaxInt64)
}
