package queryable

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// oneSeries is a Memory with one series "m" and its querier for all time.
func oneSeries(tb testing.TB, fill func(*series.Batch)) *Queryable {
	tb.Helper()
	b := &series.Batch{}
	fill(b)
	b.Entries = []series.Entry{{
		Key:        series.AppendKeyLabel(nil, "__name__", "m"),
		Samples:    int32(len(b.Samples)),
		Histograms: int32(len(b.Histograms)),
	}}
	m := &seriestest.Memory{}
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		tb.Fatal(err)
	}
	return New(m, series.DefaultTenant, 0)
}

func iterate(tb testing.TB, q *Queryable, minT, maxT int64) chunkenc.Iterator {
	tb.Helper()
	querier, err := q.Querier(minT, maxT)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = querier.Close() })
	set := querier.Select(tb.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	if !set.Next() {
		tb.Fatalf("no series: %v", set.Err())
	}
	return set.At().Iterator(nil)
}

// TestSeek compares every move with the plain definition.
func TestSeek(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		var times []int64
		q := oneSeries(t, func(b *series.Batch) {
			at := int64(0)
			for range rng.IntN(80) + 1 {
				at += 1 + rng.Int64N(20)
				times = append(times, at)
				b.Samples = append(b.Samples, series.Sample{T: at, V: float64(at)})
			}
		})
		it, at := iterate(t, q, 0, 1e9), -1
		for range 40 {
			want := chunkenc.ValFloat
			var got chunkenc.ValueType
			if rng.IntN(2) == 0 {
				at = min(at+1, len(times))
				got = it.Next()
			} else {
				to := rng.Int64N(times[len(times)-1] + 30)
				for at = max(at, 0); at < len(times) && times[at] < to; at++ {
				}
				got = it.Seek(to)
			}
			if at >= len(times) {
				want = chunkenc.ValNone
			}
			if got != want {
				t.Fatalf("at %d of %d: got %v", at, len(times), got)
			}
			if got == chunkenc.ValNone {
				continue
			}
			if now, v := it.At(); now != times[at] || v != float64(now) || it.AtT() != now {
				t.Fatalf("at %d: got %d %v, want %d", at, now, v, times[at])
			}
		}
	}
}

func TestIteratorReusesItsArrays(t *testing.T) {
	m := &seriestest.Memory{}
	for i := range 50 {
		sourcetest.FillFloats(t, m, fmt.Sprint("m", i), 100)
	}
	querier := New(m, series.DefaultTenant, 0).querier(0, 1e9)
	set := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, "__name__", ""))
	var it chunkenc.Iterator
	for set.Next() {
		it = set.At().Iterator(it)
	}
	if n := len(querier.iterators); n != 1 {
		t.Errorf("%d iterators for one selector", n)
	}
	if querier.held != 100 {
		t.Errorf("%d samples counted as held, want those of one series", querier.held)
	}
}

func TestOpenIteratorsAreBounded(t *testing.T) {
	m := &seriestest.Memory{}
	for i := range 5 {
		sourcetest.FillFloats(t, m, fmt.Sprint("m", i), 100)
	}
	querier := New(m, series.DefaultTenant, 399).querier(0, 1e9)
	set := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, "__name__", ""))
	var err error
	read := 0
	for set.Next() && err == nil {
		it := set.At().Iterator(nil)
		if it.Next() == chunkenc.ValNone {
			err = it.Err()
		} else {
			read++
		}
	}
	var samples prom.ErrTooManySamples
	if !errors.As(err, &samples) || read != 3 {
		t.Errorf("after %d series: %v", read, err)
	}
}

