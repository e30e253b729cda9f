package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsck"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

const tenant = series.DefaultTenant

// rig is a store with real parts on one directory.
type rig struct {
	t       *testing.T
	fs      fsys.FS
	dir     string
	opts    Options
	store   *Store
	catalog *catalog.Catalog
	bucket  bucket.Bucket
	wrap    func(bucket.Bucket) bucket.Bucket // What the store is given; nil: the bucket.
}

func newRig(t *testing.T, change func(*Options)) *rig {
	r := &rig{t: t, fs: fsys.OS, dir: tempDir(t)}
	r.opts = DefaultOptions()
	r.opts.Dir = r.dir
	if change != nil {
		change(&r.opts)
	}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	ctx := context.Background()
	var err error
	if r.bucket, err = bucket.Dir(r.fs, filepath.Join(r.dir, "objects")); err != nil {
		r.t.Fatal(err)
	}
	opened := r.bucket
	if r.wrap != nil {
		opened = r.wrap(opened)
	}
	if r.catalog, err = catalog.Open(ctx, filepath.Join(r.dir, "catalog.db"), catalog.DefaultOptions(), nil); err != nil {
		r.t.Fatal(err)
	}
	r.store, err = Open(ctx, r.fs, opened, r.catalog, r.opts, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.Replay(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) close() {
	if r.store == nil {
		return
	}
	if err := errors.Join(r.store.Close(), r.catalog.Close()); err != nil {
		r.t.Error(err)
	}
	r.store = nil
}

func (r *rig) append(b *series.Batch) series.Written {
	r.t.Helper()
	w, err := r.store.Append(context.Background(), tenant, b)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// freeze begins a new generation: what is in memory is then in two.
func (r *rig) freeze() {
	r.t.Helper()
	if err := r.store.ingester.Freeze(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) flush() {
	r.t.Helper()
	if err := r.store.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
}

func all() series.Query {
	return series.Query{
		Matchers: []*promlabels.Matcher{promlabels.MustNewMatcher(promlabels.MatchRegexp, "__name__", ".+")},
		MinT:     math.MinInt64, MaxT: math.MaxInt64,
	}
}

func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 7))
}

// floats makes a batch of one series.
func floats(name string, times ...int64) *series.Batch {
	b := &series.Batch{}
	for _, t := range times {
		b.Samples = append(b.Samples, series.Sample{T: t, V: float64(t)})
	}
	key := series.AppendKeyLabel([]byte(nil), "__name__", name)
	b.Entries = []series.Entry{{Key: key, Samples: int32(len(times))}}
	return b
}

// Whatever is in memory, in files, in both, replayed or not: the answer is the
// model's.
func TestAnswersEqualModelInEveryLayout(t *testing.T) {
	rng := seeded(t)
	now := time.Now().UnixMilli()
	for range 6 {
		r := newRig(t, func(o *Options) {
			o.PageCacheBytes = int64(rng.IntN(2)) << 20
			o.IndexCacheBytes = int64(rng.IntN(2)) << 16
		})
		m := newModel()
		for step := range 60 {
			switch rng.IntN(12) {
			case 0:
				r.flush()
			case 1:
				r.close()
				r.open()
			case 2:
				r.freeze()
			default:
				b := randomBatch(rng, now)
				w := r.append(b)
				if w.Samples != len(b.Samples) || w.Histograms != len(b.Histograms) || len(w.Rejected) != 0 {
					t.Fatalf("written %+v of %d and %d", w, len(b.Samples), len(b.Histograms))
				}
				m.acknowledged(b)
			}
			if step%5 == 0 {
				m.check(t, r.store, tenant, randomQuery(rng, now))
			}
		}
		m.check(t, r.store, tenant, all())
		m.checkLabels(t, r.store)
		r.flush()
		m.check(t, r.store, tenant, all())
		m.checkLabels(t, r.store)
		r.close()
		checkFsck(t, r, true)
	}
}

func randomQuery(rng *rand.Rand, now int64) series.Query {
	q := all()
	if rng.IntN(2) == 0 {
		q.MinT = now - rng.Int64N(6*3_600_000)
		q.MaxT = q.MinT + rng.Int64N(6*3_600_000)
	}
	if rng.IntN(2) == 0 {
		q.Matchers = append(q.Matchers, promlabels.MustNewMatcher(promlabels.MatchEqual, "__name__", fmt.Sprintf("metric_%d", rng.IntN(9))))
	}
	if rng.IntN(3) == 0 {
		q.Matchers = append(q.Matchers, promlabels.MustNewMatcher(promlabels.MatchType(rng.IntN(4)), "Zone", []string{"a", "b|c", ""}[rng.IntN(3)]))
	}
	return q
}

func (m *model) checkLabels(t *testing.T, s *Store) {
	t.Helper()
	values := map[string]map[string]struct{}{}
	for key, ls := range m.labels {
		if len(m.points[key]) == 0 {
			continue
		}
		ls.Range(func(l promlabels.Label) {
			if values[l.Name] == nil {
				values[l.Name] = map[string]struct{}{}
			}
			values[l.Name][l.Value] = struct{}{}
		})
	}
	bare := all()
	bare.Matchers = nil
	for range 2 { // The second time from what was remembered.
		m.checkLabelsOf(t, s, values, all())
		m.checkLabelsOf(t, s, values, bare)
	}
}

func (m *model) checkLabelsOf(t *testing.T, s *Store, values map[string]map[string]struct{}, q series.Query) {
	t.Helper()
	names, err := s.LabelNames(context.Background(), tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct{}{}
	for n := range values {
		want[n] = struct{}{}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), names); diff != "" {
		t.Fatal(diff)
	}
	for n := range values {
		got, err := s.LabelValues(context.Background(), tenant, n, q)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(values[n])), got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func checkFsck(t *testing.T, r *rig, orphans bool) {
	t.Helper()
	ctx := context.Background()
	c, err := catalog.Open(ctx, filepath.Join(r.dir, "catalog.db"), catalog.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := bucket.Dir(r.fs, filepath.Join(r.dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	err = fsck.Run(ctx, r.fs, b, c, r.dir, fsck.Options{Node: r.opts.Node, Orphans: orphans}, func(f fsck.Finding) {
		t.Errorf("fsck: %s: %s", f.Kind, f.What)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTenantsAreApart(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("mine", 1000))
	if _, err := r.store.Append(context.Background(), "other", floats("theirs", 1000)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for tenant, want := range map[series.Tenant]string{tenant: "mine", "other": "theirs", "none": ""} {
			got, err := r.store.LabelValues(context.Background(), tenant, "__name__", all())
			if err != nil || strings.Join(got, ",") != want {
				t.Errorf("tenant %s sees %v, %v", tenant, got, err)
			}
		}
		r.flush()
	}
}

func TestBadSeriesAreSetAside(t *testing.T) {
	now := time.UnixMilli(100 * series.DayMillis)
	r := newRig(t, func(o *Options) { o.Retention = 24 * time.Hour; o.Now = func() time.Time { return now } })
	b := floats("good", now.UnixMilli()-1, now.UnixMilli()-24*3600*1000-1)
	b.Entries = append(b.Entries, series.Entry{Key: series.AppendKeyLabel([]byte(nil), "job", "nameless"), Samples: 1})
	b.Samples = append(b.Samples, series.Sample{T: now.UnixMilli(), V: 1})
	w := r.append(b)
	if w.Samples != 1 || len(w.Rejected) != 2 {
		t.Fatalf("written %+v", w)
	}
	for i, reason := range []series.Reason{series.ReasonTooOld, series.ReasonLabels} {
		if w.Rejected[i].Reason != reason || w.Rejected[i].Count != 1 || w.Rejected[i].Example == "" {
			t.Errorf("rejection %+v, want one for %s", w.Rejected[i], reason)
		}
	}
}

func TestWritesWaitForMemoryThenAreRefused(t *testing.T) {
	r := newRig(t, func(o *Options) { o.GenerationBytes = 64 << 10; o.AppendWait = 10 * time.Millisecond })
	var err error
	for i := 0; err == nil && i < 10000; i++ {
		_, err = r.store.Append(context.Background(), tenant, floats(fmt.Sprintf("m%d", i), int64(i)))
	}
	if !errors.Is(err, series.ErrOverload) {
		t.Fatalf("nobody flushes, yet the error is %v", err)
	}
	if got, bound := r.store.ingester.MemoryBytes(), 3*r.opts.GenerationBytes; got > bound {
		t.Errorf("%d bytes in memory, the bound is %d", got, bound)
	}
}

// With somebody who flushes, writes that wait go through: many times as much as
// fits into memory.
func TestWritesWaitForAFlush(t *testing.T) {
	r := newRig(t, func(o *Options) { o.GenerationBytes = 64 << 10; o.AppendWait = time.Minute })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.store.Run(ctx) }()
	for i := range 2000 {
		r.append(floats(fmt.Sprintf("m%d", i), int64(i)))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReplayIsBoundedInMemory(t *testing.T) {
	r := newRig(t, func(o *Options) { o.GenerationBytes = 1 << 20; o.MaxFrozen = 1000 })
	m := newModel()
	var peak int64
	for i := range 600 {
		b := floats(fmt.Sprintf("m%d", i%50), int64(i)*1000)
		for k := range 500 {
			b.Samples = append(b.Samples, series.Sample{T: int64(i)*1000 + int64(k) + 1, V: 1})
		}
		b.Entries[0].Samples += 500
		r.append(b)
		m.acknowledged(b)
		peak = max(peak, r.store.ingester.MemoryBytes())
	}
	if peak < 3<<20 {
		t.Fatalf("only %d bytes to replay", peak)
	}
	segments, err := wal.List(r.fs, filepath.Join(r.dir, "wal"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments %v, %v", segments, err)
	}
	r.close()
	r.open()
	if got := r.store.ingester.MemoryBytes(); got > 5<<18+r.opts.GenerationBytes {
		t.Errorf("%d bytes in memory after replay of %d", got, peak)
	}
	m.check(t, r.store, tenant, all())
}

func TestMissingFileIsAnErrorThatNamesIt(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("m", 1000))
	r.flush()
	var name string
	for f := range r.catalog.Snapshot().All() {
		name = f.Name
	}
	if err := os.Remove(filepath.Join(r.dir, "objects", filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
	_, err := r.store.Select(context.Background(), tenant, all())
	if !errors.Is(err, series.ErrCorrupt) || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v does not name %s", err, name)
	}
}

func TestExemplarsAndMetadataSurvive(t *testing.T) {
	r := newRig(t, nil)
	b := floats("m", 1000)
	b.Entries[0].Exemplars = 2
	trace := promlabels.FromStrings("trace_id", "abc")
	b.Exemplars = []series.Exemplar{{T: 1000, V: 1, Labels: trace}, {T: 900, V: 2, Labels: trace}}
	b.Metadata = []series.Metadata{{Metric: "m", Type: "counter", Help: "Help.", Unit: "s"}}
	for range 2 { // A retry changes nothing.
		if w := r.append(b); w.Exemplars != 2 {
			t.Fatalf("written %+v", w)
		}
	}
	check := func() {
		t.Helper()
		got, err := r.store.SelectExemplars(context.Background(), tenant, 0, 950, all().Matchers)
		if err != nil || len(got) != 1 || len(got[0].Exemplars) != 1 || got[0].Exemplars[0].V != 2 {
			t.Fatalf("exemplars to 950: %+v, %v", got, err)
		}
		got, err = r.store.SelectExemplars(context.Background(), tenant, math.MinInt64, math.MaxInt64, all().Matchers)
		if err != nil || len(got) != 1 || len(got[0].Exemplars) != 2 || got[0].Exemplars[0].T != 900 || got[0].Exemplars[0].Labels.Get("trace_id") != "abc" {
			t.Fatalf("exemplars: %+v, %v", got, err)
		}
		meta, err := r.store.Metadata(context.Background(), tenant, "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.Metadata, meta); diff != "" {
			t.Fatal(diff)
		}
	}
	check()
	r.close()
	r.open()
	check()
	r.flush()
	check()
	r.close()
	r.open()
	check()
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	// Whoever was killed just before may still hold it.
	release, err = Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan error)
	time.AfterFunc(100*time.Millisecond, func() { released <- release() })
	release, err = Lock(dir)
	if err := errors.Join(err, <-released); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// Questions with different matchers or times are different questions.
func TestLabelAnswersAreNotMixedUp(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("early", 1000))
	r.append(floats("late", 9000))
	r.flush()
	values := func(minT, maxT int64, matchers ...*promlabels.Matcher) string {
		t.Helper()
		got, err := r.store.LabelValues(context.Background(), tenant, "__name__", series.Query{MinT: minT, MaxT: maxT, Matchers: matchers})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(got, ",")
	}
	early := promlabels.MustNewMatcher(promlabels.MatchEqual, "__name__", "early")
	some := promlabels.MustNewMatcher(promlabels.MatchNotEqual, "__name__", "")
	for range 2 {
		for _, tt := range []struct{ got, want string }{
			{values(0, 10000), "early,late"},
			{values(0, 10000, early), "early"},
			{values(0, 10000, some), "early,late"},
			{values(5000, 10000, some), "late"},
			{values(5000, 10000, early), ""},
			{values(20000, 30000), ""},
		} {
			if tt.got != tt.want {
				t.Errorf("%q, want %q", tt.got, tt.want)
			}
		}
	}
}
