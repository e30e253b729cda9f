package merge

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

const fiveMinutes, hour = int64(300_000), int64(3_600_000)

// merged is what a query sees, as samples.
func (r *rig) merged() map[string]*series.Samples {
	r.T.Helper()
	parts := map[string][]*series.Samples{}
	for _, f := range r.Live(catalog.Samples) {
		mask := r.Catalog.Snapshot().Mask(f)
		for _, x := range r.Samples(f) {
			mask.Of(x.Labels).Cut(x.Samples)
			parts[x.Labels.String()] = append(parts[x.Labels.String()], x.Samples)
		}
	}
	all := map[string]*series.Samples{}
	for key, list := range parts {
		s := &series.Samples{}
		if series.Merge(s, list...); s.Len() > 0 {
			all[key] = s
		}
	}
	return all
}

// aggregatesOf makes what there must be of samples: nothing of series that have
// a histogram.
func aggregatesOf(all map[string]*series.Samples, resolution int64) compacttest.Flat {
	out := compacttest.Flat{}
	for key, s := range all {
		histograms := false
		for i := range s.Len() {
			histograms = histograms || s.HistogramAt(i) != nil
		}
		if !histograms {
			a := &aggregate.Buckets{}
			aggregate.Append(a, s, resolution)
			out[key] = bucketTexts(a)
		}
	}
	return out
}

func bucketTexts(a *aggregate.Buckets) map[int64]string {
	bits := math.Float64bits
	out := map[int64]string{}
	for i, end := range a.Ends {
		out[end] = fmt.Sprintf("%d samples %x to %x sum %x, %x at %d to %x at %d, grew %x, stale %d", a.Counts[i], bits(a.Mins[i]), bits(a.Maxs[i]), bits(a.Sums[i]),
			bits(a.Firsts[i]), a.FirstTimes[i], bits(a.Lasts[i]), a.LastTimes[i], bits(a.Increases[i]), a.Stales[i])
	}
	return out
}

// buckets reads all live aggregates of a resolution.
func (r *rig) buckets(resolution int64) compacttest.Flat {
	r.T.Helper()
	out := compacttest.Flat{}
	for _, f := range r.Live(catalog.Aggregates(resolution)) {
		for key, a := range r.ReadBuckets(f) {
			if out[key] == nil {
				out[key] = map[int64]string{}
			}
			for end, text := range bucketTexts(a) {
				out[key][end] = text
			}
		}
	}
	return out
}

func rules(resolutions ...int64) (all []*plan.Rule) {
	for _, r := range resolutions {
		all = append(all, &plan.Rule{Tenant: compacttest.Tenant, Resolution: r, KeepSamples: true})
	}
	return all
}

// randomDays adds files and tombstones of a unit.
func randomDays(r *rig, rng *rand.Rand, unit plan.Unit) *chronicle {
	h := newChronicle(r, rng, unit)
	for range 2 + rng.IntN(5) {
		h.file()
		if rng.IntN(3) == 0 {
			h.tombstone()
		}
	}
	return h
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%.3000s", what, diff)
	}
}

// Aggregates made on the way of a merge, or of samples that stay, are those of
// what a query sees; made again, they take the place of the old ones.
func TestAggregatesAreThoseOfTheSamples(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	for range 8 {
		unit := plan.Unit{Day: compacttest.Day, Days: 1 + rng.IntN(7)}
		r := newRig(t, Options{MaxFileBytes: []int64{0, 4 << 10}[rng.IntN(2)]})
		h := randomDays(r, rng, unit)
		for range 2 {
			kind := []plan.Kind{plan.Merge, plan.Downsample}[rng.IntN(2)]
			want, version := r.Visible(), r.Catalog.Snapshot().Version()
			fine, coarse := aggregatesOf(r.merged(), fiveMinutes), aggregatesOf(r.merged(), hour)
			inputs := r.Live(catalog.Samples)
			j := r.job(kind, catalog.Samples, 3, unit, inputs...)
			if kind == plan.Downsample {
				for i := range j.Inputs {
					j.Inputs[i].Remove = false
				}
			}
			for _, f := range append(r.Live(catalog.Aggregates(fiveMinutes)), r.Live(catalog.Aggregates(hour))...) {
				j.Inputs = append(j.Inputs, plan.Input{File: f, Remove: true})
			}
			j.Rules = rules(hour, fiveMinutes, hour)
			r.run(j)
			equal(t, "samples changed", want, r.Visible())
			equal(t, "aggregates of 5m", fine, r.buckets(fiveMinutes))
			equal(t, "aggregates of 1h", coarse, r.buckets(hour))
			for _, f := range r.Live(catalog.Aggregates(hour)) {
				if f.Seq != inputs[len(inputs)-1].Seq || f.Clean != version || f.SamplesDropped || f.Level != 3 {
					t.Fatalf("aggregates have sequence %d, clean %d, dropped %v, level %d", f.Seq, f.Clean, f.SamplesDropped, f.Level)
				}
			}
			h.file()
			h.tombstone()
		}
	}
}