// TestHistogramsAreCopied changes what it got, as the engine does.
func TestHistogramsAreCopied(t *testing.T) {
	h := &histogram.Histogram{Count: 3, Sum: 3, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{3}}
	fh := h.ToFloat(nil)
	q := oneSeries(t, func(b *series.Batch) {
		b.Histograms = []series.Histogram{{T: 1, H: h}, {T: 2, FH: fh}}
	})
	it := iterate(t, q, 0, 10)
	it.Next()
	_, gotH := it.AtHistogram(nil)
	_, gotF := it.AtFloatHistogram(nil)
	gotH.PositiveBuckets[0], gotF.PositiveBuckets[0] = 77, 77
	it.Next()
	_, gotF = it.AtFloatHistogram(nil)
	gotF.PositiveBuckets[0] = 77
	if h.PositiveBuckets[0] != 3 || fh.PositiveBuckets[0] != 3 {
		t.Errorf("the Source's histograms were changed: %v %v", h, fh)
	}
}

func TestResetHints(t *testing.T) {
	const minute = 60_000
	counter := func(count uint64, hint histogram.CounterResetHint) *histogram.Histogram {
		return &histogram.Histogram{
			CounterResetHint: hint, Count: count, Sum: float64(count),
			PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{int64(count)},
		}
	}
	q := oneSeries(t, func(b *series.Batch) {
		b.Histograms = []series.Histogram{
			{T: 0, H: counter(1, histogram.NotCounterReset)},
			{T: 1 * minute, H: counter(2, histogram.UnknownCounterReset)},
			{T: 2 * minute, H: counter(1, histogram.UnknownCounterReset)},
			{T: 3 * minute, H: counter(2, histogram.CounterReset)},
			{T: 4 * minute, FH: counter(3, histogram.UnknownCounterReset).ToFloat(nil)},
			{T: 5 * minute, FH: counter(4, histogram.UnknownCounterReset).ToFloat(nil)},
			{T: 6 * minute, FH: counter(5, histogram.GaugeType).ToFloat(nil)},
			{T: 7 * minute, FH: counter(6, histogram.UnknownCounterReset).ToFloat(nil)},
			{T: 14 * minute, FH: counter(7, histogram.UnknownCounterReset).ToFloat(nil)},
			{T: 15 * minute, FH: counter(3, histogram.NotCounterReset).ToFloat(nil)},
		}
	})
	all := []histogram.CounterResetHint{
		histogram.UnknownCounterReset, // The first: whatever it says.
		histogram.NotCounterReset,
		histogram.UnknownCounterReset, // A reset; the engine finds it itself.
		histogram.CounterReset,        // Stated, and not visible in the buckets.
		histogram.UnknownCounterReset, // After one of integers.
		histogram.NotCounterReset,
		histogram.GaugeType,
		histogram.UnknownCounterReset, // After a gauge.
		histogram.UnknownCounterReset, // After a gap.
		histogram.UnknownCounterReset, // A reset, although it says otherwise.
	}
	for from := range all {
		// However the range begins, a sample has one hint.
		it := iterate(t, q, []int64{0, 1, 2, 3, 4, 5, 6, 7, 14, 15}[from]*minute, 1e9)
		var got []histogram.CounterResetHint
		for it.Next() != chunkenc.ValNone {
			_, h := it.AtFloatHistogram(nil)
			got = append(got, h.CounterResetHint)
		}
		if diff := cmp.Diff(all[from:], got); diff != "" {
			t.Errorf("from sample %d (-want +got):\n%s", from, diff)
		}
	}
}

