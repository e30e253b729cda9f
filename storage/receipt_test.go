package storage

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// minutely writes n samples of m, one a minute from the given one of the first
// day on, and flushes them.
func (r *rig) minutely(first, n int64) {
	r.t.Helper()
	b := floats("m")
	for i := range n {
		b.Samples = append(b.Samples, series.Sample{T: aggOrigin + (first+i)*minute, V: float64(i % 100)})
	}
	b.Entries[0].Samples = int32(n)
	r.append(b)
	r.flush()
}

// exemplar writes one exemplar of a series, not flushed.
func (r *rig) exemplar(name string, at int64) {
	r.t.Helper()
	b := floats(name)
	b.Entries[0].Exemplars = 1
	b.Exemplars = append(b.Exemplars, series.Exemplar{T: at, V: 1, Labels: promlabels.FromStrings("trace_id", "abc")})
	r.append(b)
}

func (r *rig) exemplars() (n int) {
	r.t.Helper()
	found, err := r.store.SelectExemplars(context.Background(), tenant, math.MinInt64, math.MaxInt64, all().Matchers)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range found {
		n += len(s.Exemplars)
	}
	return n
}

func (r *rig) commit(e catalog.Edit) {
	r.t.Helper()
	if _, err := r.catalog.Commit(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
}

// Of aggregates that are all that is left, a receipt counts the buckets that the
// delete meets, at their edges too, and that were not hidden before.
func TestReceiptsCountSoleBucketsOnce(t *testing.T) {
	r := newRig(t, nil)
	r.minutely(1, 60)
	r.aggregate(firstDay, 1, 5*minute, true, func() {})
	for _, tt := range []struct {
		what     string
		from, to int64 // Minutes.
		want     int64
	}{
		{"the first sample of a bucket", 11, 11, 1},
		{"the last sample of another", 25, 25, 1},
		{"the first bucket again and the next", 12, 19, 1},
		{"nothing that was visible", 12, 19, 0},
		{"the rest", 0, 60, 9},
	} {
		d := r.delete(aggOrigin+tt.from*minute, aggOrigin+tt.to*minute, equal("__name__", "m"))
		if d.Hidden != tt.want || (d.Done != 0) != (tt.want == 0) {
			t.Errorf("%s: %d buckets hidden, done at %d; want %d", tt.what, d.Hidden, d.Done, tt.want)
		}
	}
}

func TestReceiptsDoNotCountAggregatesOfSamples(t *testing.T) {
	r := newRig(t, nil)
	r.minutely(1, 60)
	r.aggregate(firstDay, 1, 5*minute, false, func() {})
	if d := r.delete(aggOrigin, aggOrigin+60*minute, equal("__name__", "m")); d.Hidden != 60 {
		t.Errorf("%d rows hidden of 60", d.Hidden)
	}
}

func TestDeletesOfHiddenExemplarsAreDone(t *testing.T) {
	r := newRig(t, nil)
	r.exemplar("m", 1000)
	if d := r.delete(500, 1500, equal("__name__", "m")); d.Done != 0 {
		t.Errorf("receipt %+v: it hides an exemplar", d)
	}
	if d := r.delete(500, 1500, equal("__name__", "m")); d.Done == 0 {
		t.Errorf("receipt %+v: it hides nothing", d)
	}
}

// What retention hides is not counted, but it is deleted: it stays hidden when
// the rule is relaxed.
func TestDeletesOfWhatRetentionHidesStay(t *testing.T) {
	dropSamples := func(r *rig) { // As a merge does with what retention hides.
		var e catalog.Edit
		for f := range r.store.Snapshot().All() {
			if f.Kind == catalog.Samples {
				e.Remove = append(e.Remove, f.ID)
			}
		}
		e.Token = "drop"
		r.commit(e)
	}
	tests := map[string]func(r *rig){
		"samples":   func(r *rig) { r.minutely(1, 60) },
		"exemplars": func(r *rig) { r.exemplar("m", aggOrigin); r.flush() },
		"aggregates of samples that were dropped": func(r *rig) {
			r.minutely(1, 60)
			r.aggregate(firstDay, 1, 5*minute, false, func() { dropSamples(r) })
		},
	}
	for name, write := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			write(r)
			r.commit(catalog.Edit{Token: "expire", Tombstones: []catalog.Tombstone{{
				ID: "expired", Tenant: tenant, Cause: catalog.Expired, Rule: "default", MinT: math.MinInt64, MaxT: aggOrigin + series.DayMillis, Created: 1,
			}}})
			if d := r.delete(math.MinInt64, math.MaxInt64, equal("__name__", "m")); d.Hidden != 0 || d.Done != 0 {
				t.Errorf("receipt %+v: nothing was visible, and something is to be hidden for good", d)
			}
			if d := r.delete(math.MinInt64, math.MaxInt64, equal("__name__", "m")); d.Done == 0 {
				t.Errorf("receipt %+v: an earlier delete hides it all", d)
			}
			r.commit(catalog.Edit{Token: "relax", Lift: []string{"expired"}})
			buckets := 0
			for _, a := range readAggregates(t, r.store, aggregate.Query{Query: all(), Resolution: 60 * minute, Columns: aggregate.AllColumns}) {
				buckets += a.Len()
			}
			if n := len(r.times("m")) + r.exemplars() + buckets; n != 0 {
				t.Errorf("%d deleted samples, exemplars and buckets are visible", n)
			}
		})
	}
}

