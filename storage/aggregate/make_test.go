package aggregate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

var marker = math.Float64frombits(value.StaleNaN)

func floatSamples(pairs ...float64) *series.Samples {
	s := &series.Samples{}
	for i := 0; i < len(pairs); i += 2 {
		s.AppendFloat(int64(pairs[i]), pairs[i+1], 0)
	}
	return s
}

func aggregatesOf(s *series.Samples, resolution int64) *Buckets {
	a := &Buckets{}
	Append(a, s, resolution)
	return a
}

func rows(a *Buckets) []string {
	var out []string
	for i := range a.Len() {
		b := a.at(i)
		line := fmt.Sprintf("%d: %d", b.end, b.count)
		if b.count > 0 {
			line += fmt.Sprintf(" in %v..%v sum %v, %v at %d to %v at %d, grew %v",
				b.min, b.max, b.sum, b.first, b.firstTime, b.last, b.lastTime, b.increase)
		}
		if b.stale != 0 {
			line += fmt.Sprintf(", stale at %d", b.stale)
		}
		out = append(out, line)
	}
	return out
}

func TestAppend(t *testing.T) {
	nan := math.NaN()
	tests := map[string]struct {
		s    *series.Samples
		want []string
	}{
		"nothing": {s: floatSamples()},
		"a sample at the end of a bucket is in it, one later in the next": {
			s:    floatSamples(10, 1, 11, 2),
			want: []string{"10: 1 in 1..1 sum 1, 1 at 10 to 1 at 10, grew 0", "20: 1 in 2..2 sum 2, 2 at 11 to 2 at 11, grew 0"},
		},
		"buckets without a sample are left out": {
			s:    floatSamples(1, 5, 45, 3),
			want: []string{"10: 1 in 5..5 sum 5, 5 at 1 to 5 at 1, grew 0", "50: 1 in 3..3 sum 3, 3 at 45 to 3 at 45, grew 0"},
		},
		"times before 1970": {
			s:    floatSamples(-11, 1, -10, 2, -9, 3, 0, 4),
			want: []string{"-10: 2 in 1..2 sum 3, 1 at -11 to 2 at -10, grew 1", "0: 2 in 3..4 sum 7, 3 at -9 to 4 at 0, grew 1"},
		},
		"what was before a reset counts": {
			s:    floatSamples(1, 5, 2, 8, 3, 2, 4, 1, 5, 4),
			want: []string{"10: 5 in 1..8 sum 20, 5 at 1 to 4 at 5, grew 9"},
		},
		"a marker after the last sample, the first of several": {
			s:    floatSamples(1, 5, 2, marker, 3, marker),
			want: []string{"10: 1 in 5..5 sum 5, 5 at 1 to 5 at 1, grew 0, stale at 2"},
		},
		"a marker between samples is forgotten": {
			s:    floatSamples(1, 5, 2, marker, 3, 7),
			want: []string{"10: 2 in 5..7 sum 12, 5 at 1 to 7 at 3, grew 2"},
		},
		"a marker alone": {
			s:    floatSamples(1, marker, 11, marker, 12, 1),
			want: []string{"10: 0, stale at 1", "20: 1 in 1..1 sum 1, 1 at 12 to 1 at 12, grew 0"},
		},
		"NaN is no extreme among numbers, and spoils the sum": {
			s:    floatSamples(1, nan, 2, 3, 3, nan, 4, 5),
			want: []string{"10: 4 in 3..5 sum NaN, NaN at 1 to 5 at 4, grew NaN"},
		},
		"nothing but NaN": {
			s:    floatSamples(1, nan, 2, nan),
			want: []string{"10: 2 in NaN..NaN sum NaN, NaN at 1 to NaN at 2, grew NaN"},
		},
		"small numbers survive a large one": {
			s:    floatSamples(1, 1, 2, 1e100, 3, 1, 4, -1e100),
			want: []string{"10: 4 in -1e+100..1e+100 sum 2, 1 at 1 to -1e+100 at 4, grew 0"},
		},
		"infinity": {
			s:    floatSamples(1, 1, 2, math.Inf(1), 3, 2),
			want: []string{"10: 3 in 1..+Inf sum +Inf, 1 at 1 to 2 at 3, grew +Inf"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, rows(aggregatesOf(tt.s, 10))); diff != "" {
				t.Errorf("wrong buckets (-want +got):\n%s", diff)
			}
		})
	}
}

// counterLike makes samples of whole numbers, so that sums and increases are
// exact in any order, with resets, gaps and markers.
func counterLike(rnd *rand.Rand, n int) *series.Samples {
	s := &series.Samples{}
	t, v := rnd.Int64N(3*hour)-hour, 0.0
	for range n {
		t += 1 + rnd.Int64N(minute)
		switch rnd.IntN(12) {
		case 0:
			s.AppendFloat(t, marker, 0)
			continue
		case 1:
			v = float64(rnd.IntN(3))
		case 2:
			t += rnd.Int64N(3 * hour)
		}
		v += float64(rnd.IntN(5))
		s.AppendFloat(t, v, 0)
	}
	return s
}

