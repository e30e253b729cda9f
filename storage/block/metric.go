package block

import (
	"slices"
	"sort"

	"herringbone/storage/series"
)

// Metric is what the series of one metric have between them in a file.
type Metric struct {
	Name       string
	Labels     []string // Sorted, without __name__.
	Histograms bool     // Some sample is a native histogram.
	Starts     bool     // Some sample has a start timestamp.
}

// Metrics returns the metrics of the file, in order of name. It answers from the
// index, but where metrics share pages that have histograms or start timestamps
// it reads as many samples as tell whose they are. A damaged page is a
// CorruptError.
func (r *Reader) Metrics() ([]Metric, error) {
	s := r.Scan(minTime, maxTime)
	defer s.Close()
	out := make([]Metric, len(r.metrics))
	for i, m := range r.metrics {
		out[i] = Metric{Name: m.name, Labels: r.index.labelsOf(m)}
		if err := r.findKinds(s, m, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// labelsOf returns the label names of a metric's series.
func (x *index) labelsOf(m metric) []string {
	seen := make([]bool, len(x.shapes))
	var names []string
	for i := m.first; i < m.last; i++ {
		shape := x.shape[i]
		if seen[shape] {
			continue
		}
		seen[shape] = true
		for k, n := range x.shapes[shape] {
			if k != x.nameAt(shape) {
				names = append(names, x.symbols[n])
			}
		}
	}
	return sortedUnique(names)
}

// findKinds reads series of m that are on pages with histograms or starts, until
// it is known whether m has any.
func (r *Reader) findKinds(s *Scan, m metric, out *Metric) error {
	var samples series.Samples
	for i := m.first; i < m.last; i++ {
		hist, start := r.index.kindsAt(r.index.firstRow[i], r.index.firstRow[i+1])
		if (!hist || out.Histograms) && (!start || out.Starts) {
			continue
		}
		samples.Reset()
		if err := s.Read(r.ref(i), &samples); err != nil {
			return err
		}
		for k := range samples.Len() {
			out.Histograms = out.Histograms || samples.HistogramAt(k) != nil
			out.Starts = out.Starts || samples.StartAt(k) != 0
		}
	}
	return nil
}

// kindsAt reports whether the pages of rows [from, to) have any histogram, any
// start timestamp.
func (x *index) kindsAt(from, to int64) (histograms, starts bool) {
	if x.form != &samplesForm {
		return false, false
	}
	first := sort.Search(len(x.groups), func(i int) bool { return x.groups[i].firstRow+int64(x.groups[i].rows) > from })
	for g := first; g < len(x.groups) && x.groups[g].firstRow < to; g++ {
		histograms = histograms || x.groups[g].pages[pageHistogram].Size > 0
		starts = starts || x.groups[g].pages[pageStart].Size > 0
	}
	return histograms, starts
}

// seriesAt returns the series that a row belongs to.
func (x *index) seriesAt(row int64) int {
	return sort.Search(x.series(), func(i int) bool { return x.firstRow[i+1] > row })
}

func sortedUnique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
