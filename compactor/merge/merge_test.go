package merge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// chronicle makes random files and tombstones.
type chronicle struct {
	rig    *rig
	rng    *rand.Rand
	series []labels.Labels
	unit   plan.Unit
	long   int // Samples of a series of a file, at most.
}

func newChronicle(r *rig, rng *rand.Rand, unit plan.Unit) *chronicle {
	h := &chronicle{rig: r, rng: rng, unit: unit, long: 200}
	for m := range 3 {
		for i := range 1 + rng.IntN(5) {
			h.series = append(h.series, labels.FromStrings("__name__", fmt.Sprintf("m%d", m), "a", fmt.Sprint(i%3), "B", fmt.Sprint(i)))
		}
	}
	return h
}

// file adds a file of random days of the unit.
func (h *chronicle) file() *catalog.File {
	day := plan.Unit{Day: h.unit.Day + int64(h.rng.IntN(h.unit.Days)), Days: 1}
	from := day.Day*series.DayMillis + h.rng.Int64N(series.DayMillis)
	width := 1 + h.rng.Int64N(series.DayMillis)
	var all []compacttest.Series
	for _, ls := range h.series {
		if h.rng.IntN(3) > 0 || len(all) == 0 {
			all = append(all, compacttest.Series{Labels: ls, Samples: h.samples(from, min(from+width, (day.Day+1)*series.DayMillis-1))})
		}
	}
	return h.rig.Add(day, 0, all)
}

// samples are on a coarse grid, so that files have times in common.
func (h *chronicle) samples(minT, maxT int64) *series.Samples {
	grid := []int64{1, 1000, 60_000}[h.rng.IntN(3)]
	times := map[int64]bool{minT: true}
	for range h.rng.IntN(h.long) {
		t := minT + h.rng.Int64N(maxT-minT+1)
		times[max(t-t%grid, minT)] = true
	}
	odd := h.rng.IntN(4) // 0: histograms, 1: starts.
	s := &series.Samples{}
	for _, t := range sortedKeys(times) {
		start := int64(0)
		if odd == 1 && h.rng.IntN(3) > 0 {
			start = t - 1000
		}
		if odd == 0 && h.rng.IntN(3) > 0 {
			s.AppendHistogram(h.histogram(t, start))
			continue
		}
		s.AppendFloat(t, h.value(), start)
	}
	return s
}

func sortedKeys(m map[int64]bool) (keys []int64) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (h *chronicle) value() float64 {
	odd := []float64{math.Float64frombits(value.StaleNaN), math.NaN(), math.Inf(1), math.Copysign(0, -1), math.Float64frombits(0xfff8_dead_beef_0001)}
	if h.rng.IntN(4) == 0 {
		return odd[h.rng.IntN(len(odd))]
	}
	return float64(h.rng.IntN(1000)) / 8
}

func (h *chronicle) histogram(t, start int64) series.Histogram {
	one := &histogram.Histogram{
		Schema: 1, Count: uint64(h.rng.IntN(100)), Sum: h.value(), ZeroThreshold: 0.5,
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 2}}, PositiveBuckets: []int64{int64(h.rng.IntN(9)), 2},
	}
	if h.rng.IntN(2) == 0 {
		return series.Histogram{T: t, Start: start, FH: one.ToFloat(nil)}
	}
	return series.Histogram{T: t, Start: start, H: one}
}

// tombstone hides something at random.
func (h *chronicle) tombstone() {
	matchers := []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "__name__", fmt.Sprintf("m[%d%d]", h.rng.IntN(3), h.rng.IntN(3)))}
	if h.rng.IntN(2) == 0 {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchNotEqual, "B", fmt.Sprint(h.rng.IntN(3))))
	}
	span := int64(h.unit.Days) * series.DayMillis
	a, b := h.rng.Int64N(span), h.rng.Int64N(span)
	if h.rng.IntN(5) == 0 {
		a, b = 0, span
	}
	h.rig.AddTombstone(h.unit.Day*series.DayMillis+min(a, b), h.unit.Day*series.DayMillis+max(a, b), matchers...)
}

// Whatever was written and deleted in whatever order, a merge changes no answer,
// and every row is accounted for.
func TestMergeChangesNoAnswer(t *testing.T) {
	t.Parallel()
	runs := 24
	if testing.Short() {
		runs = 10
	}
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	for range runs {
		mergeRandom(t, rng)
	}
}

func mergeRandom(t *testing.T, rng *rand.Rand) {
	unit := plan.Unit{Day: compacttest.Day, Days: []int{1, 1, 7, 31}[rng.IntN(4)]}
	r := newRig(t, Options{MaxFileBytes: []int64{0, 1 << 10, 8 << 10}[rng.IntN(3)], MemoryBytes: 64 << 20})
	h := newChronicle(r, rng, unit)
	for range 1 + rng.IntN(3) {
		for range 1 + rng.IntN(6) {
			h.file()
			if rng.IntN(3) == 0 {
				h.tombstone()
			}
		}
		files := r.Live(catalog.Samples)
		from := rng.IntN(len(files))
		to := from + 1 + rng.IntN(len(files)-from)
		for to < len(files) && files[to].Seq == files[to-1].Seq {
			to++ // Else what is older would seem to be written after it.
		}
		mergeAndCheck(t, r, rng, unit, files[from:to])
	}
}

