package compactor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// testNode is a catalog and a bucket with files whose bytes mean nothing, a clock
// that stands, and a compactor whose jobs are what a test makes them.
type testNode struct {
	*Compactor
	t       *testing.T
	now     time.Time
	root    string
	catalog *catalog.Catalog
	bucket  *bucket.Directory
	metrics *prometheus.Registry
	jobs    *fakeJobs
}

func newTestNode(t *testing.T, change func(*Options)) *testNode {
	t.Helper()
	y := &testNode{t: t, now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), root: compacttest.Scratch(t), metrics: prometheus.NewRegistry()}
	o := catalog.DefaultOptions()
	o.Now = func() time.Time { return y.now }
	var err error
	if y.catalog, err = catalog.Open(t.Context(), filepath.Join(y.root, "catalog.db"), o, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { y.catalog.Close() })
	if y.bucket, err = bucket.Dir(fsys.OS, filepath.Join(y.root, "objects")); err != nil {
		t.Fatal(err)
	}
	y.rebuild(change)
	return y
}

// rebuild makes the compactor anew, as after a restart with other options.
func (y *testNode) rebuild(change func(*Options)) {
	y.t.Helper()
	y.metrics = prometheus.NewRegistry()
	o := DefaultOptions()
	o.Catalog, o.Bucket, o.Node, o.Registerer = y.catalog, y.bucket, "n", y.metrics
	o.Now = func() time.Time { return y.now }
	o.Log = slog.New(slog.DiscardHandler)
	if change != nil {
		change(&o)
	}
	var err error
	if y.Compactor, err = New(o); err != nil {
		y.t.Fatal(err)
	}
	y.jobs = &fakeJobs{catalog: y.catalog}
	y.executor, y.plan = y.jobs, y.jobs.plan
}

// add commits files, each made of what change says.
func (y *testNode) add(changes ...func(*catalog.File)) []catalog.File {
	y.t.Helper()
	e := catalog.Edit{Token: ulid.Make().String()}
	for _, change := range changes {
		e.Add = append(e.Add, y.file(change))
	}
	y.commit(e)
	return e.Add
}

// file writes an object and describes it; it is not in the catalog.
func (y *testNode) file(change func(*catalog.File)) catalog.File {
	y.t.Helper()
	id := ulid.Make().String()
	f := catalog.File{
		ID: id, Tenant: "default", Kind: catalog.Samples, Day: series.Day(y.now.UnixMilli()), Days: 1,
		Name: "default/" + id + ".parquet", Size: 100, Tail: 10, Rows: 10, Series: 1, MinName: "a", MaxName: "z", Writer: "n", Created: y.now.UnixMilli(),
	}
	f.MinT, f.MaxT = f.Day*series.DayMillis, f.Day*series.DayMillis+1000
	if change != nil {
		change(&f)
	}
	body := make([]byte, f.Size)
	random := rand.NewChaCha8(sha256.Sum256([]byte(f.ID)))
	_, _ = random.Read(body)
	f.SHA256 = sha256.Sum256(body)
	y.put(f.Name, body)
	return f
}

func (y *testNode) put(name string, body []byte) {
	y.t.Helper()
	w, err := y.bucket.Create(context.Background(), name)
	if err != nil {
		y.t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		y.t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		y.t.Fatal(err)
	}
}

func (y *testNode) commit(e catalog.Edit) *catalog.Snapshot {
	y.t.Helper()
	if e.Token == "" {
		e.Token = ulid.Make().String()
	}
	s, err := y.catalog.Commit(context.Background(), e)
	if err != nil {
		y.t.Fatal(err)
	}
	return s
}

func (y *testNode) path(name string) string {
	y.t.Helper()
	p, err := y.bucket.Path(name)
	if err != nil {
		y.t.Fatal(err)
	}
	return p
}

func (y *testNode) has(name string) bool {
	_, err := os.Stat(y.path(name))
	return err == nil
}

