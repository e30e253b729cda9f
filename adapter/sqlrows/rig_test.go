// Package sqlrows tests SQL in one process with a store, without the server: what
// it shows of rows that are deleted or aggregated.
package sqlrows

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/engine"
	"herringbone/sql/worker"
	"herringbone/storage"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

func TestMain(m *testing.M) {
	if worker.IsChild() {
		worker.Main()
	}
	os.Exit(m.Run())
}

const tenant = series.DefaultTenant

// rig is SQL over a real store.
type rig struct {
	t       testing.TB
	objects *bucket.Directory
	catalog *catalog.Catalog
	store   *storage.Store
	engine  *engine.Engine
	tokens  int
}

// newRig makes it; change, if not nil, changes the engine's options.
func newRig(t testing.TB, change func(r *rig, o *engine.Options)) *rig {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	r := &rig{t: t}
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r.objects, err = bucket.Dir(fsys.OS, filepath.Join(dir, "objects"))
	must(err)
	r.catalog, err = catalog.Open(ctx, filepath.Join(dir, "catalog.db"), catalog.DefaultOptions(), prometheus.NewRegistry())
	must(err)
	o := storage.DefaultOptions()
	o.Dir = filepath.Join(dir, "data")
	must(os.MkdirAll(o.Dir, 0o777))
	r.store, err = storage.Open(ctx, fsys.OS, r.objects, r.catalog, o, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	must(err)
	must(r.store.Replay(ctx))
	children := worker.Default()
	children.Dir, children.Children, children.Prepare = filepath.Join(dir, "children"), 2, engine.Prepare()
	pool, err := worker.NewPool(children, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	must(err)
	run, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(run) }()
	t.Cleanup(func() {
		stop()
		for _, err := range []error{<-ended, r.store.Close(), r.catalog.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	e := engine.DefaultOptions()
	e.Store, e.Pool = r.store, pool
	e.Path = func(_ context.Context, f *catalog.File) (string, error) { return r.objects.Path(f.Name) }
	if change != nil {
		change(r, &e)
	}
	r.engine, err = engine.New(e)
	must(err)
	return r
}

// point is one sample.
type point struct {
	ls labels.Labels
	t  int64
	v  float64
}

func (r *rig) write(points ...point) {
	r.t.Helper()
	b := &series.Batch{}
	for _, p := range points {
		b.Entries = append(b.Entries, series.Entry{Key: series.AppendKey(nil, p.ls), Samples: 1})
		b.Samples = append(b.Samples, series.Sample{T: p.t, V: p.v})
	}
	w, err := r.store.Append(r.t.Context(), tenant, b)
	if err != nil || len(w.Rejected) > 0 {
		r.t.Fatal(err, w.Rejected)
	}
}

func (r *rig) flush() {
	r.t.Helper()
	if err := r.store.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// hide flushes and commits a tombstone.
func (r *rig) hide(t catalog.Tombstone) catalog.Tombstone {
	r.t.Helper()
	r.flush()
	r.tokens++
	t.ID, t.Tenant, t.Created = fmt.Sprintf("tombstone-%04d", r.tokens), tenant, 1
	if t.Cause == "" {
		t.Cause = catalog.Deleted
	}
	_, err := r.catalog.Commit(r.t.Context(), catalog.Edit{Token: fmt.Sprintf("token-%d", r.tokens), Tombstones: []catalog.Tombstone{t}})
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

// ask runs a statement and gives its rows as text.
func (r *rig) ask(q engine.Request) ([]string, error) {
	r.t.Helper()
	a, err := r.engine.Run(r.t.Context(), tenant, q)
	if err != nil {
		return nil, err
	}
	var out []string
	for a.Next() {
		b := a.Batch()
		for i := range int(b.NumRows()) {
			cells := make([]string, b.NumCols())
			for c := range cells {
				cells[c] = b.Column(c).ValueStr(i)
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
	return out, a.Close()
}

func (r *rig) mustAsk(q engine.Request) []string {
	r.t.Helper()
	rows, err := r.ask(q)
	if err != nil {
		r.t.Fatalf("%s: %v", q.SQL, err)
	}
	return rows
}

func matcher(kind labels.MatchType, name, value string) *labels.Matcher {
	return labels.MustNewMatcher(kind, name, value)
}