// Nothing needs to be read of a file to hide what is in it, so damage does not
// hinder a delete. It is not done before the file is deleted or sound again.
func TestDeletesHideRowsOfDamagedFiles(t *testing.T) {
	tests := map[string]func(path string, f *catalog.File) error{
		"missing":   func(path string, _ *catalog.File) error { return os.Remove(path) },
		"cut short": func(path string, f *catalog.File) error { return os.Truncate(path, f.Size-5) },
		"overwritten before its index": func(path string, f *catalog.File) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			clear(b[4 : f.Size-f.Tail])
			return os.WriteFile(path, b, 0o600)
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.append(floats("m", 1000, 2000, 3000))
			r.flush()
			var f *catalog.File
			for f = range r.store.Snapshot().All() {
			}
			r.append(floats("m", 4000, 5000))
			r.flush()
			path := filepath.Join(r.dir, "objects", f.Name)
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			reopen := func(change func() error) {
				t.Helper()
				r.close()
				if err := change(); err != nil {
					t.Fatal(err)
				}
				r.open()
			}
			reopen(func() error { return damage(path, f) })
			for _, tt := range []struct{ from, to, hidden int64 }{{2000, 2500, 0}, {2500, 4000, 1}} {
				if d := r.delete(tt.from, tt.to, equal("__name__", "m")); d.Hidden != tt.hidden || d.Done != 0 {
					t.Errorf("receipt %+v: want at least %d rows hidden, and not done", d, tt.hidden)
				}
			}
			reopen(func() error { return os.WriteFile(path, sound, 0o600) })
			if got := r.times("m"); !slices.Equal(got, []int64{1000, 5000}) {
				t.Errorf("with the file back, the samples at %v are visible; 1000 and 5000 were not deleted", got)
			}
		})
	}
}

// A delete makes files of what is in memory only if it hides some of it.
func TestDeletesFlushWhatTheyHide(t *testing.T) {
	tests := map[string]struct {
		minT, maxT int64
		name       string
		files      int
	}{
		"a sample":                         {3000, 3000, "m", 2}, // All of memory goes at once: samples and exemplars.
		"an exemplar":                      {5000, 5000, "x", 2},
		"another series":                   {math.MinInt64, math.MaxInt64, "other", 0},
		"nothing between samples":          {1001, 2999, "m", 0},
		"nothing after the only exemplar":  {5001, math.MaxInt64, "x", 0},
		"nothing before the only exemplar": {math.MinInt64, 4999, "x", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.append(floats("m", 1000, 3000))
			r.exemplar("x", 5000)
			d := r.delete(tt.minT, tt.maxT, equal("__name__", tt.name))
			if n := r.store.Snapshot().Len(); n != tt.files || (d.Done == 0) != (tt.files > 0) {
				t.Errorf("%d files, want %d; receipt %+v", n, tt.files, d)
			}
			visible := len(r.times("m")) + r.exemplars()
			if want := 3 - min(tt.files, 1); visible != want {
				t.Errorf("%d samples and exemplars are visible, want %d", visible, want)
			}
		})
	}
	r := newRig(t, nil)
	if _, err := r.store.Append(context.Background(), "other", floats("m", 1000)); err != nil {
		t.Fatal(err)
	}
	if r.delete(0, 2000, equal("__name__", "m")); r.store.Snapshot().Len() != 0 {
		t.Error("another tenant's samples were flushed")
	}
}
