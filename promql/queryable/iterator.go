package queryable

import (
	"math"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"herringbone/storage/series"
)

// iterator walks the columns of one series. The engine hands it back for the
// next series, so one pair of arrays serves a whole selector.
type iterator struct {
	samples *series.Samples
	first   int // Samples before it are only there for resetHint.
	at      int // first-1 before the first Next or Seek.
	err     error
	floats  [2]floatVersion

	owner  *querier
	weight int64 // What samples counts for in owner.held.
	// plain hides start timestamps from chunk encoders, which would answer with
	// a chunk type that remote-read clients do not know.
	plain bool
}

var _ chunkenc.Iterator = (*iterator)(nil)

// millis is int64. Under that name, go vet takes Seek for the one of io.Seeker.
type millis = int64

// read fills it with s.
func (it *iterator) read(s *promSeries) {
	it.first, it.at, it.err = 0, -1, nil
	it.floats[0].valid, it.floats[1].valid = false, false
	err := s.read(it.samples)
	if err == nil {
		err = it.owner.hold(it)
	}
	if err != nil {
		it.fail(err)
		return
	}
	if s.set.wide != nil {
		it.first, _ = it.samples.Range(s.set.query.MinT, math.MaxInt64)
		it.at = it.first - 1
	}
}

// fail ends the series with an error of its Source.
func (it *iterator) fail(err error) {
	it.samples.Reset()
	it.first, it.at, it.err = 0, -1, SourceError(err)
}

// kind is the type of the current sample.
func (it *iterator) kind() chunkenc.ValueType {
	if it.samples.Histograms == nil {
		return chunkenc.ValFloat
	}
	h := it.samples.HistogramAt(it.at)
	switch {
	case h == nil:
		return chunkenc.ValFloat
	case h.H != nil:
		return chunkenc.ValHistogram
	default:
		return chunkenc.ValFloatHistogram
	}
}

func (it *iterator) Next() chunkenc.ValueType {
	if it.at+1 >= len(it.samples.Times) {
		it.at = len(it.samples.Times)
		return chunkenc.ValNone
	}
	it.at++
	return it.kind()
}

// Seek looks ahead in doubling steps, then searches what they enclose: the
// engine mostly moves by a few samples, sometimes by many.
func (it *iterator) Seek(t millis) chunkenc.ValueType {
	times := it.samples.Times
	low := max(it.at, it.first)
	if low >= len(times) {
		return chunkenc.ValNone
	}
	if times[low] < t {
		step := 1
		for low+step < len(times) && times[low+step] < t {
			low += step
			step *= 2
		}
		high := min(low+step, len(times))
		low += 1 + sort.Search(high-low-1, func(i int) bool { return times[low+1+i] >= t })
	}
	it.at = low
	if low >= len(times) {
		return chunkenc.ValNone
	}
	return it.kind()
}

func (it *iterator) At() (int64, float64) {
	return it.samples.Times[it.at], it.samples.Values[it.at]
}

func (it *iterator) AtT() int64 { return it.samples.Times[it.at] }

func (it *iterator) AtST() int64 {
	if it.plain {
		return 0
	}
	return it.samples.StartAt(it.at)
}

func (it *iterator) Err() error { return it.err }

// AtHistogram copies, because the engine changes what it gets and the Source
// may hand out the same histogram again.
func (it *iterator) AtHistogram(dst *histogram.Histogram) (int64, *histogram.Histogram) {
	if dst == nil {
		dst = &histogram.Histogram{}
	}
	it.samples.HistogramAt(it.at).H.CopyTo(dst)
	dst.CounterResetHint = it.resetHint()
	return it.AtT(), dst
}

// AtFloatHistogram copies, like AtHistogram, and turns integers to floats.
func (it *iterator) AtFloatHistogram(dst *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	src := it.samples.HistogramAt(it.at)
	if src.H != nil {
		dst = src.H.ToFloat(dst)
	} else {
		if dst == nil {
			dst = &histogram.FloatHistogram{}
		}
		src.FH.CopyTo(dst)
	}
	dst.CounterResetHint = it.resetHint()
	return it.AtT(), dst
}

// histogramWeight is what a histogram counts for in float samples.
const histogramWeight = 32

// hold charges the arrays of it to the query and refuses those beyond its
// limit. Only functions that keep all iterators open, like timestamp(), hold
// more than one series' samples.
func (q *querier) hold(it *iterator) error {
	weight := int64(it.samples.Len()) + histogramWeight*int64(len(it.samples.Histograms))
	q.held += weight - it.weight
	it.weight = weight
	if q.limit > 0 && q.held > q.limit {
		return prom.ErrTooManySamples("reading series")
	}
	return nil
}
