package series

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// randomColumns has none, some or all of the columns.
func randomColumns(r *rand.Rand) *Samples {
	var s Samples
	starts, histograms := r.IntN(3), r.IntN(3)
	for t := range int64(r.IntN(20)) {
		var start int64
		if r.IntN(2) < starts {
			start = t + 1
		}
		switch {
		case r.IntN(3) == 0: // A gap.
		case r.IntN(2) < histograms:
			s.AppendHistogram(Histogram{T: t, H: tsdbutil.GenerateTestHistogram(t), Start: start})
		default:
			s.AppendFloat(t, float64(t), start)
		}
	}
	return &s
}

// TestCut compares with appending what stays, one by one.
func TestCut(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	edges := []int64{math.MinInt64, math.MaxInt64, -1, 0, 19, 20}
	for range 5000 {
		s := randomColumns(r)
		minT, maxT := r.Int64N(20), r.Int64N(20)
		if r.IntN(4) == 0 {
			minT = edges[r.IntN(len(edges))]
		}
		if r.IntN(4) == 0 {
			maxT = edges[r.IntN(len(edges))]
		}
		var want Samples
		for i, at := range s.Times {
			if at < minT || at > maxT {
				want.appendOne(s, i)
			}
		}
		before := fmt.Sprintf("%+v from %d to %d", *s, minT, maxT)
		removed := s.Len() - want.Len()
		if n := Cut(s, minT, maxT); n != removed {
			t.Fatalf("%d removed, want %d: %s", n, removed, before)
		}
		if s.Len() == 0 {
			s.Times, s.Values = nil, nil // As want's, without memory.
		}
		if diff := cmp.Diff(want, *s); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", before, diff)
		}
	}
}

// TestCutLetsGo: histograms that were cut are not kept alive by the array.
func TestCutLetsGo(t *testing.T) {
	var s Samples
	for at := range int64(4) {
		s.AppendHistogram(Histogram{T: at, H: tsdbutil.GenerateTestHistogram(at)})
	}
	Cut(&s, 1, 2)
	for i, h := range s.Histograms[2:4] {
		if h.H != nil {
			t.Errorf("histogram %d is still there", i+2)
		}
	}
	floats := Samples{Times: []int64{1, 2, 3}, Values: []float64{1, 2, 3}}
	if n := testing.AllocsPerRun(10, func() { Cut(&floats, 2, 2) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
