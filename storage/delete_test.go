package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func equal(name, value string) *promlabels.Matcher {
	return promlabels.MustNewMatcher(promlabels.MatchEqual, name, value)
}

func (r *rig) delete(minT, maxT int64, matchers ...*promlabels.Matcher) catalog.Tombstone {
	r.t.Helper()
	d, err := r.store.Delete(context.Background(), tenant, minT, maxT, matchers)
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

// Whatever was deleted when, and wherever samples are: the answer is the model's,
// and the receipt counts the rows.
func TestDeletesInEveryLayout(t *testing.T) {
	rng := seeded(t)
	now := time.Now().UnixMilli()
	var hidden, atOnce int64
	for range 6 {
		r := newRig(t, func(o *Options) { o.IndexCacheBytes = int64(rng.IntN(2)) << 16 })
		m := newModel()
		for step := range 60 {
			switch rng.IntN(12) {
			case 0:
				r.flush()
			case 1:
				r.close()
				r.open()
			case 2, 3:
				q := randomQuery(rng, now)
				flushed := rng.IntN(2) == 0 // Only then it is known what there is to hide.
				if flushed {
					r.flush()
				}
				want := r.visibleRows(q)
				d := r.delete(q.MinT, q.MaxT, q.Matchers...)
				if d.Hidden < want || flushed && d.Hidden > want || d.Cause != catalog.Deleted || d.Hidden > 0 && d.Done != 0 || d.Hidden == 0 && d.Done == 0 {
					t.Fatalf("receipt %+v of %v, %d to %d: want %d rows", d, q.Matchers, q.MinT, q.MaxT, want)
				}
				if d.Hidden > 0 {
					hidden += d.Hidden
				} else {
					atOnce++
				}
				m.deleted(q.MinT, q.MaxT, q.Matchers)
			default:
				b := randomBatch(rng, now)
				r.append(b)
				m.acknowledged(b)
			}
			if step%5 == 0 {
				q := randomQuery(rng, now)
				m.check(t, r.store, tenant, q)
				m.checkListed(t, r.store, q)
			}
		}
		m.check(t, r.store, tenant, all())
		r.flush()
		m.check(t, r.store, tenant, all())
		m.checkListed(t, r.store, all())
		r.close()
		checkFsck(t, r, true)
	}
	if hidden == 0 || atOnce == 0 {
		t.Errorf("%d rows hidden, %d deletes of nothing: the test proves little", hidden, atOnce)
	}
}

// visibleRows counts the matching rows of files that no tombstone hides, one by
// one.
func (r *rig) visibleRows(q series.Query) (n int64) {
	r.t.Helper()
	snapshot := r.store.Snapshot()
	for f := range snapshot.All() {
		if f.Kind != catalog.Samples {
			continue
		}
		reader, release, err := r.store.OpenFile(context.Background(), f)
		if err != nil {
			r.t.Fatal(err)
		}
		err = reader.Each(func(ls promlabels.Labels, s *series.Samples) error {
			for _, ts := range s.Times {
				hides := func(d *catalog.Tombstone) bool {
					return d.Seq > f.Seq && ts >= d.MinT && ts <= d.MaxT && d.HidesSeries(ls)
				}
				if ts >= q.MinT && ts <= q.MaxT && series.Matches(ls, q.Matchers) && !slices.ContainsFunc(snapshot.Tombstones(tenant), hides) {
					n++
				}
			}
			return nil
		})
		release()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return n
}

// checkListed: every label of a series that has samples in the range is listed,
// and so is the series; none is that has no sample at all and was deleted whole.
func (m *model) checkListed(t *testing.T, s *Store, q series.Query) {
	t.Helper()
	ctx := context.Background()
	q.NoSamples = true
	set, err := s.Select(ctx, tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	listed := map[string]bool{}
	for set.Next() {
		listed[set.At().Labels().String()] = true
	}
	names, err := s.LabelNames(ctx, tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := s.LabelValues(ctx, tenant, "__name__", q)
	if err != nil {
		t.Fatal(err)
	}
	for key, points := range m.points {
		ls := m.labels[key]
		if !series.Matches(ls, q.Matchers) {
			continue
		}
		for ts := range points {
			if ts < q.MinT || ts > q.MaxT {
				continue
			}
			if !listed[key] || !slices.Contains(metrics, ls.Get("__name__")) {
				t.Fatalf("series %s is not listed, it has a sample at %d", key, ts)
			}
			ls.Range(func(l promlabels.Label) {
				if !slices.Contains(names, l.Name) {
					t.Fatalf("label %s of %s is not listed", l.Name, key)
				}
			})
			break
		}
	}
}

func TestDeletedSeriesAreNotListed(t *testing.T) {
	r := newRig(t, nil)
	r.append(floats("deleted", 1000, 2000))
	r.append(floats("stays", 1000, 2000))
	ask := func() string {
		t.Helper()
		names, err := r.store.LabelValues(context.Background(), tenant, "__name__", series.Query{MinT: 0, MaxT: 5000})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, ",")
	}
	if got := ask(); got != "deleted,stays" {
		t.Fatalf("before: %s", got)
	}
	r.flush()
	ask() // Now the file remembers the answer.
	r.delete(1000, 1500, equal("__name__", "deleted"))
	if got := ask(); got != "deleted,stays" {
		t.Errorf("with one sample left: %s", got)
	}
	r.delete(1501, 9000, equal("__name__", "deleted"))
	if got := ask(); got != "stays" {
		t.Errorf("with none left: %s", got)
	}
	r.append(floats("deleted", 3000))
	if got := ask(); got != "deleted,stays" {
		t.Errorf("written again: %s", got)
	}
	r.flush()
	if got := ask(); got != "deleted,stays" {
		t.Errorf("and flushed: %s", got)
	}
}

func TestDeletesThatCannotBeMeant(t *testing.T) {
	r := newRig(t, nil)
	any := promlabels.MustNewMatcher(promlabels.MatchRegexp, "__name__", ".*")
	tests := map[string]struct {
		minT, maxT int64
		matchers   []*promlabels.Matcher
	}{
		"without matchers":                     {0, 1, nil},
		"with matchers that the empty satisfy": {0, 1, []*promlabels.Matcher{any}},
		"of a range that ends before it began": {1, 0, []*promlabels.Matcher{equal("a", "b")}},
	}
	for name, tt := range tests {
		if _, err := r.store.Delete(context.Background(), tenant, tt.minT, tt.maxT, tt.matchers); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Delete(context.Background(), tenant, 0, 1, all().Matchers); !errors.Is(err, series.ErrNotReady) {
		t.Errorf("after Close: %v", err)
	}
}

func TestDeletesHideExemplars(t *testing.T) {
	r := newRig(t, nil)
	for _, name := range []string{"m", "other"} {
		b := floats(name)
		b.Entries[0].Exemplars = 2
		for ts := range int64(2) {
			b.Exemplars = append(b.Exemplars, series.Exemplar{T: 1000 * (ts + 1), V: 1, Labels: promlabels.FromStrings("trace_id", "abc")})
		}
		r.append(b)
	}
	d := r.delete(1500, 2500, equal("__name__", "m"))
	if d.Hidden != 0 || d.Done != 0 {
		t.Errorf("receipt %+v: it hides an exemplar and no row", d)
	}
	got, err := r.store.SelectExemplars(context.Background(), tenant, math.MinInt64, math.MaxInt64, all().Matchers)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string][]int64{}
	for _, s := range got {
		for _, e := range s.Exemplars {
			times[s.Labels.Get("__name__")] = append(times[s.Labels.Get("__name__")], e.T)
		}
	}
	if diff := cmp.Diff(map[string][]int64{"m": {1000}, "other": {1000, 2000}}, times); diff != "" {
		t.Error(diff)
	}
}

// With writers, flushes and deletes at once: what was acknowledged before a
// delete began is hidden, what began after it returned is not.
func TestDeletesWhileWriting(t *testing.T) {
	rng := seeded(t)
	r := newRig(t, func(o *Options) { o.GenerationBytes = 64 << 10; o.MaxFrozen = 2; o.AppendWait = time.Minute })
	const writers, perWriter, deletes = 3, 400, 12
	var began, acked [writers]atomic.Int64
	var busy sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		busy.Go(func() {
			for i := range int64(perWriter) {
				began[w].Store(i + 1)
				if _, err := r.store.Append(context.Background(), tenant, floats(fmt.Sprintf("m%d", w), i)); err != nil {
					t.Error(err)
					return
				}
				acked[w].Store(i + 1)
			}
		})
	}
	var flushers sync.WaitGroup
	flushers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = r.store.Flush(context.Background())
			}
		}
	})
	// Of writer w, samples below hidden[w] must not be there, those from shown[w] there.
	var hidden, shown [writers]int64
	for range deletes {
		w := rng.IntN(writers)
		low := acked[w].Load()
		r.delete(0, perWriter, equal("__name__", fmt.Sprintf("m%d", w)))
		hidden[w], shown[w] = low, began[w].Load()
	}
	busy.Wait()
	close(done)
	flushers.Wait()
	for range 2 {
		for w := range writers {
			times := r.times(fmt.Sprintf("m%d", w))
			if len(times) > 0 && times[0] < hidden[w] {
				t.Errorf("writer %d: the sample at %d is there, all below %d were deleted", w, times[0], hidden[w])
			}
			for ts := shown[w]; ts < perWriter; ts++ {
				if _, ok := slices.BinarySearch(times, ts); !ok {
					t.Errorf("writer %d: the sample at %d is missing, it was written after the delete", w, ts)
					break
				}
			}
		}
		r.close()
		r.open()
	}
}