func TestOnlyMatchingSeriesHaveAggregates(t *testing.T) {
	r := newRig(t, Options{})
	s := &series.Samples{}
	s.AppendFloat(compacttest.Day*series.DayMillis+5, 1, 0)
	r.Add(day(compacttest.Day), 2, []compacttest.Series{{Labels: labels.FromStrings("__name__", "m", "a", "1"), Samples: s}, {Labels: labels.FromStrings("__name__", "m", "a", "2"), Samples: s}})
	j := r.job(plan.Downsample, catalog.Samples, 2, day(compacttest.Day), r.Live(catalog.Samples)...)
	j.Inputs[0].Remove = false
	j.Rules = rules(hour)
	j.Rules[0].Matchers = plan.Selector{labels.MustNewMatcher(labels.MatchEqual, "a", "2")}
	res := r.run(j)
	got := r.buckets(hour)
	if len(got) != 1 || got[`{__name__="m", a="2"}`] == nil || res.Aggregated != 2 || res.Dropped != 0 {
		t.Errorf("aggregates of %d series, %d rows aggregated, %d dropped", len(got), res.Aggregated, res.Dropped)
	}
	j.Kind, j.Inputs[0].Remove = plan.DropSamples, true
	if res := r.run(j); res.Dropped != 1 || res.Aggregated != 0 || len(r.Visible()) != 1 {
		t.Errorf("%d rows dropped, %d aggregated, samples of %d series are left", res.Dropped, res.Aggregated, len(r.Visible()))
	}
}

// A merge of nothing but aggregates removes them: they are made again.
func TestAggregatesCanGo(t *testing.T) {
	r := newRig(t, Options{})
	s := &series.Samples{}
	s.AppendFloat(compacttest.Day*series.DayMillis+5, 1, 0)
	r.Add(day(compacttest.Day), 2, []compacttest.Series{{Labels: labels.FromStrings("__name__", "m"), Samples: s}})
	want := r.Visible()
	j := r.job(plan.Downsample, catalog.Aggregates(hour), 2, day(compacttest.Day), r.Live(catalog.Samples)...)
	j.Inputs[0].Remove, j.Rules = false, rules(hour)
	r.run(j)
	if n := len(r.Live(catalog.Aggregates(hour))); n != 1 {
		t.Fatalf("%d files of aggregates", n)
	}
	r.run(r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), r.Live(catalog.Aggregates(hour))...))
	if n := len(r.Live(catalog.Aggregates(hour))); n != 0 {
		t.Errorf("%d files of aggregates are left", n)
	}
	equal(t, "samples changed", want, r.Visible())
}

// When samples go, the aggregates that stay are those of all samples that were
// there, also of those that came or were deleted after the old aggregates were
// made. Series with histograms, and such without aggregates, keep their samples.
func TestSamplesGiveWayToAggregates(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	for range 8 {
		unit := plan.Unit{Day: compacttest.Day, Days: 1 + rng.IntN(3)}
		r := newRig(t, Options{})
		h := randomDays(r, rng, unit)
		j := r.job(plan.Downsample, catalog.Samples, 2, unit, r.Live(catalog.Samples)...)
		for i := range j.Inputs {
			j.Inputs[i].Remove = false
		}
		j.Rules = rules(fiveMinutes)
		r.run(j)
		had := r.buckets(fiveMinutes)
		h.file()
		h.tombstone()
		seen, all := r.merged(), r.Visible()
		want := aggregatesOf(seen, fiveMinutes)
		for key := range want {
			if had[key] == nil {
				delete(want, key)
			}
		}
		for key := range want {
			delete(all, key)
		}
		j = r.job(plan.DropSamples, catalog.Samples, 2, unit, append(r.Live(catalog.Samples), r.Live(catalog.Aggregates(fiveMinutes))...)...)
		r.run(j)
		equal(t, "aggregates", want, r.buckets(fiveMinutes))
		equal(t, "samples that stay", all, r.Visible())
		for _, f := range r.Live(catalog.Aggregates(fiveMinutes)) {
			if !f.SamplesDropped {
				t.Fatal("aggregates are not said to be all that is left")
			}
		}
	}
}

// samplesDroppedDays makes aggregates of each day, with all samples dropped, and returns what
// those of all days at once would be.
func samplesDroppedDays(t *testing.T, r *rig, rng *rand.Rand, days int) map[string]*series.Samples {
	h := newChronicle(r, rng, plan.Unit{Day: compacttest.Day, Days: days})
	for range 3 * days {
		h.floats()
	}
	seen := r.merged()
	for d := range int64(days) {
		var inputs []*catalog.File
		for _, f := range r.Live(catalog.Samples) {
			if f.Day == compacttest.Day+d {
				inputs = append(inputs, f)
			}
		}
		if len(inputs) > 0 {
			j := r.job(plan.DropSamples, catalog.Samples, 2, day(compacttest.Day+d), inputs...)
			j.Rules = rules(fiveMinutes)
			r.run(j)
		}
	}
	if n := len(r.Live(catalog.Samples)); n > 0 {
		t.Fatalf("%d files of samples are left", n)
	}
	return seen
}

