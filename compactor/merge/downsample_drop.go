package merge

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// dropper runs DropSamples: of series that have aggregates, these stay as all
// there is, and the others keep their samples.
//
// The aggregates are made anew of the samples, which are all there for the last
// time: so they are exact whatever was written or deleted since the old ones
// were made.
type dropper struct {
	w    *work
	m    *merger
	keep *outputs // Samples of series without aggregates.
	down downsamplers

	samples, buckets []part
	combined         aggregate.Buckets
	scratch          aggregate.Buckets
}

func (w *work) dropSamples() error {
	sources, err := w.openAll(anyFile)
	if err != nil {
		return err
	}
	d := w.newDropper(sources)
	for walk := (walk{sources: sources}); ; {
		parts := walk.next()
		if len(parts) == 0 {
			break
		}
		if err := d.series(parts); err != nil {
			return err
		}
	}
	if err := d.keep.finish(); err != nil {
		return err
	}
	return d.down.finish()
}

func (w *work) newDropper(sources []*source) *dropper {
	d := &dropper{w: w, m: newMerger(w)}
	all := resolutions(w.job.Rules)
	var samples []*catalog.File
	for _, s := range sources {
		if r := s.Kind.Resolution(); r > 0 {
			all = append(all, r)
		} else {
			samples = append(samples, s.File)
		}
	}
	slices.Sort(all)
	for _, r := range slices.Compact(all) {
		one := w.newDownsampler(r, sources)
		one.to.samplesDropped = true
		d.down = append(d.down, one)
	}
	d.keep = w.newOutputs(w.target(catalog.Samples, samples), sources)
	return d
}

// series takes the parts of one series: samples and aggregates.
func (d *dropper) series(parts []part) error {
	d.samples, d.buckets = d.samples[:0], d.buckets[:0]
	dropped := false
	for _, p := range parts {
		if p.buckets == nil {
			d.samples = append(d.samples, p)
			continue
		}
		d.buckets = append(d.buckets, p)
		dropped = dropped || p.SamplesDropped
	}
	ls := parts[0].ref.Labels
	switch wanted := d.begin(ls); {
	case !wanted:
		return d.w.mergeSeries(d.m, d.samples, d.keep, nil)
	case dropped || len(d.samples) == 0:
		d.w.rows.skip(d.samples) // No query sees them.
		return d.copyBuckets(ls)
	default:
		return d.aggregate(ls)
	}
}

// begin wants those resolutions that the series has aggregates of, or rules.
func (d *dropper) begin(ls labels.Labels) bool {
	wanted := d.down.begin(ls)
	for _, one := range d.down {
		if slices.ContainsFunc(d.buckets, func(p part) bool { return p.Kind.Resolution() == one.resolution }) {
			one.wanted, wanted = true, true
		}
	}
	return wanted
}

// aggregate makes the aggregates of a series, unless it turns out to have
// histograms: then its samples are read a second time, to be kept.
func (d *dropper) aggregate(ls labels.Labels) error {
	d.w.buckets.skip(d.buckets)
	before := d.w.rows.clone()
	err := d.m.stream(slices.Clone(d.samples), func(s *series.Samples) error {
		d.down.add(s)
		d.w.rows.dropped += int64(s.Len())
		return nil
	})
	if err != nil {
		return err
	}
	if !d.down.histograms() {
		return d.down.end(ls)
	}
	d.w.rows = before
	return d.w.mergeSeries(d.m, d.samples, d.keep, nil)
}

// copyBuckets keeps the aggregates of a series as they are.
func (d *dropper) copyBuckets(ls labels.Labels) error {
	for _, one := range d.down {
		var own []part
		for _, p := range d.buckets {
			if p.Kind.Resolution() == one.resolution {
				own = append(own, p)
			}
		}
		if err := d.w.combine(&d.combined, &d.scratch, own, one.resolution); err != nil {
			return err
		}
		if err := one.to.begin(); err != nil {
			return err
		}
		if err := one.to.addBuckets(ls, &d.combined); err != nil {
			return err
		}
	}
	return nil
}