func (r *rig) times(name string) []int64 {
	r.t.Helper()
	set, err := r.store.Select(context.Background(), tenant, series.Query{Matchers: []*promlabels.Matcher{equal("__name__", name)}, MinT: math.MinInt64, MaxT: math.MaxInt64})
	if err != nil {
		r.t.Fatal(err)
	}
	defer set.Close()
	var samples series.Samples
	if set.Next() {
		if err := set.At().Read(&samples); err != nil {
			r.t.Fatal(err)
		}
	}
	return samples.Times
}

// A reader sees all of what a delete hides, or nothing of it, wherever it lies.
func TestReadersSeeDeletesWhole(t *testing.T) {
	rng := seeded(t)
	r := newRig(t, nil)
	ctx := context.Background()
	for round := range 15 {
		name := fmt.Sprintf("m%d", round)
		const count = 40
		for i := range int64(count) {
			r.append(floats(name, i*3_600_000)) // In several days' files.
			if rng.IntN(12) == 0 {
				r.flush()
			}
		}
		var readers sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			readers.Go(func() {
				for {
					if n := len(r.times(name)); n != 0 && n != count {
						t.Errorf("%d of %d samples are visible", n, count)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		flushed := make(chan error)
		go func() { flushed <- r.store.Flush(ctx) }()
		r.delete(math.MinInt64, math.MaxInt64, equal("__name__", name))
		if err := <-flushed; err != nil {
			t.Error(err)
		}
		if n := len(r.times(name)); n != 0 {
			t.Errorf("%d samples are visible after the delete", n)
		}
		close(done)
		readers.Wait()
	}
}

// TestDeletesOfNothing: whoever lifts tombstones that hide nothing may be faster
// than the delete that made them.
func TestDeletesOfNothing(t *testing.T) {
	r := newRig(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	var lifting sync.WaitGroup
	lifting.Go(func() {
		for ctx.Err() == nil {
			for _, ts := range r.catalog.Snapshot().Tombstones(series.DefaultTenant) {
				_, err := r.catalog.Commit(ctx, catalog.Edit{Token: "test/" + ts.ID, Lift: []string{ts.ID}})
				if err != nil && !errors.Is(err, catalog.ErrConflict) && ctx.Err() == nil {
					t.Error(err)
				}
			}
		}
	})
	m := equal("__name__", "none")
	for range 300 {
		receipt, err := r.store.Delete(ctx, series.DefaultTenant, 0, 1, []*promlabels.Matcher{m})
		if err != nil || receipt.ID == "" {
			t.Fatalf("%+v %v", receipt, err)
		}
	}
	stop()
	lifting.Wait()
}
