package block

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// bitEqual compares floats by their bits.
var bitEqual = cmp.Options{
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	cmp.Comparer(labels.Equal),
	cmp.AllowUnexported(histogram.Histogram{}, histogram.FloatHistogram{}),
}

// sampleBytes is all that a sample is, as bytes.
func sampleBytes(b []byte, s *series.Samples, i int) []byte {
	b = column.AppendInt64(column.AppendInt64(b[:0], s.Times[i]), s.StartAt(i))
	if h := s.HistogramAt(i); h != nil {
		b, err := encoding.AppendHistogram(append(b, 'h'), h)
		if err != nil {
			panic(err)
		}
		return b
	}
	return encoding.AppendFloats(b, s.Values[i:i+1])
}

func equalSamples(a, b *series.Samples) bool {
	if a.Len() != b.Len() {
		return false
	}
	var x, y []byte
	for i := range a.Len() {
		if x, y = sampleBytes(x, a, i), sampleBytes(y, b, i); !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}

// diffSamples explains how two samples differ; "" if they do not.
func diffSamples(want, got *series.Samples) string {
	if equalSamples(want, got) {
		return ""
	}
	// The columns that are nil without need may be there: compare by sample.
	type sample struct {
		T, Start int64
		V        float64
		H        *series.Histogram
	}
	list := func(s *series.Samples) []sample {
		out := make([]sample, s.Len())
		for i := range out {
			out[i] = sample{T: s.Times[i], Start: s.StartAt(i), V: s.Values[i], H: s.HistogramAt(i)}
		}
		return out
	}
	return "not the same: " + cmp.Diff(list(want), list(got), bitEqual)
}

func checkAll(t *testing.T, f written, want []one) {
	t.Helper()
	r := f.open(t)
	i := 0
	err := r.Each(func(ls labels.Labels, s *series.Samples) error {
		if i >= len(want) {
			return fmt.Errorf("more than %d series", len(want))
		}
		if !labels.Equal(ls, want[i].ls) {
			return fmt.Errorf("series %d is %v, want %v", i, ls, want[i].ls)
		}
		if d := diffSamples(want[i].s, s); d != "" {
			return fmt.Errorf("series %v differs (-want +got):\n%s", ls, d)
		}
		i++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if i != len(want) {
		t.Fatalf("%d series, want %d", i, len(want))
	}
}

// oddSeries makes series that exercise every column, with long runs and short.
func oddSeries(rnd *rand.Rand, n int) []one {
	histograms := oddHistograms()
	all := make([]one, 0, n)
	for i := range n {
		b := labels.NewScratchBuilder(4)
		b.Add("__name__", fmt.Sprintf("metric_%d", i%5))
		b.Add("id", fmt.Sprint(i))
		if i%3 == 0 {
			b.Add("time", "a label")
			b.Add("Value", "another")
		}
		if i%4 == 0 {
			b.Add("Foo", "big")
			b.Add("foo", "small")
		}
		if i%7 == 0 {
			b.Add("__labels__", "x")
			b.Add("größe.é 世界", "ü")
		}
		b.Sort()
		s := &series.Samples{}
		t := start + rnd.Int64N(1e6)
		for range 1 + rnd.IntN(200) {
			st := int64(0)
			if i%6 == 1 && rnd.IntN(2) == 0 {
				st = t - rnd.Int64N(1e9)
			}
			switch {
			case i%5 == 4 && rnd.IntN(3) > 0:
				h := histograms[rnd.IntN(len(histograms))]
				h.T, h.Start = t, st
				s.AppendHistogram(h)
			case rnd.IntN(4) == 0:
				s.AppendFloat(t, oddFloats[rnd.IntN(len(oddFloats))], st)
			default:
				s.AppendFloat(t, rnd.NormFloat64(), st)
			}
			t += 1 + rnd.Int64N(1<<rnd.IntN(40))
		}
		all = append(all, one{b.Labels(), s})
	}
	return sorted(all)
}

func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	many := make([]string, 0, 300)
	for i := range 300 {
		many = append(many, fmt.Sprintf("label_%03d", i))
	}
	odd := oddSeries(rnd, 60)
	wide := make([]one, 0, 10)
	for i := range 10 {
		b := labels.NewScratchBuilder(300)
		b.Add("__name__", "wide")
		b.Add("i", fmt.Sprint(i))
		for _, name := range many {
			b.Add(name, fmt.Sprint(name, i))
		}
		b.Sort()
		s := &series.Samples{}
		for k := range 20 {
			s.AppendFloat(start+int64(k), float64(k), 0)
		}
		wide = append(wide, one{b.Labels(), s})
	}
	tests := map[string]struct {
		o   Options
		all []one
	}{
		"empty file":                      {Options{}, nil},
		"one series":                      {Options{}, odd[:1]},
		"all kinds":                       {Options{Labels: []string{"id", "foo", "Foo", "time", "__labels__"}}, odd},
		"no label columns":                {Options{}, odd},
		"one row a page":                  {Options{PageRows: 1, Labels: []string{"id"}}, odd[:8]},
		"small pages and row groups":      {Options{PageRows: 64, RowGroupRows: 100, Labels: []string{"id", "foo"}}, odd},
		"pages longer than row groups":    {Options{PageRows: 1000, RowGroupRows: 7, Labels: []string{"foo"}}, odd[:9]},
		"more labels than columns":        {Options{Labels: many}, wide},
		"densest":                         {Options{Effort: Densest}, odd},
		"node exporters, default options": {Options{Labels: nodeColumns}, nodeSeries(300, 200, seed)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := write(t, tt.o, sorted(tt.all))
			if f.meta.Series != int64(len(tt.all)) || f.meta.Size != int64(len(f.bytes)) {
				t.Errorf("meta says %d series, %d bytes; want %d, %d", f.meta.Series, f.meta.Size, len(tt.all), len(f.bytes))
			}
			checkAll(t, f, tt.all)
		})
	}
}

// TestHistogramKeepsEveryBit does not trust the encoding to compare itself.
func TestHistogramKeepsEveryBit(t *testing.T) {
	for i, h := range oddHistograms() {
		h.T, h.Start = 5, 3
		b, err := encoding.AppendHistogram(nil, &h)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encoding.ParseHistogram(b, 5, 3)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(h, got, bitEqual); d != "" {
			t.Errorf("histogram %d differs (-want +got):\n%s", i, d)
		}
	}
}
