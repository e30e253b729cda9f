package merge

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// TestPlannedJobsRun: the executor takes every job that is planned, what queries
// see stays as it is, and an end comes.
func TestPlannedJobsRun(t *testing.T) {
	for name, keep := range map[string]bool{"samples stay": true, "samples go": false} {
		t.Run(name, func(t *testing.T) {
			l := newPlannedLife(t, keep)
			before := l.Visible()
			for range 40 { // Days, and then some.
				l.now += series.DayMillis
				l.settle(false)
			}
			if diff := cmp.Diff(before, l.Visible()); keep && diff != "" {
				t.Fatalf("other samples than before (-before +after):\n%s", diff)
			}
			l.AddTombstone(math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "i", "1"))
			before = l.Visible()
			l.settle(true)
			if diff := cmp.Diff(before, l.Visible()); diff != "" {
				t.Fatalf("other samples after the delete than before (-before +after):\n%s", diff)
			}
			l.check(keep)
		})
	}
}

type plannedLife struct {
	*rig
	now   int64
	rules []plan.Rule
}

// newPlannedLife writes three files a day for three weeks, of which two overlap.
func newPlannedLife(t *testing.T, keep bool) *plannedLife {
	l := &plannedLife{now: (compacttest.Day + 20) * series.DayMillis, rules: []plan.Rule{
		{Tenant: compacttest.Tenant, Resolution: fiveMinutes, After: 10 * series.DayMillis, KeepSamples: keep},
		{Tenant: compacttest.Tenant, Resolution: hour, After: 20 * series.DayMillis, KeepSamples: true},
	}}
	l.rig = newRig(t, Options{Now: func() time.Time { return time.UnixMilli(l.now) }})
	rng := rand.New(rand.NewPCG(4, 4))
	for d := range int64(20) {
		for range 3 {
			l.Add(plan.Unit{Day: compacttest.Day + d, Days: 1}, 0, someSeries(rng, compacttest.Day+d))
		}
	}
	return l
}

func someSeries(rng *rand.Rand, d int64) (all []compacttest.Series) {
	for _, i := range []string{"0", "1", "2"} {
		s := &series.Samples{}
		for at := d*series.DayMillis + rng.Int64N(10)*60_000; series.Day(at) == d; at += 60_000 * (30 + rng.Int64N(60)) {
			s.Times = append(s.Times, at)
			s.Values = append(s.Values, rng.Float64())
		}
		all = append(all, compacttest.Series{Labels: labels.FromStrings(labels.MetricName, "m", "i", i), Samples: s})
	}
	return all
}

// settle runs plans until there is nothing to do.
func (l *plannedLife) settle(cleanAll bool) {
	l.T.Helper()
	without := map[string]bool{}
	for range 30 {
		s := l.Catalog.Snapshot()
		jobs := plan.Make(plan.State{
			Files: s.All(), Mask: s.Mask, NoOps: without, Now: l.now, Levels: plan.DefaultLevels(), Rules: l.rules, CleanAll: cleanAll,
		})
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			r, err := l.x.Run(context.Background(), s, j)
			if err != nil {
				l.T.Fatalf("%v: %v", j, err)
			}
			if r.Outputs == 0 {
				without[j.ID()] = true
			}
		}
	}
	l.T.Fatal("no end of plans")
}

func (l *plannedLife) check(keep bool) {
	l.T.Helper()
	samples, fine, coarse := l.Live(catalog.Samples), l.Live(catalog.Aggregates(fiveMinutes)), l.Live(catalog.Aggregates(hour))
	if len(fine) == 0 || len(coarse) == 0 || keep != (len(samples) > 0) {
		l.T.Fatalf("%d files of samples, %d of 5m, %d of 1h", len(samples), len(fine), len(coarse))
	}
	for _, f := range append(append(samples, fine...), coarse...) {
		if f.Series != 2 {
			l.T.Errorf("%s of %v has %d series, one of three was deleted", f.Kind, plan.UnitOfFile(f), f.Series)
		}
		if f.Kind == catalog.Aggregates(fiveMinutes) && f.SamplesDropped == keep {
			l.T.Errorf("%s of %v: dropped is %v", f.Kind, plan.UnitOfFile(f), f.SamplesDropped)
		}
	}
	if n := len(samples) + len(fine) + len(coarse); n > 3*2 {
		l.T.Errorf("%d files of two months", n)
	}
}
