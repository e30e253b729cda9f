package merge

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// addSteady commits a flushed file of one series, with the same value at each
// step from one time of the rig's day to another.
func (r *rig) addSteady(from, to, step time.Duration, v float64) *catalog.File {
	r.T.Helper()
	s := &series.Samples{}
	for at := from; at <= to; at += step {
		s.AppendFloat(compacttest.Day*series.DayMillis+at.Milliseconds(), v, 0)
	}
	return r.Add(day(compacttest.Day), plan.LevelFlushed, []compacttest.Series{{Labels: compacttest.ParseLabels("m a=1"), Samples: s}})
}

// A time that two files share would otherwise have two samples, or the older one.
func TestFilesThatShareOneTimeAreDeduplicated(t *testing.T) {
	r := newRig(t, Options{})
	for i := range time.Duration(3) {
		r.addSteady(i*time.Minute, (i+1)*time.Minute, time.Second, float64(i))
	}
	want := r.Visible()
	res := r.run(r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), r.Live(catalog.Samples)...))
	equal(t, "samples", want, r.Visible())
	if res.Duplicates != 2 || res.OutputRows != 3*60+1 {
		t.Errorf("%d duplicates, %d rows", res.Duplicates, res.OutputRows)
	}
}

// The first sample of a window would otherwise be in the file of the one before.
func TestWindowsAreCutAtTheirFirstMillisecond(t *testing.T) {
	r := newRig(t, Options{})
	j := r.job(plan.Merge, catalog.Samples, plan.LevelWindow, day(compacttest.Day), r.addSteady(0, 23*time.Hour, time.Hour, 1))
	j.Window = 6 * hour
	want := r.Visible()
	res := r.run(j)
	equal(t, "samples", want, r.Visible())
	if len(res.Files) != 4 {
		t.Errorf("%d files of four windows", len(res.Files))
	}
	for _, f := range res.Files {
		if floor(f.MinT, j.Window) != floor(f.MaxT, j.Window) {
			t.Errorf("a file of %d to %d is in two windows", f.MinT, f.MaxT)
		}
	}
}

