package storage

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// model is what a store must answer, kept the simplest way: every acknowledged
// write, in order.
type model struct {
	labels map[string]promlabels.Labels
	points map[string]map[int64]point
	// open are writes whose outcome is unknown: the answer may hold them or not.
	open map[string]map[int64][]point
}

// point is one sample: a float or a histogram.
type point struct {
	v     float64
	start int64
	hist  *series.Histogram
}

func (p point) stale() bool {
	if p.hist == nil {
		return value.IsStaleNaN(p.v)
	}
	if p.hist.H != nil {
		return value.IsStaleNaN(p.hist.H.Sum)
	}
	return value.IsStaleNaN(p.hist.FH.Sum)
}

func (p point) equal(o point) bool {
	if (p.hist == nil) != (o.hist == nil) || p.start != o.start {
		return false
	}
	if p.hist == nil {
		return math.Float64bits(p.v) == math.Float64bits(o.v)
	}
	if (p.hist.H == nil) != (o.hist.H == nil) {
		return false
	}
	if p.hist.H != nil {
		return p.hist.H.Equals(o.hist.H)
	}
	return p.hist.FH.Equals(o.hist.FH)
}

func newModel() *model {
	return &model{
		labels: map[string]promlabels.Labels{},
		points: map[string]map[int64]point{},
		open:   map[string]map[int64][]point{},
	}
}

// each calls fn with every sample of a batch in the order of writing: floats,
// histograms, float histograms.
func each(b *series.Batch, fn func(ls promlabels.Labels, t int64, p point)) {
	var ints, floats []func()
	scratch := promlabels.NewScratchBuilder(8)
	samples, hists := b.Samples, b.Histograms
	for _, e := range b.Entries {
		ls, err := series.ParseKey(e.Key, &scratch, series.Limits{})
		if err != nil {
			panic(err)
		}
		for _, s := range samples[:e.Samples] {
			fn(ls, s.T, point{v: s.V, start: s.Start})
		}
		for _, h := range hists[:e.Histograms] {
			call := func() { fn(ls, h.T, point{start: h.Start, hist: &h}) }
			if h.H != nil {
				ints = append(ints, call)
			} else {
				floats = append(floats, call)
			}
		}
		samples, hists = samples[e.Samples:], hists[e.Histograms:]
	}
	for _, call := range append(ints, floats...) {
		call()
	}
}

func (m *model) acknowledged(b *series.Batch) {
	each(b, func(ls promlabels.Labels, t int64, p point) {
		key := ls.String()
		m.labels[key] = ls
		if m.points[key] == nil {
			m.points[key] = map[int64]point{}
		}
		if old, ok := m.points[key][t]; !ok || series.Replaces(old.stale(), p.stale()) {
			m.points[key][t] = p
		}
		// What was unknown is now overwritten or hidden only by the same rule, so
		// an older unknown real value may still win over this marker.
	})
}

func (m *model) unknown(b *series.Batch) {
	each(b, func(ls promlabels.Labels, t int64, p point) {
		key := ls.String()
		m.labels[key] = ls
		if m.open[key] == nil {
			m.open[key] = map[int64][]point{}
		}
		m.open[key][t] = append(m.open[key][t], p)
	})
}

// deleted forgets what a successful delete hid.
func (m *model) deleted(minT, maxT int64, matchers []*promlabels.Matcher) {
	m.inRange(minT, maxT, matchers, func(key string, t int64) {
		delete(m.points[key], t)
		delete(m.open[key], t)
	})
}

// perhapsDeleted: the outcome of a delete is unknown.
func (m *model) perhapsDeleted(minT, maxT int64, matchers []*promlabels.Matcher) {
	m.inRange(minT, maxT, matchers, func(key string, t int64) {
		p, ok := m.points[key][t]
		if !ok {
			return
		}
		if m.open[key] == nil {
			m.open[key] = map[int64][]point{}
		}
		m.open[key][t] = append(m.open[key][t], p)
		delete(m.points[key], t)
	})
}

func (m *model) inRange(minT, maxT int64, matchers []*promlabels.Matcher, fn func(key string, t int64)) {
	for key, ls := range m.labels {
		if !series.Matches(ls, matchers) {
			continue
		}
		for _, known := range [][]int64{slices.Collect(maps.Keys(m.points[key])), slices.Collect(maps.Keys(m.open[key]))} {
			for _, t := range known {
				if t >= minT && t <= maxT {
					fn(key, t)
				}
			}
		}
	}
}

