package compactor

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// addSole commits Sole aggregates of samples at the first so many minutes of the
// rig's day, whose first is minute 1.
func (r *rig) addSole(minutes int) *catalog.File {
	r.t.Helper()
	samples := r.addSteady(time.Minute, time.Duration(minutes)*time.Minute, time.Minute, 1)
	j := r.job(DropSamples, catalog.Samples, LevelDay, day(rigDay), samples)
	j.Rules = rules(fiveMinutes)
	res := r.run(j)
	if len(res.Files) != 1 || !res.Files[0].SamplesDropped {
		r.t.Fatalf("samples gave way to %v", res.Files)
	}
	return &res.Files[0]
}

// Counts and sums of one time would otherwise be added up from two files.
func TestSoleAggregatesOfTheSameTimesAreNotMerged(t *testing.T) {
	r := newRig(t, ExecutorOptions{})
	a, b := r.addSole(4), r.addSole(4)
	objects := r.objects()
	_, err := r.x.Run(t.Context(), r.catalog.Snapshot(), r.job(Merge, catalog.Aggregates(fiveMinutes), LevelMonth, day(rigDay), a, b))
	if !errors.Is(err, series.ErrInvalid) || r.objects() != objects {
		t.Errorf("error is %v, there are %d objects of %d", err, r.objects(), objects)
	}
}

// A deleted sample would otherwise still be seen as its bucket's first or last.
func TestADeleteOfTheEdgeOfABucketHidesIt(t *testing.T) {
	first := rigDay * series.DayMillis
	minute := func(n int64) int64 { return first + n*time.Minute.Milliseconds() }
	tests := map[string]struct{ minT, maxT int64 }{
		"the last sample of the third bucket": {minute(15), minute(15)},
		"its first":                           {minute(11), minute(11)},
		"all up to the first of the first":    {math.MinInt64, minute(1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ExecutorOptions{})
			f := r.addSole(60)
			r.addTombstone(tt.minT, tt.maxT)
			res := r.run(r.job(Clean, catalog.Aggregates(fiveMinutes), LevelDay, day(rigDay), f))
			if res.Hidden != 1 || res.OutputRows != f.Rows-1 {
				t.Errorf("%d buckets hidden, %d of %d left", res.Hidden, res.OutputRows, f.Rows)
			}
		})
	}
}

// A receipt would otherwise count rows as purged that are there, and then again.
func TestMakingAggregatesPurgesNothing(t *testing.T) {
	r := newRig(t, ExecutorOptions{})
	threeFiles(t, r)
	ts := r.addTombstone(math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "a", "0"))
	rows := r.hidden(r.live(catalog.Samples))[ts.ID]
	res := r.run(downsampling(r, &Rule{Tenant: rigTenant, Resolution: fiveMinutes, KeepSamples: true}))
	if got := purged(r)[ts.ID]; got != 0 || res.Hidden != rows || rows == 0 {
		t.Errorf("%d rows purged that are still there, %d hidden of %d", got, res.Hidden, rows)
	}
	r.run(r.job(Merge, catalog.Samples, LevelDay, day(rigDay), r.live(catalog.Samples)...))
	if got := purged(r)[ts.ID]; got != rows {
		t.Errorf("%d rows purged of %d hidden", got, rows)
	}
}
