package merge

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

// downsampling is a job that makes aggregates of all files of a day, which stay.
func downsampling(r *rig, rules ...*plan.Rule) plan.Job {
	j := r.job(plan.Downsample, rules[0].Kind(), plan.LevelDay, day(compacttest.Day), r.Live(catalog.Samples)...)
	for i := range j.Inputs {
		j.Inputs[i].Remove = false
	}
	j.Rules = rules
	return j
}

// Another node deletes, rewrites and lifts while aggregates are being made: what
// was deleted must not come back in them.
func TestAggregatesOfSamplesThatWereReplacedAreNotCommitted(t *testing.T) {
	r := newRig(t, Options{})
	threeFiles(t, r)
	j := downsampling(r, &plan.Rule{Tenant: compacttest.Tenant, Resolution: fiveMinutes, KeepSamples: true})
	old := r.Catalog.Snapshot()
	ts := r.AddTombstone(math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "a", "0"))
	for _, f := range r.Live(catalog.Samples) {
		clean := r.job(plan.Clean, catalog.Samples, f.Level, plan.UnitOfFile(f), f)
		r.run(clean)
	}
	if _, err := r.Catalog.Commit(t.Context(), catalog.Edit{Token: "lift", Lift: []string{ts.ID}}); err != nil {
		t.Fatal(err)
	}
	objects := r.Objects()
	if _, err := r.x.Run(t.Context(), old, j); !errors.Is(err, ErrLostRace) {
		t.Errorf("the job ended with %v", err)
	}
	if n := len(r.Live(catalog.Aggregates(fiveMinutes))); n > 0 || r.Objects() != objects {
		t.Errorf("%d files of aggregates of what was deleted", n)
	}
}

// Two nodes make the same aggregates: those of one stay.
func TestOfTwoNodesOneMakesAggregates(t *testing.T) {
	tests := map[string]func(r *rig) plan.Job{
		"both make aggregates": func(r *rig) plan.Job {
			return downsampling(r, &plan.Rule{Tenant: compacttest.Tenant, Resolution: fiveMinutes, KeepSamples: true})
		},
		"one merges and makes them on the way": func(r *rig) plan.Job {
			j := r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), r.Live(catalog.Samples)...)
			j.Rules = []*plan.Rule{{Tenant: compacttest.Tenant, Resolution: fiveMinutes, KeepSamples: true}}
			return j
		},
	}
	for name, second := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			threeFiles(t, r)
			old, late := r.Catalog.Snapshot(), second(r)
			r.run(downsampling(r, &plan.Rule{Tenant: compacttest.Tenant, Resolution: fiveMinutes, KeepSamples: true}))
			if _, err := r.x.Run(t.Context(), old, late); !errors.Is(err, ErrLostRace) {
				t.Errorf("the second job ended with %v", err)
			}
			if n := len(r.Live(catalog.Aggregates(fiveMinutes))); n != 1 {
				t.Errorf("%d files of the same aggregates", n)
			}
		})
	}
}

// greedy is a bucket from which the first object goes when the second begins.
type greedy struct {
	bucket.Bucket
	first string
}

func (b *greedy) Create(ctx context.Context, name string) (bucket.Writer, error) {
	if b.first != "" {
		if err := b.Delete(ctx, b.first); err != nil {
			return nil, err
		}
	}
	b.first = name
	return b.Bucket.Create(ctx, name)
}

func TestOutputsThatWereTakenForOrphansAreNotCommitted(t *testing.T) {
	r := newRig(t, Options{MaxFileBytes: 1 << 10})
	files := threeFiles(t, r)
	want := r.Visible()
	r.x.opts.Bucket = &greedy{Bucket: r.Bucket}
	_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
	if !errors.Is(err, ErrLostRace) {
		t.Errorf("the job ended with %v", err)
	}
	checkNothingHappened(t, r, want, 3)
}
