package series

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/value"
)

// Samples are samples of one series as columns of equal length. Starts and
// Histograms are nil when no sample has one. Where Histograms[i] is a histogram
// (its H or FH is set), Values[i] means nothing and is 0.
type Samples struct {
	Times      []int64
	Values     []float64
	Starts     []int64 // 0 is unknown.
	Histograms []Histogram
}

// Len is the number of samples.
func (s *Samples) Len() int { return len(s.Times) }

// Reset empties s and keeps its memory.
func (s *Samples) Reset() {
	clear(s.Histograms)
	s.Times, s.Values = s.Times[:0], s.Values[:0]
	s.Starts, s.Histograms = nil, nil
}

// AppendFloat adds a float sample. start is 0 if unknown.
func (s *Samples) AppendFloat(t int64, v float64, start int64) {
	s.Times = append(s.Times, t)
	s.Values = append(s.Values, v)
	if s.Histograms != nil {
		s.Histograms = append(s.Histograms, Histogram{})
	}
	s.appendStart(start)
}

// AppendHistogram adds a native-histogram sample.
func (s *Samples) AppendHistogram(h Histogram) {
	if s.Histograms == nil {
		s.Histograms = make([]Histogram, len(s.Times), len(s.Times)+16)
	}
	s.Times = append(s.Times, h.T)
	s.Values = append(s.Values, 0)
	s.Histograms = append(s.Histograms, h)
	s.appendStart(h.Start)
}

func (s *Samples) appendStart(start int64) {
	switch {
	case s.Starts != nil:
		s.Starts = append(s.Starts, start)
	case start != 0:
		s.Starts = append(make([]int64, len(s.Times)-1, len(s.Times)+16), start)
	}
}

// AppendRange adds the samples from up to, not including, to of o.
func (s *Samples) AppendRange(o *Samples, from, to int) {
	if o.Histograms == nil && o.Starts == nil && s.Histograms == nil && s.Starts == nil {
		s.Times = append(s.Times, o.Times[from:to]...)
		s.Values = append(s.Values, o.Values[from:to]...)
		return
	}
	for i := from; i < to; i++ {
		s.appendOne(o, i)
	}
}

func (s *Samples) appendOne(o *Samples, i int) {
	if h := o.HistogramAt(i); h != nil {
		s.AppendHistogram(*h)
		return
	}
	s.AppendFloat(o.Times[i], o.Values[i], o.StartAt(i))
}

// HistogramAt returns the histogram of sample i, or nil if it is a float.
func (s *Samples) HistogramAt(i int) *Histogram {
	if s.Histograms == nil || (s.Histograms[i].H == nil && s.Histograms[i].FH == nil) {
		return nil
	}
	return &s.Histograms[i]
}

// StartAt returns the start timestamp of sample i, 0 if unknown.
func (s *Samples) StartAt(i int) int64 {
	if s.Starts == nil {
		return 0
	}
	return s.Starts[i]
}

// IsStale reports whether sample i is a staleness marker.
func (s *Samples) IsStale(i int) bool {
	h := s.HistogramAt(i)
	switch {
	case h == nil:
		return value.IsStaleNaN(s.Values[i])
	case h.H != nil:
		return value.IsStaleNaN(h.H.Sum)
	default:
		return value.IsStaleNaN(h.FH.Sum)
	}
}

// Range returns the indexes [from, to) of the samples in minT … maxT.
func (s *Samples) Range(minT, maxT int64) (from, to int) {
	from, _ = slices.BinarySearch(s.Times, minT)
	if maxT == math.MaxInt64 {
		return from, len(s.Times)
	}
	to, _ = slices.BinarySearch(s.Times[from:], maxT+1)
	return from, from + to
}
