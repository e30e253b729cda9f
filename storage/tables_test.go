package storage

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// tellTables adds to want what a batch says of tables.
func tellTables(want tableUnion, b *series.Batch) {
	each(b, func(ls promlabels.Labels, _ int64, p point) {
		t := catalog.Table{Tenant: tenant, Metric: ls.Get("__name__"), Histograms: p.hist != nil, Starts: p.start != 0}
		ls.Range(func(l promlabels.Label) {
			if l.Name != "__name__" {
				t.Labels = append(t.Labels, l.Name)
			}
		})
		want.add(t)
	})
}

func wantTables(t *testing.T, s *Store, want tableUnion) {
	t.Helper()
	got, err := s.Tables(tenant)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.sorted(), got); diff != "" {
		t.Fatalf("tables (-want +got):\n%s", diff)
	}
	for _, table := range got {
		one, ok, err := s.Table(tenant, table.Metric)
		if err != nil || !ok || !cmp.Equal(table, one) {
			t.Fatalf("table %s is %+v, %v, %v", table.Metric, one, ok, err)
		}
	}
}

// A sample's table and columns are there when its Append has returned, and stay
// through freezing, flush, restart and replay.
func TestTablesInEveryLayout(t *testing.T) {
	rng := seeded(t)
	now := time.Now().UnixMilli()
	for range 4 {
		r := newRig(t, nil)
		want := tableUnion{}
		for range 50 {
			switch rng.IntN(8) {
			case 0:
				r.flush()
			case 1:
				r.close()
				r.open()
			case 2:
				r.freeze()
			default:
				b := randomBatch(rng, now)
				if extra := rng.IntN(3); extra > 0 {
					key := series.AppendKeyLabel(series.AppendKeyLabel([]byte(nil), "__name__", "metric_1"), string(rune('p'+rng.IntN(4))), "x")
					b.Entries = append(b.Entries, series.Entry{Key: key, Samples: 1})
					b.Samples = append(b.Samples, series.Sample{T: now, V: 1})
				}
				r.append(b)
				tellTables(want, b)
			}
			wantTables(t, r.store, want)
		}
		r.flush()
		r.store.backfillTablesAgain(t, want)
	}
	r := newRig(t, nil)
	if _, ok, err := r.store.Table(tenant, "absent"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	// A series that was only defined, or has exemplars only, is no table.
	r.append(&series.Batch{
		Entries:   []series.Entry{{Key: series.AppendKeyLabel([]byte(nil), "__name__", "x"), Exemplars: 1}},
		Exemplars: []series.Exemplar{{T: 1, V: 1}},
	})
	wantTables(t, r.store, tableUnion{})
	r.append(floats("x", 1))
	wantTables(t, r.store, tableUnion{{tenant, "x"}: {Tenant: tenant, Metric: "x"}})
}

// backfillTablesAgain compares what the indexes of the files tell with what the
// flushes told. Samples that lost to another one of their time are not in files.
func (s *Store) backfillTablesAgain(t *testing.T, want tableUnion) {
	t.Helper()
	found := tableUnion{}
	for f := range s.Snapshot().All() {
		if f.Kind == catalog.Samples {
			if err := s.backfillFile(t.Context(), f, found); err != nil {
				t.Fatal(err)
			}
		}
	}
	for key, table := range want {
		got := found[key]
		if !slices.Equal(got.Labels, table.Labels) || got.Histograms && !table.Histograms || got.Starts && !table.Starts {
			t.Fatalf("found %+v, want %+v", got, table)
		}
	}
}

// A catalog from before there were tables is told them at the next start from the
// files, once.
func TestOldCatalogLearnsTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	r := newRig(t, nil)
	want := tableUnion{}
	for range 5 {
		b := randomBatch(rng, time.Now().UnixMilli())
		for i := range b.Samples { // Each its own time: none loses to another one.
			b.Samples[i].T = int64(rng.IntN(1 << 40))
		}
		for i := range b.Histograms {
			b.Histograms[i].T = int64(rng.IntN(1 << 40))
		}
		r.append(b)
		tellTables(want, b)
		r.flush()
	}
	r.forgetTables()
	wantTables(t, r.store, want)
	version := r.catalog.Snapshot().Version()
	r.close()
	r.open()
	wantTables(t, r.store, want)
	if now := r.catalog.Snapshot().Version(); now != version {
		t.Errorf("read again: version %d after %d", now, version)
	}
}

func TestUnflushed(t *testing.T) {
	r := newRig(t, nil)
	read := func() map[string][]int64 {
		t.Helper()
		set, err := r.store.Unflushed(context.Background(), tenant, all())
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		found := map[string][]int64{}
		for set.Next() {
			var s series.Samples
			if err := set.At().Read(&s); err != nil {
				t.Fatal(err)
			}
			found[set.At().Labels().Get("__name__")] = s.Times
		}
		return found
	}
	wantTimes := func(minT, maxT int64, ok bool) {
		t.Helper()
		gotMin, gotMax, gotOK, err := r.store.UnflushedTimes(tenant)
		if err != nil || gotOK != ok || ok && (gotMin != minT || gotMax != maxT) {
			t.Errorf("%d, %d, %v, %v; want %d, %d, %v", gotMin, gotMax, gotOK, err, minT, maxT, ok)
		}
	}
	wantTimes(0, 0, false)
	r.append(floats("a", 1000))
	r.flush()
	wantTimes(0, 0, false)
	r.append(floats("a", 2000, 3000))
	r.freeze()
	r.append(floats("a", 3000, 4000))
	r.append(floats("b", 500))
	if diff := cmp.Diff(map[string][]int64{"a": {2000, 3000, 4000}, "b": {500}}, read()); diff != "" {
		t.Error(diff)
	}
	wantTimes(500, 4000, true)
	// A set that was taken before a flush still has what the flush moves.
	set, err := r.store.Unflushed(context.Background(), tenant, all())
	if err != nil {
		t.Fatal(err)
	}
	r.flush()
	var s series.Samples
	if !set.Next() || set.At().Read(&s) != nil || len(s.Times) != 3 {
		t.Errorf("after a flush: %v", s.Times)
	}
	if diff := cmp.Diff(map[string][]int64{}, read()); diff != "" {
		t.Error(diff)
	}
	for f := range r.store.Snapshot().All() {
		reader, release, err := r.store.OpenFile(t.Context(), f)
		if err != nil || reader.Rows() != f.Rows {
			t.Errorf("%v, %+v", err, f)
		}
		release()
	}
}

