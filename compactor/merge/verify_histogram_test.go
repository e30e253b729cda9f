package merge

import (
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// A writer that puts a histogram's buckets elsewhere is found out, also when all
// its numbers come out.
func TestADigestTellsWhereBucketsAre(t *testing.T) {
	one := []histogram.Span{{Length: 2}}
	tests := map[string]func(h *histogram.Histogram){
		"schema":         func(h *histogram.Histogram) { h.Schema = 3 },
		"zero threshold": func(h *histogram.Histogram) { h.ZeroThreshold = 1 },
		"an offset":      func(h *histogram.Histogram) { h.PositiveSpans = []histogram.Span{{Offset: 9, Length: 2}} },
		"a length":       func(h *histogram.Histogram) { h.PositiveSpans = []histogram.Span{{Length: 1}, {Length: 1}} },
		"reset hint":     func(h *histogram.Histogram) { h.CounterResetHint = histogram.CounterReset },
		"sign of spans":  func(h *histogram.Histogram) { h.PositiveSpans, h.NegativeSpans = nil, one },
		"sign of buckets": func(h *histogram.Histogram) {
			h.PositiveBuckets, h.NegativeBuckets = h.PositiveBuckets[:1], h.PositiveBuckets[1:]
		},
		"custom bounds": func(h *histogram.Histogram) { h.CustomValues = []float64{1, 2} },
		"count":         func(h *histogram.Histogram) { h.Count++ },
		"zero count":    func(h *histogram.Histogram) { h.ZeroCount++ },
		"sum":           func(h *histogram.Histogram) { h.Sum++ },
	}
	original := func() *histogram.Histogram {
		return &histogram.Histogram{Schema: 1, ZeroThreshold: 0.1, Count: 3, Sum: 7, PositiveSpans: one, PositiveBuckets: []int64{1, 1}}
	}
	for name, change := range tests {
		h := original()
		change(h)
		if digestOfOne(series.Histogram{H: h}) == digestOfOne(series.Histogram{H: original()}) {
			t.Errorf("%s of an integer histogram: the digest is the same", name)
		}
		if digestOfOne(series.Histogram{FH: floatOf(h)}) == digestOfOne(series.Histogram{FH: floatOf(original())}) {
			t.Errorf("%s of a float histogram: the digest is the same", name)
		}
	}
	if digestOfOne(series.Histogram{H: &histogram.Histogram{}}) == digestOfOne(series.Histogram{FH: &histogram.FloatHistogram{}}) {
		t.Error("an integer histogram and a float histogram have the same digest")
	}
	if one, again := digestOfOne(series.Histogram{H: original()}), digestOfOne(series.Histogram{H: original()}); one != again {
		t.Error("the digest of the same histogram is another")
	}
}

func digestOfOne(h series.Histogram) (d digest) {
	h.T = 1000
	s := &series.Samples{}
	s.AppendHistogram(h)
	d.addSeries(labels.FromStrings(labels.MetricName, "m"))
	d.addSamples(s)
	return d
}

// floatOf keeps custom bounds whatever the schema.
func floatOf(h *histogram.Histogram) *histogram.FloatHistogram {
	f := h.ToFloat(nil)
	f.CustomValues = h.CustomValues
	return f
}