// randomBatch makes entries of a few series with times around now, duplicates,
// markers, histograms, starts and permuted labels among them.
func randomBatch(rng *rand.Rand, now int64) *series.Batch {
	b := &series.Batch{}
	for range 1 + rng.IntN(6) {
		pairs := [][2]string{
			{"__name__", fmt.Sprintf("metric_%d", rng.IntN(9))},
			{"job", fmt.Sprintf("job%d", rng.IntN(2))},
			{"Zone", string(rune('a' + rng.IntN(3)))}, // Sorts before __name__.
		}
		rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
		e := series.Entry{}
		for _, p := range pairs {
			e.Key = series.AppendKeyLabel(e.Key, p[0], p[1])
		}
		for range rng.IntN(5) {
			t := now - rng.Int64N(40)*3_600_000/8 // Five hours and the day before at times.
			if rng.IntN(10) == 0 {
				t -= rng.Int64N(3) * series.DayMillis
			}
			if rng.IntN(8) == 0 {
				b.Histograms = append(b.Histograms, randomHistogram(rng, t))
				e.Histograms++
				continue
			}
			b.Samples = append(b.Samples, randomSample(rng, t))
			e.Samples++
		}
		b.Entries = append(b.Entries, e)
	}
	return b
}

func randomSample(rng *rand.Rand, t int64) series.Sample {
	s := series.Sample{T: t, V: float64(rng.IntN(1000)) / 8}
	switch rng.IntN(12) {
	case 0:
		s.V = math.Float64frombits(value.StaleNaN)
	case 1:
		s.V = math.Float64frombits(0x7ff8000000000000 + rng.Uint64N(1<<40))
	case 2:
		s.V = math.Inf(1)
	case 3:
		s.Start = t - 1000
	}
	return s
}

func randomHistogram(rng *rand.Rand, t int64) series.Histogram {
	h := series.Histogram{T: t}
	spans := []histogram.Span{{Offset: int32(rng.IntN(4)), Length: 2}}
	switch rng.IntN(3) {
	case 0:
		h.H = &histogram.Histogram{Schema: 3, Count: 5, Sum: rng.Float64(), ZeroThreshold: 0.001, PositiveSpans: spans, PositiveBuckets: []int64{2, 1}}
	case 1:
		h.FH = &histogram.FloatHistogram{Schema: 2, Count: 5.5, Sum: rng.Float64(), ZeroThreshold: 0.001, PositiveSpans: spans, PositiveBuckets: []float64{2, 3.5}}
	default:
		h.H = &histogram.Histogram{Schema: histogram.CustomBucketsSchema, Count: 3, Sum: rng.Float64(), PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []int64{1, 1}, CustomValues: []float64{0.5, 2}}
	}
	return h
}

// check compares the store's answer to a query with the model's.
func (m *model) check(t *testing.T, s *Store, tenant series.Tenant, q series.Query) {
	t.Helper()
	set, err := s.Select(context.Background(), tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	seen := map[string]bool{}
	var last promlabels.Labels
	for set.Next() {
		ls := set.At().Labels()
		key := ls.String()
		if len(seen) > 0 && promlabels.Compare(last, ls) >= 0 {
			t.Fatalf("%s comes after %s", ls, last)
		}
		last, seen[key] = ls, true
		var got series.Samples
		if err := set.At().Read(&got); err != nil {
			t.Fatal(err)
		}
		m.checkSeries(t, key, &got, q)
	}
	for key, points := range m.points {
		if seen[key] || !series.Matches(m.labels[key], q.Matchers) {
			continue
		}
		for ts := range points {
			if ts >= q.MinT && ts <= q.MaxT {
				t.Fatalf("series %s is missing, it has a sample at %d", key, ts)
			}
		}
	}
}

func (m *model) checkSeries(t *testing.T, key string, got *series.Samples, q series.Query) {
	t.Helper()
	if !slices.IsSorted(got.Times) || len(slices.Compact(slices.Clone(got.Times))) != got.Len() {
		t.Fatalf("%s: times %v", key, got.Times)
	}
	found := map[int64]bool{}
	for i, ts := range got.Times {
		found[ts] = true
		p := point{v: got.Values[i], start: got.StartAt(i), hist: got.HistogramAt(i)}
		if p.hist != nil {
			p.v = 0
		}
		want, ok := m.points[key][ts]
		if ok && want.equal(p) || slices.ContainsFunc(m.open[key][ts], p.equal) {
			continue
		}
		t.Fatalf("%s at %d: got %+v, want %+v (%v)", key, ts, p, want, ok)
	}
	for ts := range m.points[key] {
		if ts >= q.MinT && ts <= q.MaxT && !found[ts] {
			t.Fatalf("%s: the sample at %d is missing", key, ts)
		}
	}
}
