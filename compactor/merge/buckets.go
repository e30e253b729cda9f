package merge

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// mergeBuckets runs Merge of aggregates and Coarsen. Both are for aggregates
// that are all that is left: as long as there are samples, aggregates are made
// of these.
func (w *work) mergeBuckets() error {
	sources, err := w.openAll(anyFile)
	if err != nil {
		return err
	}
	resolution := w.job.Rows.Resolution()
	for _, s := range sources {
		own := s.Kind.Resolution()
		if !s.SamplesDropped || own == 0 || resolution%own != 0 {
			return fmt.Errorf("input %s of kind %s does not make %s: %w", s.ID, s.Kind, w.job.Rows, series.ErrInvalid)
		}
	}
	t := w.target(w.job.Rows, w.inputs())
	t.samplesDropped = w.job.Kind == plan.Merge // What is made coarser can be made again: the finer stay.
	return w.writeBuckets(sources, t)
}

func (w *work) cleanBuckets(in plan.Input, t target) error {
	if !in.SamplesDropped {
		return fmt.Errorf("input %s is not all that is left of its samples: it is made anew, not cleaned: %w", in.ID, series.ErrInvalid)
	}
	s, err := w.openSource(in)
	if err != nil {
		return err
	}
	t.samplesDropped = true
	return w.writeBuckets([]*source{s}, t)
}

// writeBuckets merges aggregates into those of the target's resolution.
func (w *work) writeBuckets(sources []*source, t target) error {
	to := w.newOutputs(t, sources)
	var combined, scratch aggregate.Buckets
	for walk := (walk{sources: sources}); ; {
		parts := walk.next()
		if len(parts) == 0 {
			return to.finish()
		}
		ls := parts[0].ref.Labels
		if w.job.Kind == plan.Coarsen && !matchesAny(w.job.Rules, ls) {
			w.buckets.skip(parts)
			continue
		}
		if err := w.combine(&combined, &scratch, parts, t.kind.Resolution()); err != nil {
			return err
		}
		if err := to.begin(); err != nil {
			return err
		}
		if err := to.addBuckets(ls, &combined); err != nil {
			return err
		}
		if err := w.pace.step(); err != nil {
			return err
		}
	}
}

// combine makes the aggregates of one series out of its parts, which are of
// different times. Two parts of one bucket, cut where two files meet, become one.
func (w *work) combine(dst, scratch *aggregate.Buckets, parts []part, resolution int64) error {
	dst.Reset()
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.ref.MinT, b.ref.MinT) })
	rows, samples := int64(0), int64(0)
	for i := range parts {
		p := &parts[i]
		if i > 0 && p.ref.MinT <= parts[i-1].ref.MaxT {
			return fmt.Errorf("inputs %s and %s both have aggregates of %v at %d: %w", parts[i-1].ID, p.ID, p.ref.Labels, p.ref.MinT, series.ErrInvalid)
		}
		scratch.Reset()
		if err := p.buckets.Read(p.ref, math.MinInt64, math.MaxInt64, scratch); err != nil {
			return damaged(p.File, err)
		}
		if int64(scratch.Len()) != p.ref.Rows {
			return differ("input %s has %d buckets in %d rows of %v", p.ID, scratch.Len(), p.ref.Rows, p.ref.Labels)
		}
		w.buckets.in += p.ref.Rows
		w.buckets.cutBuckets(&p.Input, p.mask, scratch)
		rows, samples = rows+int64(scratch.Len()), samples+totalOf(scratch.Counts)
		aggregate.Coarsen(dst, scratch, resolution)
	}
	if n := totalOf(dst.Counts); n != samples {
		return differ("aggregates of %v are of %d samples, there were %d", parts[0].ref.Labels, n, samples)
	}
	w.buckets.duplicates += rows - int64(dst.Len())
	return nil
}

// cutBuckets drops buckets that have a hidden time between their first and their
// last: of what they are made of nobody knows any more which part is hidden.
func (t *ledger) cutBuckets(in *plan.Input, mask catalog.Mask, a *aggregate.Buckets) {
	if len(mask) == 0 {
		return
	}
	var kept aggregate.Buckets
	for i := range a.Len() {
		first, last := a.Times(i)
		at := slices.IndexFunc(mask, func(by *catalog.Tombstone) bool { return by.MinT <= last && by.MaxT >= first })
		if at < 0 {
			kept.AppendRange(a, i, i+1)
			continue
		}
		t.hide(in, mask[at], 1)
	}
	*a = kept
}