// Figures of a layout that is known: three days of two files, "up" in one of
// bucket 5 or so with its neighbours, and two generations of memory.
func TestTraceFigures(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Templates = map[series.Tenant]series.Template{tenant: {{Label: "zone"}}}
	})
	const day = series.DayMillis
	write := func(name, zone string, times ...int64) {
		b := floats(name, times...)
		b.Entries[0].Key = series.AppendKeyLabel(b.Entries[0].Key, "zone", zone)
		r.append(b)
	}
	for d := range int64(3) {
		write("a", "eu", d*day, d*day+1)
		write("b", "eu", d*day)
		write("d", "eu", d*day)
		write("b", "us", d*day)
		r.flush()
	}
	write("x", "eu", 2*day) // One more file of the last day, out of the range of names.
	r.flush()
	write("b", "eu", 2*day+5)
	r.freeze()
	write("b", "eu", 2*day+6)

	ask := func(name string) (series.Figures, *series.Selection) {
		t.Helper()
		trace := &series.Trace{}
		ctx := series.WithTrace(context.Background(), trace)
		q := series.Query{MinT: 2 * day, MaxT: math.MaxInt64, Matchers: []*promlabels.Matcher{
			promlabels.MustNewMatcher(promlabels.MatchEqual, "__name__", name), promlabels.MustNewMatcher(promlabels.MatchEqual, "zone", "eu"),
		}}
		set, err := r.store.Select(ctx, tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		for set.Next() {
			var s series.Samples
			if err := set.At().Read(&s); err != nil {
				t.Fatal(err)
			}
		}
		if err := set.Close(); err != nil {
			t.Fatal(err)
		}
		return trace.Figures(), trace.Selections()[0]
	}
	got, selection := ask("b")
	files := selection.Files()
	if got.BytesRead <= 0 || len(files) != 1 || files[0].Rows != 4 || files[0].Series != 1 || files[0].MinT != 2*day || files[0].Level != 0 {
		t.Errorf("%+v, files %+v", got, files)
	}
	want := series.Figures{
		Selects: 1, FilesKnown: 7, PrunedByTime: 4, PrunedByTags: 1, PrunedByNames: 1, FilesOpened: 1,
		SeriesInMemory: 2, SeriesInFiles: 1, PagesRead: 2, BytesRead: got.BytesRead, SamplesDecoded: 4, SamplesReturned: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	want.PagesRead, want.BytesRead, want.SamplesDecoded, want.PagesCached = 0, 0, 0, 2
	got, _ = ask("b")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("again (-want +got):\n%s", diff)
	}
	want = series.Figures{Selects: 1, FilesKnown: 7, PrunedByTime: 4, PrunedByTags: 1, PrunedByNames: 1, FilesOpened: 1, FilesEmpty: 1}
	got, _ = ask("c")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("absent (-want +got):\n%s", diff)
	}
}

// forgetTables makes the catalog one from before there were tables and restarts.
func (r *rig) forgetTables() {
	r.t.Helper()
	r.close()
	db, err := sql.Open("sqlite", filepath.Join(r.dir, "catalog.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, statement := range []string{
		`DROP TABLE tables`, `DROP TABLE tables_state`,
		`DROP TABLE tombstones`, `DROP TABLE tombstones_state`, `DROP TABLE suspects`, `DROP TABLE quarantine`,
		`ALTER TABLE files DROP COLUMN clean`, `ALTER TABLE files DROP COLUMN sole`,
		`DELETE FROM goose_db_version WHERE version_id > 1`,
	} {
		if _, err := db.Exec(statement); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// With writers, flushes and readers at once, a table is there with its columns
// when its own writer's Append has returned.
func TestTablesWhileWriting(t *testing.T) {
	r := newRig(t, nil)
	var writers sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 9))
			for i := range 60 {
				name := fmt.Sprintf("m_%d_%d", w, i)
				key := series.AppendKeyLabel(series.AppendKeyLabel([]byte(nil), "__name__", name), "l", "x")
				b := &series.Batch{
					Entries:    []series.Entry{{Key: key, Samples: 1, Histograms: 1}},
					Samples:    []series.Sample{{T: 1, V: 1, Start: 1}},
					Histograms: []series.Histogram{randomHistogram(rng, 2)},
				}
				if _, err := r.store.Append(context.Background(), tenant, b); err != nil {
					t.Error(err)
					return
				}
				want := catalog.Table{Tenant: tenant, Metric: name, Labels: []string{"l"}, Histograms: true, Starts: true}
				if got, ok, err := r.store.Table(tenant, name); err != nil || !ok || !cmp.Equal(want, got) {
					t.Errorf("%+v, %v, %v", got, ok, err)
				}
			}
		})
	}
	var flusher sync.WaitGroup
	flusher.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if err := r.store.Flush(context.Background()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	writers.Wait()
	close(done)
	flusher.Wait()
	if got, err := r.store.Tables(tenant); err != nil || len(got) != 180 {
		t.Errorf("%d tables, %v", len(got), err)
	}
}