// floats adds a file of a random day without anything but numbers, with a sample
// at midnight: its bucket is cut by the end of the day before.
func (h *chronicle) floats() {
	day := day(h.unit.Day + int64(h.rng.IntN(h.unit.Days)))
	var all []compacttest.Series
	for _, ls := range h.series {
		s := &series.Samples{}
		v := 0.0
		for t := day.Day * series.DayMillis; t < (day.Day+1)*series.DayMillis; t += 1 + h.rng.Int64N(hour/2) {
			if v += float64(h.rng.IntN(100)); h.rng.IntN(20) == 0 {
				v = 0
			}
			s.AppendFloat(t, v, 0)
		}
		all = append(all, compacttest.Series{Labels: ls, Samples: s})
	}
	h.rig.Add(day, 0, all)
}

func TestAggregatesWithoutSamplesOfDaysBecomeThoseOfAMonth(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	rejoined := int64(0) // Whether a midnight cuts a bucket is chance in one history, but not in all.
	for range 5 {
		unit := plan.Unit{Day: compacttest.Day, Days: 2 + rng.IntN(4)}
		r := newRig(t, Options{})
		seen := samplesDroppedDays(t, r, rng, unit.Days)
		cut := r.Live(catalog.Aggregates(fiveMinutes))
		j := r.job(plan.Coarsen, catalog.Aggregates(hour), 4, unit, cut...)
		for i := range j.Inputs {
			j.Inputs[i].Remove = false
		}
		j.Rules = rules(hour)
		r.run(j)
		equal(t, "aggregates of 1h", aggregatesOf(seen, hour), r.buckets(hour))
		res := r.run(r.job(plan.Merge, catalog.Aggregates(fiveMinutes), 4, unit, cut...))
		equal(t, "aggregates of 5m", aggregatesOf(seen, fiveMinutes), r.buckets(fiveMinutes))
		rejoined += res.Duplicates
		if res.Outputs != 1 {
			t.Errorf("%d outputs", res.Outputs)
		}
	}
	if rejoined == 0 {
		t.Error("no bucket that was cut is whole again")
	}
}

// Of aggregates without samples, buckets go whole in which something was
// deleted.
func TestCleanOfAggregatesWithoutSamples(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	r := newRig(t, Options{})
	seen := samplesDroppedDays(t, r, rng, 1)
	first := compacttest.Day * series.DayMillis
	want := aggregatesOf(seen, fiveMinutes)
	minT, maxT := first+2*hour+60_000, first+3*hour
	for key, s := range seen {
		a := &aggregate.Buckets{}
		aggregate.Append(a, s, fiveMinutes)
		for i := range a.Len() {
			if from, to := a.Times(i); to >= minT && from <= maxT {
				delete(want[key], a.Ends[i])
			}
		}
	}
	r.AddTombstone(minT, maxT)
	res := r.run(r.job(plan.Clean, catalog.Aggregates(fiveMinutes), 2, day(compacttest.Day), r.Live(catalog.Aggregates(fiveMinutes))...))
	equal(t, "aggregates", want, r.buckets(fiveMinutes))
	if res.Hidden == 0 || len(res.Purged) != 1 || res.Purged[0].Rows != 0 || res.Purged[0].Files != 1 {
		t.Errorf("%d buckets hidden, receipts get %+v", res.Hidden, res.Purged)
	}
}

// Cleaned files keep their places in the order of writing, and what is between
// them.
func TestCleanKeepsTheOrderOfWriting(t *testing.T) {
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	for range 8 {
		r := newRig(t, Options{MaxFileBytes: 1})
		h := randomDays(r, rng, day(compacttest.Day))
		h.tombstone()
		files := r.Live(catalog.Samples)
		want := r.Visible()
		odd := []*catalog.File{}
		for i, f := range files {
			if i%2 == 0 {
				odd = append(odd, f)
			}
		}
		hidden := r.Hidden(odd)
		before := purged(r)
		r.run(r.job(plan.Clean, catalog.Samples, 0, day(compacttest.Day), odd...))
		equal(t, "samples changed", want, r.Visible())
		for id, n := range purged(r) {
			if n-before[id] != hidden[id] {
				t.Fatalf("%d rows purged, %d were hidden", n-before[id], hidden[id])
			}
		}
		left := r.Live(catalog.Samples)
		for _, f := range left {
			at := slices.IndexFunc(files, func(o *catalog.File) bool { return o.Seq == f.Seq })
			if at < 0 || f.Level != 0 || at%2 == 0 && f.Clean == 0 || at%2 == 1 && f.Clean != 0 {
				t.Fatalf("a file of level %d, sequence %d, clean %d", f.Level, f.Seq, f.Clean)
			}
		}
	}
}
