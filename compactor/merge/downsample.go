package merge

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// downsampler makes the aggregates of one resolution of the series that pass by.
type downsampler struct {
	w          *work
	resolution int64
	rules      []*plan.Rule
	to         *outputs

	// Of the series that passes by:
	wanted    bool
	histogram bool  // It has one, so it has no aggregates.
	fed       int64 // Samples, without staleness markers.
	buckets   aggregate.Buckets
}

// downsamplers are those of all resolutions of a job.
type downsamplers []*downsampler

// resolutions returns the different resolutions of rules, rising.
func resolutions(rules []*plan.Rule) []int64 {
	var all []int64
	for _, r := range rules {
		all = append(all, r.Resolution)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// newDownsamplers makes those that the job's rules ask for.
func (w *work) newDownsamplers(sources []*source) (all downsamplers) {
	for _, r := range resolutions(w.job.Rules) {
		all = append(all, w.newDownsampler(r, sources))
	}
	return all
}

// newDownsampler: aggregates are as new as the newest of the samples that they
// are made of.
func (w *work) newDownsampler(resolution int64, sources []*source) *downsampler {
	var from []*catalog.File
	for _, s := range sources {
		from = append(from, s.File)
	}
	d := &downsampler{w: w, resolution: resolution}
	for _, r := range w.job.Rules {
		if r.Resolution == resolution {
			d.rules = append(d.rules, r)
		}
	}
	d.to = w.newOutputs(w.target(catalog.Aggregates(resolution), from), sources)
	return d
}

// begin is called before each series and reports whether its samples are wanted.
func (d downsamplers) begin(ls labels.Labels) bool {
	wanted := false
	for _, one := range d {
		one.begin(matchesAny(one.rules, ls))
		wanted = wanted || one.wanted
	}
	return wanted
}

func (d *downsampler) begin(wanted bool) {
	d.wanted, d.histogram, d.fed = wanted, false, 0
	d.buckets.Reset()
}

// add takes samples of the series, in the order of time.
func (d downsamplers) add(s *series.Samples) {
	if !slices.ContainsFunc(d, func(one *downsampler) bool { return one.wanted && !one.histogram }) {
		return
	}
	histogram := false
	for i := range s.Histograms {
		histogram = histogram || s.HistogramAt(i) != nil
	}
	real := countReal(s.Values)
	for _, one := range d {
		switch {
		case !one.wanted || one.histogram:
		case histogram:
			one.histogram = true
			one.buckets.Reset()
		default:
			one.fed += real
			aggregate.Append(&one.buckets, s, one.resolution)
		}
	}
}

// countReal counts the values that are no staleness markers.
func countReal(values []float64) (n int64) {
	for _, v := range values {
		if v == v || !value.IsStaleNaN(v) {
			n++
		}
	}
	return n
}

// end writes the series' aggregates.
func (d downsamplers) end(ls labels.Labels) error {
	for _, one := range d {
		if err := one.end(ls); err != nil {
			return err
		}
	}
	return nil
}

func (d *downsampler) end(ls labels.Labels) error {
	if !d.wanted || d.histogram {
		return nil
	}
	if n := totalOf(d.buckets.Counts); n != d.fed {
		return differ("aggregates of %v are of %d samples, there are %d", ls, n, d.fed)
	}
	return d.write(ls)
}

func (d *downsampler) write(ls labels.Labels) error {
	if err := d.to.begin(); err != nil {
		return err
	}
	d.w.buckets.in += int64(d.buckets.Len())
	return d.to.addBuckets(ls, &d.buckets)
}

func totalOf(counts []int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func (d downsamplers) finish() error {
	for _, one := range d {
		if err := one.to.finish(); err != nil {
			return err
		}
	}
	return nil
}

// histograms reports whether the series that passed by has a histogram.
func (d downsamplers) histograms() bool {
	return slices.ContainsFunc(d, func(one *downsampler) bool { return one.histogram })
}
