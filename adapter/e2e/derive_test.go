package e2e

import (
	"math"
	"math/rand/v2"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// kind is what a ledger series holds.
type kind int

const (
	floats kind = iota
	intHistograms
	floatHistograms
	customHistograms // Custom buckets: remote write 2.0 only.
)

// derive returns the one true sample of a series at a time. Everything about it
// follows from (id, t), so that every sample that comes back can be judged
// without having been kept.
func derive(k kind, id uint64, t int64) point {
	r := rand.New(rand.NewPCG(id, uint64(t)))
	switch k {
	case intHistograms:
		return point{t: t, h: deriveInt(r)}
	case floatHistograms:
		return point{t: t, fh: deriveFloat(r)}
	case customHistograms:
		return point{t: t, h: deriveCustom(r)}
	}
	return point{t: t, bits: deriveBits(r)}
}

func deriveBits(r *rand.Rand) uint64 {
	switch r.IntN(16) {
	case 0:
		return value.StaleNaN
	case 1: // NaN with a payload of its own.
		return value.NormalNaN&^0xffff | uint64(r.IntN(1<<16))
	case 2:
		return math.Float64bits(r.NormFloat64() * 1e300)
	case 3:
		return math.Float64bits(math.Inf(r.IntN(3) - 1))
	}
	return math.Float64bits(float64(r.IntN(1e9)) / 100)
}

func deriveInt(r *rand.Rand) *histogram.Histogram {
	if r.IntN(8) == 0 {
		return &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
	}
	h := &histogram.Histogram{Schema: int32(r.IntN(13) - 4), ZeroThreshold: 1e-128, ZeroCount: uint64(r.IntN(5)), Sum: r.NormFloat64()}
	h.Count = h.ZeroCount
	h.PositiveSpans, h.PositiveBuckets = deriveBuckets(r, &h.Count)
	h.NegativeSpans, h.NegativeBuckets = deriveBuckets(r, &h.Count)
	if r.IntN(4) == 0 {
		h.CounterResetHint = histogram.GaugeType
	}
	return h
}

// deriveBuckets returns buckets as differences and adds their counts to total.
func deriveBuckets(r *rand.Rand, total *uint64) ([]histogram.Span, []int64) {
	n := 2 + r.IntN(5)
	before := int64(0)
	deltas := make([]int64, n)
	for i := range deltas {
		count := int64(1 + r.IntN(1000))
		deltas[i], before = count-before, count
		*total += uint64(count)
	}
	return []histogram.Span{{Offset: int32(r.IntN(9) - 4), Length: 1}, {Offset: int32(1 + r.IntN(3)), Length: uint32(n - 1)}}, deltas
}

func deriveFloat(r *rand.Rand) *histogram.FloatHistogram {
	if r.IntN(8) == 0 {
		return &histogram.FloatHistogram{Sum: math.Float64frombits(value.StaleNaN)}
	}
	h := deriveInt(r).ToFloat(nil)
	for h.Count == 0 { // It was a staleness marker.
		h = deriveInt(r).ToFloat(nil)
	}
	return h.Mul(0.5) // Exact, so that the counts still add up.
}

func deriveCustom(r *rand.Rand) *histogram.Histogram {
	h := &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, CustomValues: []float64{0.005, 0.1, 1, 2.5},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 5}}, Sum: float64(r.IntN(1000)),
	}
	before := int64(0)
	for range 5 {
		count := int64(r.IntN(50))
		h.PositiveBuckets = append(h.PositiveBuckets, count-before)
		before = count
		h.Count += uint64(count)
	}
	return h
}
