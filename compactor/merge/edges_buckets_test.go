package merge

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// addWithoutSamples commits aggregates without samples of samples at the first so many minutes of the
// rig's day, whose first is minute 1.
func (r *rig) addWithoutSamples(minutes int) *catalog.File {
	r.T.Helper()
	samples := r.addSteady(time.Minute, time.Duration(minutes)*time.Minute, time.Minute, 1)
	j := r.job(plan.DropSamples, catalog.Samples, plan.LevelDay, day(compacttest.Day), samples)
	j.Rules = rules(fiveMinutes)
	res := r.run(j)
	if len(res.Files) != 1 || !res.Files[0].SamplesDropped {
		r.T.Fatalf("samples gave way to %v", res.Files)
	}
	return &res.Files[0]
}

// Counts and sums of one time would otherwise be added up from two files.
func TestAggregatesWithoutSamplesOfTheSameTimesAreNotMerged(t *testing.T) {
	r := newRig(t, Options{})
	a, b := r.addWithoutSamples(4), r.addWithoutSamples(4)
	objects := r.Objects()
	_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Aggregates(fiveMinutes), plan.LevelMonth, day(compacttest.Day), a, b))
	if !errors.Is(err, series.ErrInvalid) || r.Objects() != objects {
		t.Errorf("error is %v, there are %d objects of %d", err, r.Objects(), objects)
	}
}

// A deleted sample would otherwise still be seen as its bucket's first or last.
func TestADeleteOfTheEdgeOfABucketHidesIt(t *testing.T) {
	first := compacttest.Day * series.DayMillis
	minute := func(n int64) int64 { return first + n*time.Minute.Milliseconds() }
	tests := map[string]struct{ minT, maxT int64 }{
		"the last sample of the third bucket": {minute(15), minute(15)},
		"its first":                           {minute(11), minute(11)},
		"all up to the first of the first":    {math.MinInt64, minute(1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			f := r.addWithoutSamples(60)
			r.AddTombstone(tt.minT, tt.maxT)
			res := r.run(r.job(plan.Clean, catalog.Aggregates(fiveMinutes), plan.LevelDay, day(compacttest.Day), f))
			if res.Hidden != 1 || res.OutputRows != f.Rows-1 {
				t.Errorf("%d buckets hidden, %d of %d left", res.Hidden, res.OutputRows, f.Rows)
			}
		})
	}
}

// A receipt would otherwise count rows as purged that are there, and then again.
func TestMakingAggregatesPurgesNothing(t *testing.T) {
	r := newRig(t, Options{})
	threeFiles(t, r)
	ts := r.AddTombstone(math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "a", "0"))
	rows := r.Hidden(r.Live(catalog.Samples))[ts.ID]
	res := r.run(downsampling(r, &plan.Rule{Tenant: compacttest.Tenant, Resolution: fiveMinutes, KeepSamples: true}))
	if got := purged(r)[ts.ID]; got != 0 || res.Hidden != rows || rows == 0 {
		t.Errorf("%d rows purged that are still there, %d hidden of %d", got, res.Hidden, rows)
	}
	r.run(r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), r.Live(catalog.Samples)...))
	if got := purged(r)[ts.ID]; got != rows {
		t.Errorf("%d rows purged of %d hidden", got, rows)
	}
}