// TestRangeIsKept: reading ahead for hints must not let samples before the
// range out, not even of float series.
func TestRangeIsKept(t *testing.T) {
	m := &seriestest.Memory{}
	b := &series.Batch{
		Entries: []series.Entry{
			{Key: series.AppendKeyLabel(nil, "__name__", "a"), Histograms: 2},
			{Key: series.AppendKeyLabel(nil, "__name__", "b"), Samples: 2},
		},
		Samples:    []series.Sample{{T: 1000}, {T: 2000}},
		Histograms: []series.Histogram{{T: 1000, H: &histogram.Histogram{}}, {T: 2000, H: &histogram.Histogram{}}},
	}
	if _, err := m.Append(t.Context(), series.DefaultTenant, b); err != nil {
		t.Fatal(err)
	}
	querier := New(m, series.DefaultTenant, 0).querier(1500, 1e9)
	defer querier.Close()
	set := querier.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchNotEqual, "__name__", ""))
	var it chunkenc.Iterator
	var got []string
	for set.Next() {
		it = set.At().Iterator(it)
		for it.Next() != chunkenc.ValNone {
			got = append(got, fmt.Sprint(set.At().Labels(), it.AtT()))
		}
	}
	if diff := cmp.Diff([]string{`{__name__="a"} 2000`, `{__name__="b"} 2000`}, got); diff != "" {
		t.Error(diff)
	}
}

func TestStartTimestamps(t *testing.T) {
	q := oneSeries(t, func(b *series.Batch) {
		b.Samples = []series.Sample{{T: 10}, {T: 20, Start: 5}}
	})
	it := iterate(t, q, 0, 100)
	for _, want := range []int64{0, 5} {
		it.Next()
		if got := it.AtST(); got != want {
			t.Errorf("at %d: start %d, want %d", it.AtT(), got, want)
		}
	}
	// Chunks must stay of a type that every client knows.
	chunked, err := q.ChunkQuerier(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer chunked.Close()
	set := chunked.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "m"))
	set.Next()
	n := 0
	for chunks := set.At().Iterator(nil); chunks.Next(); {
		n += chunks.At().Chunk.NumSamples()
		if e := chunks.At().Chunk.Encoding(); e != chunkenc.EncXOR {
			t.Errorf("a chunk of encoding %v", e)
		}
	}
	if n != 2 {
		t.Errorf("%d samples in chunks", n)
	}
}

func TestSeekInRangeOfHistograms(t *testing.T) {
	q := oneSeries(t, func(b *series.Batch) {
		for i := range 5 {
			b.Histograms = append(b.Histograms, series.Histogram{T: int64(i) * 1000, H: &histogram.Histogram{}})
		}
	})
	it := iterate(t, q, 2500, 1e9)
	if it.Seek(0) != chunkenc.ValHistogram || it.AtT() != 3000 {
		t.Errorf("Seek went to %d, before the range", it.AtT())
	}
}

// TestResetHintAfterSeek: samples that were passed over are compared too.
func TestResetHintAfterSeek(t *testing.T) {
	q := oneSeries(t, func(b *series.Batch) {
		for i, count := range []uint64{1, 2, 10, 5} {
			b.Histograms = append(b.Histograms, series.Histogram{T: int64(i), H: &histogram.Histogram{Count: count}})
		}
	})
	it := iterate(t, q, 0, 10)
	it.Seek(1)
	if _, h := it.AtHistogram(nil); h.CounterResetHint != histogram.NotCounterReset {
		t.Errorf("at 1: hint %d", h.CounterResetHint)
	}
	it.Seek(3)
	if _, h := it.AtHistogram(nil); h.CounterResetHint != histogram.UnknownCounterReset {
		t.Errorf("at 3, after a reset: hint %d", h.CounterResetHint)
	}
}

// TestResetHintAfterStaleness: nothing is known of what came before a gap.
func TestResetHintAfterStaleness(t *testing.T) {
	stale := &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
	q := oneSeries(t, func(b *series.Batch) {
		b.Histograms = []series.Histogram{{T: 1, H: &histogram.Histogram{}}, {T: 2, H: stale}, {T: 3, H: &histogram.Histogram{}}}
	})
	it := iterate(t, q, 0, 10)
	for it.Next() != chunkenc.ValNone {
		if _, h := it.AtHistogram(nil); h.CounterResetHint != histogram.UnknownCounterReset {
			t.Errorf("at %d: hint %d", it.AtT(), h.CounterResetHint)
		}
	}
}
