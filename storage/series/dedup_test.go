package series

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

var stale = math.Float64frombits(value.StaleNaN)

// write is one sample in the order of writing.
type write struct {
	part int
	t    int64
	v    float64
	hist bool
}

// flat is the rule told the slow way: walk all writes in their order.
func flat(writes []write) map[int64]write {
	out := map[int64]write{}
	for _, w := range writes {
		old, ok := out[w.t]
		if !ok || value.IsStaleNaN(old.v) || !value.IsStaleNaN(w.v) {
			out[w.t] = w
		}
	}
	return out
}

func TestMergeEqualsFlatModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		parts := make([]*Samples, 1+rng.IntN(5))
		var writes []write
		for p := range parts {
			parts[p] = &Samples{}
			start, step := rng.Int64N(20), 1+rng.Int64N(4)
			for i := range rng.Int64N(12) {
				w := write{part: p, t: start + i*step, v: rng.Float64(), hist: rng.IntN(8) == 0}
				if rng.IntN(4) == 0 {
					w.v = stale
				}
				writes = append(writes, w)
				if w.hist {
					parts[p].AppendHistogram(Histogram{T: w.t, FH: &histogram.FloatHistogram{Sum: w.v}})
				} else {
					parts[p].AppendFloat(w.t, w.v, int64(p))
				}
			}
		}
		var got Samples
		Merge(&got, parts...)
		checkMerged(t, &got, flat(writes))
		// Associative: merging the first two beforehand changes nothing.
		if len(parts) > 2 {
			var two, again Samples
			Merge(&two, parts[0], parts[1])
			Merge(&again, append([]*Samples{&two}, parts[2:]...)...)
			checkMerged(t, &again, flat(writes))
		}
	}
}

func checkMerged(t *testing.T, got *Samples, want map[int64]write) {
	t.Helper()
	if got.Len() != len(want) || !slices.IsSorted(got.Times) {
		t.Fatalf("%d samples at %v, want %d in order", got.Len(), got.Times, len(want))
	}
	for i, ts := range got.Times {
		w := want[ts]
		v := got.Values[i]
		if h := got.HistogramAt(i); h != nil {
			v = h.FH.Sum
		}
		if (got.HistogramAt(i) != nil) != w.hist || math.Float64bits(v) != math.Float64bits(w.v) {
			t.Fatalf("at %d: %v, want %+v", ts, v, w)
		}
		if !w.hist && got.StartAt(i) != int64(w.part) {
			t.Fatalf("at %d: start of part %d, want %d", ts, got.StartAt(i), w.part)
		}
	}
}

func TestMergeLeavesPartsAlone(t *testing.T) {
	a, b := &Samples{}, &Samples{}
	a.AppendFloat(1, 1, 0)
	a.AppendFloat(3, 3, 0)
	b.AppendFloat(2, 2, 0)
	var got Samples
	Merge(&got, a, b)
	if diff := cmp.Diff([]int64{1, 2, 3}, got.Times); diff != "" {
		t.Error(diff)
	}
	if a.Len() != 2 || b.Len() != 1 {
		t.Errorf("parts changed: %v %v", a.Times, b.Times)
	}
}

func BenchmarkMergeDisjoint(b *testing.B) {
	parts := make([]*Samples, 3)
	for p := range parts {
		parts[p] = &Samples{}
		for i := range 500 {
			parts[p].AppendFloat(int64(p*500+i), 1, 0)
		}
	}
	var dst Samples
	for b.Loop() {
		Merge(&dst, parts...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1500, "ns/sample")
}