// TestAggregateLaws: coarser buckets do not depend on the way they were made.
func TestAggregateLaws(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		s := counterLike(rnd, 1+rnd.IntN(500))
		fine, want := aggregatesOf(s, 5*minute), aggregatesOf(s, hour)
		got := &Buckets{}
		Coarsen(got, fine, hour)
		if diff := cmp.Diff(rows(want), rows(got)); diff != "" {
			t.Fatalf("coarsened (-made of samples +got):\n%s", diff)
		}
		half := &Buckets{}
		Coarsen(half, fine, 30*minute)
		got.Reset()
		Coarsen(got, half, hour)
		if diff := cmp.Diff(rows(want), rows(got)); diff != "" {
			t.Fatalf("coarsened in two steps (-made of samples +got):\n%s", diff)
		}
		cut := rnd.IntN(s.Len() + 1)
		if diff := cmp.Diff(rows(fine), rows(inParts(s, cut))); diff != "" {
			t.Fatalf("cut at %d (-whole +got):\n%s", cut, diff)
		}
		split := aggregatesOf(part(s, 0, cut), 5*minute)
		later := aggregatesOf(part(s, cut, s.Len()), 5*minute)
		split.AppendRange(later, 0, later.Len()) // Perhaps two rows of one end.
		got.Reset()
		Coarsen(got, split, 5*minute)
		if diff := cmp.Diff(rows(fine), rows(got)); diff != "" {
			t.Fatalf("two files, cut at %d (-whole +got):\n%s", cut, diff)
		}
	}
}

func part(s *series.Samples, from, to int) *series.Samples {
	p := &series.Samples{}
	p.AppendRange(s, from, to)
	return p
}

func inParts(s *series.Samples, cut int) *Buckets {
	a := &Buckets{}
	Append(a, part(s, 0, cut), 5*minute)
	Append(a, part(s, cut, s.Len()), 5*minute)
	return a
}

// TestCoarsenOfFewColumns: columns that were not read change nothing in others, and
// are not made.
func TestCoarsenOfFewColumns(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		fine := aggregatesOf(counterLike(rnd, 1+rnd.IntN(300)), 5*minute)
		c := Columns(rnd.IntN(int(AllColumns) + 1))
		if c&Increase != 0 {
			c |= First | Last
		}
		want, got := &Buckets{}, &Buckets{}
		Coarsen(want, fine, hour)
		want.Keep(c)
		few := fine.Slice(0, fine.Len())
		few.Keep(c)
		half := rnd.IntN(few.Len() + 1)
		for _, part := range []Buckets{few.Slice(0, half), few.Slice(half, few.Len())} {
			Coarsen(got, &part, hour)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("columns %b (-all coarsened +few):\n%s", c, diff)
		}
	}
}

func TestTellsResets(t *testing.T) {
	known := aggregatesOf(floatSamples(1, 5, 2, math.NaN(), 3, 2), 10)
	unknown := aggregatesOf(floatSamples(1, 5, 11, math.NaN(), 12, 7, 13, 2), 10)
	if !known.TellsResets() || unknown.TellsResets() {
		t.Errorf("%v: %v, %v: %v", rows(known), known.TellsResets(), rows(unknown), unknown.TellsResets())
	}
}

// TestFractionsCoarsenClosely: with fractions only rounding may differ, and not
// even that where no counter was reset.
func TestFractionsCoarsenClosely(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &series.Samples{}
	v := 0.0
	for i := range 4000 {
		v += rnd.Float64()
		s.AppendFloat(int64(i)*15_000, v, 0)
	}
	want, got := aggregatesOf(s, hour), &Buckets{}
	Coarsen(got, aggregatesOf(s, 5*minute), hour)
	for i := range want.Len() {
		w, g := want.at(i), got.at(i)
		if math.Abs(w.sum-g.sum) > 1e-12*math.Abs(w.sum) {
			t.Errorf("sum %v, want %v", g.sum, w.sum)
		}
		g.sum = w.sum
		if w != g {
			t.Errorf("bucket %+v, want %+v", g, w)
		}
	}
}

func TestAggregatesRange(t *testing.T) {
	a := aggregatesOf(floatSamples(5, 1, 15, 1, 35, 1), 10) // Ends 10, 20, 40.
	tests := map[string]struct {
		minEnd, maxEnd int64
		from, to       int
	}{
		"both ends are included": {10, 20, 0, 2},
		"between buckets":        {21, 39, 2, 2},
		"everything":             {math.MinInt64, math.MaxInt64, 0, 3},
		"after the last":         {41, 50, 3, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if from, to := a.Range(tt.minEnd, tt.maxEnd); from != tt.from || to != tt.to {
				t.Errorf("got %d to %d, want %d to %d", from, to, tt.from, tt.to)
			}
		})
	}
}

func TestAggregatesTimes(t *testing.T) {
	a := aggregatesOf(floatSamples(1, 5, 2, 6, 11, 1, 12, marker, 25, marker), 10)
	want := [][2]int64{{1, 2}, {11, 12}, {25, 25}}
	for i, w := range want {
		if first, last := a.Times(i); first != w[0] || last != w[1] {
			t.Errorf("bucket %d holds %d to %d, want %v", i, first, last, w)
		}
	}
}