func mergeAndCheck(t *testing.T, r *rig, rng *rand.Rand, unit plan.Unit, inputs []*catalog.File) {
	t.Helper()
	level := 1 + rng.IntN(5)
	j := r.job(plan.Merge, catalog.Samples, level, unit, inputs...)
	if level == 1 {
		j.Window = []int64{0, 6 * 3600_000, 24 * 3600_000}[rng.IntN(3)]
	}
	want, hidden, version := r.Visible(), r.Hidden(inputs), r.Catalog.Snapshot().Version()
	before := purged(r)
	res := r.run(j)
	if diff := cmp.Diff(want, r.Visible()); diff != "" {
		t.Fatalf("a merge of %d files changed the answer (-before +after):\n%s", len(inputs), diff)
	}
	for id, n := range purged(r) {
		if n-before[id] != hidden[id] {
			t.Fatalf("tombstone %s: %d rows purged, %d were hidden", id, n-before[id], hidden[id])
		}
	}
	last := inputs[len(inputs)-1].Seq
	for _, f := range res.Files {
		if f.Seq != last || f.Clean != version || f.Level != level || f.Day != unit.Day || f.Days != unit.Days {
			t.Fatalf("output has sequence %d, clean %d, level %d, days %d from %d", f.Seq, f.Clean, f.Level, f.Days, f.Day)
		}
		if j.Window > 0 && floor(f.MinT, j.Window) != floor(f.MaxT, j.Window) {
			t.Fatalf("output of %d to %d is in two windows", f.MinT, f.MaxT)
		}
	}
	checkDisjoint(t, r, res.Files)
	if n := r.Objects(); n > r.Catalog.Snapshot().Len()+len(removed(r)) {
		t.Fatalf("%d objects of %d live files", n, r.Catalog.Snapshot().Len())
	}
}

// removed are objects that wait for the collector.
func removed(r *rig) (names []string) {
	live := map[string]bool{}
	for f := range r.Catalog.Snapshot().All() {
		live[f.Name] = true
	}
	_ = r.Bucket.List(r.T.Context(), "", func(i bucket.Info) error {
		if !live[i.Name] {
			names = append(names, i.Name)
		}
		return nil
	})
	return names
}

func purged(r *rig) map[string]int64 {
	n := map[string]int64{}
	for _, ts := range r.Catalog.Snapshot().Tombstones(compacttest.Tenant) {
		n[ts.ID] = ts.Purged
	}
	return n
}

// checkDisjoint: of two outputs, no series is in both at one time of their days,
// but for windows.
func checkDisjoint(t *testing.T, r *rig, files []catalog.File) {
	t.Helper()
	type span struct{ minT, maxT int64 }
	seen := map[string][]span{}
	for i := range files {
		for _, x := range r.Samples(&files[i]) {
			s := span{x.Samples.Times[0], x.Samples.Times[x.Samples.Len()-1]}
			for _, o := range seen[x.Labels.String()] {
				if s.minT <= o.maxT && o.minT <= s.maxT {
					t.Fatalf("series %v is in two outputs", x.Labels)
				}
			}
			seen[x.Labels.String()] = append(seen[x.Labels.String()], s)
		}
	}
}

// Long series come in parts, and parts that overlap do so across parts.
func TestLongSeriesMergeInParts(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	unit := plan.Unit{Day: compacttest.Day, Days: 31}
	ls := labels.FromStrings("__name__", "long")
	first := compacttest.Day * series.DayMillis
	for i, step := range []int64{1000, 3000, 1000} {
		s := &series.Samples{}
		n := streamRows + 777*(i+1)
		for k := range n {
			s.AppendFloat(first+int64(i)*100_000_000+int64(k)*step, float64(i), 0)
		}
		r.Add(unit, 2, []compacttest.Series{{Labels: ls, Samples: s}})
	}
	want := r.Visible()
	res := r.run(r.job(plan.Merge, catalog.Samples, 4, unit, r.Live(catalog.Samples)...))
	if diff := cmp.Diff(want, r.Visible()); diff != "" {
		t.Fatalf("the merge changed the answer (-before +after):\n%.2000s", diff)
	}
	if res.Outputs != 1 || res.Duplicates == 0 || res.InputRows != res.OutputRows+res.Duplicates {
		t.Errorf("%d outputs, %d rows in, %d out, %d duplicates", res.Outputs, res.InputRows, res.OutputRows, res.Duplicates)
	}
}
