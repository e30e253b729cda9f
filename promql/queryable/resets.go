package queryable

import (
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"

	"herringbone/storage/series"
)

// lead is how far before a histogram resetHint looks for the one before, and so
// how much more than the query's range is read.
const lead = 5 * time.Minute

// read reads the samples of s. If there are histograms, those of lead before
// the query's range come with them.
func (s *promSeries) read(dst *series.Samples) error {
	if s.set.wide != nil {
		return s.set.widened(s.series).Read(dst)
	}
	if err := s.series.Read(dst); err != nil || dst.Histograms == nil {
		return err
	}
	if err := s.set.widen(); err != nil {
		return err
	}
	return s.set.widened(s.series).Read(dst)
}

// widen selects the same series from lead earlier on, once.
func (s *seriesSet) widen() error {
	if s.wide != nil {
		return nil
	}
	s.wide = map[string]series.Series{}
	q := s.query
	q.MinT -= lead.Milliseconds()
	if q.MinT > s.query.MinT {
		q.MinT = math.MinInt64
	}
	q.Limit = 0 // It may be other series that come first there.
	set, err := s.open(q)
	if err != nil {
		return err
	}
	for set.Next() {
		s.wide[string(set.At().Labels().Bytes(nil))] = set.At()
	}
	return set.Err()
}

// widened returns the series that widen found for one of the set, or that one
// if there is none any more.
func (s *seriesSet) widened(of series.Series) series.Series {
	if w, ok := s.wide[string(of.Labels().Bytes(nil))]; ok {
		return w
	}
	return of
}

// resetHint says of the current histogram what Prometheus' storage would: that
// it is a gauge, that it follows the one before without a counter reset, or
// that this is unknown, and then the engine compares them itself.
//
// A stored hint that there was no reset is not taken: what came before may have
// been written or replaced since. One that there was a reset stays true.
func (it *iterator) resetHint() histogram.CounterResetHint {
	if hint := storedHint(it.samples.HistogramAt(it.at)); hint == histogram.GaugeType || hint == histogram.CounterReset {
		return hint
	}
	if it.at == 0 || it.samples.IsStale(it.at) || it.samples.IsStale(it.at-1) {
		return histogram.UnknownCounterReset
	}
	if it.samples.Times[it.at]-it.samples.Times[it.at-1] > lead.Milliseconds() {
		return histogram.UnknownCounterReset // The same, whether or not the range reaches so far.
	}
	before, now := it.samples.HistogramAt(it.at-1), it.samples.HistogramAt(it.at)
	if before == nil || (before.H == nil) != (now.H == nil) || storedHint(before) == histogram.GaugeType {
		return histogram.UnknownCounterReset
	}
	current := *it.float(it.at)
	current.CounterResetHint = histogram.UnknownCounterReset // So that buckets are compared.
	if current.DetectReset(it.float(it.at - 1)) {
		return histogram.UnknownCounterReset
	}
	return histogram.NotCounterReset
}

func storedHint(h *series.Histogram) histogram.CounterResetHint {
	if h.H != nil {
		return h.H.CounterResetHint
	}
	return h.FH.CounterResetHint
}

// floatVersion is an integer histogram as floats.
type floatVersion struct {
	valid bool
	of    int
	h     histogram.FloatHistogram
}

// float returns sample i as floats, to be read only. The versions of two
// neighbours are kept, so that walking on converts each once.
func (it *iterator) float(i int) *histogram.FloatHistogram {
	src := it.samples.HistogramAt(i)
	if src.H == nil {
		return src.FH
	}
	v := &it.floats[i%2]
	if !v.valid || v.of != i {
		src.H.ToFloat(&v.h)
		v.valid, v.of = true, i
	}
	return &v.h
}