// live is the IDs of the live files, sorted.
func (y *testNode) live() []string {
	var ids []string
	for f := range y.catalog.Snapshot().All() {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	return ids
}

func (y *testNode) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

// metric is the sum of all values of a metric, whatever its labels.
func (y *testNode) metric(name string) float64 {
	y.t.Helper()
	families, err := y.metrics.Gather()
	y.must(err)
	sum, found := 0.0, false
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			found = true
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	_ = found // A metric with labels that never counted is not there: 0.
	return sum
}

// on puts a file's rows between two ages, in days.
func (y *testNode) on(older, newer int) func(*catalog.File) {
	return func(f *catalog.File) {
		today := series.Day(y.now.UnixMilli())
		f.Day, f.Days = today-int64(older), older-newer+1
		f.MinT, f.MaxT = f.Day*series.DayMillis, (f.Day+int64(f.Days))*series.DayMillis-1
	}
}

// fakeJobs plans to put all files of a partition into one, and does so in the
// catalog alone. fail decides how a job ends before it begins.
type fakeJobs struct {
	catalog *catalog.Catalog
	fail    func(j plan.Job) error

	mu        sync.Mutex // Guards what follows.
	ran       []string   // Partitions.
	atOnce    int
	maxAtOnce int
}

func (x *fakeJobs) plan(in plan.State) []plan.Job {
	byKey := map[string]*plan.Job{}
	var keys []string
	for f := range in.Files {
		if in.Quarantined[f.ID] {
			continue
		}
		key := string(f.Tenant) + "/" + f.Partition
		if byKey[key] == nil {
			keys = append(keys, key)
			byKey[key] = &plan.Job{Kind: plan.Merge, Tenant: f.Tenant, Rows: f.Kind, Partition: f.Partition, Level: 2, Unit: plan.Unit{Day: f.Day, Days: 1}, Why: "test"}
		}
		j := byKey[key]
		j.Inputs = append(j.Inputs, plan.Input{File: f, Remove: true})
		end := max(j.Unit.Day+int64(j.Unit.Days), f.Day+int64(f.Days))
		j.Unit.Day = min(j.Unit.Day, f.Day)
		j.Unit.Days = int(end - j.Unit.Day)
	}
	slices.Sort(keys)
	var jobs []plan.Job
	for _, k := range keys {
		j := *byKey[k]
		if len(j.Inputs) > 1 || in.CleanAll && len(in.Mask(j.Inputs[0].File)) > 0 {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

func (x *fakeJobs) Run(ctx context.Context, s *catalog.Snapshot, j plan.Job) (merge.Result, error) {
	x.enter(j)
	defer x.leave()
	if x.fail != nil {
		if err := x.fail(j); err != nil {
			return merge.Result{}, fmt.Errorf("%s of %s: %w", j.Kind, j.Partition, err)
		}
	}
	e := catalog.Edit{Token: ulid.Make().String()}
	out := *j.Inputs[0].File
	out.ID, out.Level, out.Clean = ulid.Make().String(), j.Level, s.Version()
	out.Name = "out/" + out.ID
	var r merge.Result
	for _, in := range j.Inputs {
		e.Remove = append(e.Remove, in.ID)
		out.Seq, out.MinT, out.MaxT = max(out.Seq, in.Seq), min(out.MinT, in.MinT), max(out.MaxT, in.MaxT)
		r.InputRows += in.File.Rows
	}
	out.Rows = r.InputRows
	out.Day = series.Day(out.MinT)
	out.Days = int(series.Day(out.MaxT)-out.Day) + 1
	r.OutputRows, r.OutputBytes, r.Outputs, r.Files = r.InputRows, out.Size, 1, []catalog.File{out}
	e.Add = []catalog.File{out}
	_, err := x.catalog.Commit(ctx, e)
	return r, err
}

func (x *fakeJobs) enter(j plan.Job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ran = append(x.ran, j.Partition)
	x.atOnce++
	x.maxAtOnce = max(x.maxAtOnce, x.atOnce)
}

func (x *fakeJobs) leave() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.atOnce--
}

func (x *fakeJobs) partitions() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.ran)
}

var errTest = errors.New("out of luck")

func name(i int) string { return fmt.Sprintf("k=%03d", i) }
