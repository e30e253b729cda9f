package compactor

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

// downsampling is a job that makes aggregates of all files of a day, which stay.
func downsampling(r *rig, rules ...*Rule) Job {
	j := r.job(Downsample, rules[0].kind(), LevelDay, day(rigDay), r.live(catalog.Samples)...)
	for i := range j.Inputs {
		j.Inputs[i].Remove = false
	}
	j.Rules = rules
	return j
}

// Another node deletes, rewrites and lifts while aggregates are being made: what
// was deleted must not come back in them.
func TestAggregatesOfSamplesThatWereReplacedAreNotCommitted(t *testing.T) {
	r := newRig(t, ExecutorOptions{})
	threeFiles(t, r)
	j := downsampling(r, &Rule{Tenant: rigTenant, Resolution: fiveMinutes, KeepSamples: true})
	old := r.catalog.Snapshot()
	ts := r.addTombstone(math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "a", "0"))
	for _, f := range r.live(catalog.Samples) {
		clean := r.job(Clean, catalog.Samples, f.Level, fileUnit(f), f)
		r.run(clean)
	}
	if _, err := r.catalog.Commit(t.Context(), catalog.Edit{Token: "lift", Lift: []string{ts.ID}}); err != nil {
		t.Fatal(err)
	}
	objects := r.objects()
	if _, err := r.x.Run(t.Context(), old, j); !errors.Is(err, ErrLostRace) {
		t.Errorf("the job ended with %v", err)
	}
	if n := len(r.live(catalog.Aggregates(fiveMinutes))); n > 0 || r.objects() != objects {
		t.Errorf("%d files of aggregates of what was deleted", n)
	}
}

// Two nodes make the same aggregates: those of one stay.
func TestOfTwoNodesOneMakesAggregates(t *testing.T) {
	tests := map[string]func(r *rig) Job{
		"both make aggregates": func(r *rig) Job {
			return downsampling(r, &Rule{Tenant: rigTenant, Resolution: fiveMinutes, KeepSamples: true})
		},
		"one merges and makes them on the way": func(r *rig) Job {
			j := r.job(Merge, catalog.Samples, LevelDay, day(rigDay), r.live(catalog.Samples)...)
			j.Rules = []*Rule{{Tenant: rigTenant, Resolution: fiveMinutes, KeepSamples: true}}
			return j
		},
	}
	for name, second := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ExecutorOptions{})
			threeFiles(t, r)
			old, late := r.catalog.Snapshot(), second(r)
			r.run(downsampling(r, &Rule{Tenant: rigTenant, Resolution: fiveMinutes, KeepSamples: true}))
			if _, err := r.x.Run(t.Context(), old, late); !errors.Is(err, ErrLostRace) {
				t.Errorf("the second job ended with %v", err)
			}
			if n := len(r.live(catalog.Aggregates(fiveMinutes))); n != 1 {
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
	r := newRig(t, ExecutorOptions{MaxFileBytes: 1 << 10})
	files := threeFiles(t, r)
	want := r.visible()
	r.x.opts.Bucket = &greedy{Bucket: r.bucket}
	_, err := r.x.Run(t.Context(), r.catalog.Snapshot(), r.job(Merge, catalog.Samples, 2, day(rigDay), files...))
	if !errors.Is(err, ErrLostRace) {
		t.Errorf("the job ended with %v", err)
	}
	checkNothingHappened(t, r, want, 3)
}