// What such a file has lost would otherwise be lost for good with the merge.
func TestAnInputThatIsNotWhatTheCatalogSaysIsDamaged(t *testing.T) {
	tests := map[string]struct {
		kind   catalog.Kind
		change func(f *catalog.File)
	}{
		"fewer rows":      {catalog.Samples, func(f *catalog.File) { f.Rows++ }},
		"more rows":       {catalog.Samples, func(f *catalog.File) { f.Rows-- }},
		"fewer series":    {catalog.Samples, func(f *catalog.File) { f.Series++ }},
		"fewer exemplars": {catalog.Exemplars, func(f *catalog.File) { f.Rows++ }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			threeFiles(t, r)
			r.addExemplars(seriestest.Seeded(t, "COMPACTOR_SEED"))
			files := r.Live(tt.kind)
			last := *files[len(files)-1]
			tt.change(&last)
			files[len(files)-1] = &last
			_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, tt.kind, plan.LevelDay, day(compacttest.Day), files...))
			if damage := new(DamagedError); !errors.As(err, &damage) || damage.File.ID != last.ID || !errors.Is(err, series.ErrCorrupt) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// A job that forgets rows would otherwise be committed, and its inputs removed.
func TestALedgerThatDoesNotBalanceIsAnError(t *testing.T) {
	skipped := []part{{ref: block.Ref{Rows: 1}}}
	whole := func() *ledger {
		l := &ledger{in: 10, out: 5, duplicates: 5}
		l.skip(skipped)
		l.in += 2
		l.hide(&plan.Input{File: &catalog.File{}}, &catalog.Tombstone{}, 2)
		return l
	}
	if err := whole().balance("samples"); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*ledger){
		"one did not come out":    func(l *ledger) { l.out-- },
		"one came out twice":      func(l *ledger) { l.out++ },
		"one came in unseen":      func(l *ledger) { l.in-- },
		"a duplicate too many":    func(l *ledger) { l.duplicates++ },
		"one hidden too many":     func(l *ledger) { l.hidden++ },
		"one left out that stays": func(l *ledger) { l.skip(skipped); l.in-- },
	} {
		l := whole()
		change(l)
		if err := l.balance("samples"); !errors.As(err, new(*VerifyError)) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// A writer that puts down other rows, with checksums that are right for them,
// would otherwise not be found out.
func TestOutputsAreComparedWithWhatWasWritten(t *testing.T) {
	r := newRig(t, Options{})
	j := r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), threeFiles(t, r)...)
	w := newWork(t.Context(), r.x, r.Catalog.Snapshot(), &j)
	defer w.close()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	o := r.Open(&w.made[0])
	defer o.Close()
	written, err := w.digestOf(o, &w.made[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		right  bool
		change func(f *catalog.File, d *digest)
	}{
		"the same":                  {true, func(*catalog.File, *digest) {}},
		"another value":             {false, func(_ *catalog.File, d *digest) { d.values++ }},
		"another time":              {false, func(_ *catalog.File, d *digest) { d.times++ }},
		"another label":             {false, func(_ *catalog.File, d *digest) { d.names++ }},
		"another histogram":         {false, func(_ *catalog.File, d *digest) { d.rest++ }},
		"the catalog has more rows": {false, func(f *catalog.File, _ *digest) { f.Rows++ }},
		"more series":               {false, func(f *catalog.File, _ *digest) { f.Series++ }},
		"an earlier beginning":      {false, func(f *catalog.File, _ *digest) { f.MinT-- }},
		"a later end":               {false, func(f *catalog.File, _ *digest) { f.MaxT++ }},
	} {
		f, d := w.made[0], written
		tt.change(&f, &d)
		if err := w.verify(&f, d); errors.As(err, new(*VerifyError)) == tt.right {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// checkDigests: what is changed in any way has another digest.
func checkDigests[T any](t *testing.T, original func() T, digestOf func(T) digest, changes map[string]func(T)) {
	t.Helper()
	if first, again := digestOf(original()), digestOf(original()); first != again {
		t.Error("the digest of the same rows is another")
	}
	for name, change := range changes {
		x := original()
		change(x)
		if digestOf(x) == digestOf(original()) {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

// A column could otherwise be wrong in aggregates that are all that is left.
func TestADigestTellsAggregatesApart(t *testing.T) {
	original := func() *aggregate.Buckets {
		s, a := &series.Samples{}, &aggregate.Buckets{}
		for i := range int64(20) {
			s.AppendFloat(1000+i*60_000, float64(i*i%7), 0)
		}
		aggregate.Append(a, s, fiveMinutes)
		return a
	}
	digestOf := func(a *aggregate.Buckets) (d digest) {
		d.addBuckets(a)
		return d
	}
	checkDigests(t, original, digestOf, map[string]func(*aggregate.Buckets){
		"end":        func(a *aggregate.Buckets) { a.Ends[1]++ },
		"first time": func(a *aggregate.Buckets) { a.FirstTimes[1]++ },
		"last time":  func(a *aggregate.Buckets) { a.LastTimes[1]-- },
		"first":      func(a *aggregate.Buckets) { a.Firsts[1]++ },
		"last":       func(a *aggregate.Buckets) { a.Lasts[1]++ },
		"count":      func(a *aggregate.Buckets) { a.Counts[1]++ },
		"stale":      func(a *aggregate.Buckets) { a.Stales[1]++ },
		"min":        func(a *aggregate.Buckets) { a.Mins[1]-- },
		"max":        func(a *aggregate.Buckets) { a.Maxs[1]++ },
		"sum":        func(a *aggregate.Buckets) { a.Sums[1]++ },
		"increase":   func(a *aggregate.Buckets) { a.Increases[1]++ },
	})
}

// An exemplar could otherwise lose its trace, or go to another series.
func TestADigestTellsExemplarsApart(t *testing.T) {
	original := func() *series.ExemplarSeries {
		return &series.ExemplarSeries{
			Labels:    compacttest.ParseLabels("m"),
			Exemplars: []series.Exemplar{{T: 1, V: 2, Labels: labels.FromStrings("trace", "a")}, {T: 5, V: 6}},
		}
	}
	digestOf := func(s *series.ExemplarSeries) (d digest) {
		d.addExemplars(*s)
		return d
	}
	checkDigests(t, original, digestOf, map[string]func(*series.ExemplarSeries){
		"time":        func(s *series.ExemplarSeries) { s.Exemplars[1].T++ },
		"value":       func(s *series.ExemplarSeries) { s.Exemplars[1].V++ },
		"trace":       func(s *series.ExemplarSeries) { s.Exemplars[0].Labels = labels.FromStrings("trace", "b") },
		"series":      func(s *series.ExemplarSeries) { s.Labels = compacttest.ParseLabels("n") },
		"one is lost": func(s *series.ExemplarSeries) { s.Exemplars = s.Exemplars[:1] },
	})
}

// A histogram could otherwise have other numbers in the right buckets.
func TestADigestTellsWhatBucketsHold(t *testing.T) {
	spans := []histogram.Span{{Length: 2}}
	original := func() *histogram.Histogram {
		return &histogram.Histogram{Schema: 1, PositiveSpans: spans, PositiveBuckets: []int64{1, 1}, NegativeSpans: spans, NegativeBuckets: []int64{1, 0}}
	}
	changes := map[string]func(*histogram.Histogram){
		"positive": func(h *histogram.Histogram) { h.PositiveBuckets[1]++ },
		"negative": func(h *histogram.Histogram) { h.NegativeBuckets[1]++ },
	}
	digestOf := func(h series.Histogram) (d digest) {
		s := &series.Samples{}
		s.AppendHistogram(h)
		d.addSamples(s)
		return d
	}
	ofInts := func(h *histogram.Histogram) digest { return digestOf(series.Histogram{T: 1000, H: h}) }
	ofFloats := func(h *histogram.Histogram) digest { return digestOf(series.Histogram{T: 1000, FH: h.ToFloat(nil)}) }
	checkDigests(t, original, ofInts, changes)
	checkDigests(t, original, ofFloats, changes)
}
