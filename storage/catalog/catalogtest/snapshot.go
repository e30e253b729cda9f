package catalogtest

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func immutable(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	commit(t, c, add("1", file("a", 1), file("b", 1), file("c", 2)))
	old := c.Snapshot()
	want := all(old)
	found := old.Files(series.DefaultTenant, catalog.Samples, math.MinInt64, math.MaxInt64)
	same(t, "the whole of time", []string{"a", "b", "c"}, ids(found))
	commit(t, c, catalog.Edit{Token: "2", Add: []catalog.File{file("d", 1), file("e", 0)}, Remove: []string{"a", "c"}})
	now := commit(t, c, add("3", file("f", 2)))
	same(t, "the old snapshot", want, all(old))
	same(t, "what it found", []string{"a", "b", "c"}, ids(found))
	same(t, "its size", 3, old.Len())
	same(t, "the new snapshot", []string{"b", "d", "e", "f"}, ids(all(now)))
	same(t, "its size", 4, now.Len())
}

// randomFile is a file of a small world, so that many share a partition.
func randomFile(r *rand.Rand, id string) catalog.File {
	days := []int{1, 1, 1, 7, 30}[r.IntN(5)]
	f := file(id, int64(r.IntN(12)-6))
	f.Days = days
	f.Tenant = series.Tenant([]string{"default", "t1", "t2"}[r.IntN(3)])
	f.Kind = []catalog.Kind{catalog.Samples, catalog.Samples, catalog.Exemplars, catalog.Aggregates(300_000)}[r.IntN(4)]
	f.SamplesDropped = f.Kind.Resolution() > 0 && r.IntN(2) == 0
	f.Partition = fmt.Sprintf("__name__~2=%d", r.IntN(2))
	length := int64(days) * series.DayMillis
	from, to := r.Int64N(length), r.Int64N(length)
	f.MinT, f.MaxT = f.Day*series.DayMillis+min(from, to), f.Day*series.DayMillis+max(from, to)
	return f
}

func history(t *testing.T, open Open) {
	r := random(t)
	c := open(t, catalog.DefaultOptions())
	watcher := open(t, catalog.DefaultOptions())
	model := map[string]catalog.File{}
	for step := range 150 {
		e := catalog.Edit{Token: number("", step)}
		for i := range r.IntN(6) {
			f := randomFile(r, number("", step)+number("-", i))
			f.Clean = max(0, c.Snapshot().Version()-r.Int64N(4))
			e.Add = append(e.Add, f)
		}
		live := slices.Sorted(maps.Keys(model))
		for range r.IntN(min(len(live), 4) + 1) {
			i := r.IntN(len(live))
			e.Remove = append(e.Remove, live[i])
			live = slices.Delete(live, i, i+1)
		}
		s := commit(t, c, e)
		for _, f := range e.Add {
			f.Seq = s.Version()
			model[f.ID] = f
		}
		for _, id := range e.Remove {
			delete(model, id)
		}
		compareModel(t, r, model, s)
		if r.IntN(10) == 0 {
			if err := watcher.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			compareModel(t, r, model, watcher.Snapshot())
		}
		if r.IntN(50) == 0 {
			c.Close()
			c = open(t, catalog.DefaultOptions())
			compareModel(t, r, model, c.Snapshot())
		}
	}
	wantSound(t, c)
	compareModel(t, r, nil, commit(t, c, catalog.Edit{Token: "all", Remove: slices.Collect(maps.Keys(model))}))
}

func compareModel(t *testing.T, r *rand.Rand, model map[string]catalog.File, s *catalog.Snapshot) {
	t.Helper()
	want := []catalog.File{}
	for _, id := range slices.Sorted(maps.Keys(model)) {
		want = append(want, model[id])
	}
	same(t, "all files", want, all(s))
	same(t, "number of files", len(want), s.Len())
	tenants := map[series.Tenant]bool{}
	for _, m := range want {
		tenants[m.Tenant] = true
	}
	same(t, "tenants", len(tenants), len(s.Tenants()))
	f := randomFile(r, "question")
	inside := []string{}
	for _, m := range want {
		if m.Tenant == f.Tenant && m.Kind == f.Kind && m.MinT <= f.MaxT && m.MaxT >= f.MinT {
			inside = append(inside, m.ID)
		}
	}
	found := s.Files(f.Tenant, f.Kind, f.MinT, f.MaxT)
	same(t, "files in a range", inside, ids(found))
	if !slices.IsSortedFunc(found, func(a, b *catalog.File) int { return int(a.Seq - b.Seq) }) {
		t.Fatal("files are not in the order they were written")
	}
}

func deletion(t *testing.T, open Open) {
	start := time.UnixMilli(1_700_000_000_000)
	now := start
	c := open(t, clock(&now))
	commit(t, c, add("1", file("a", 1), file("b", 1), file("c", 1)))
	now = start.Add(time.Hour)
	commit(t, c, catalog.Edit{Token: "2", Remove: []string{"b"}})
	now = start.Add(2 * time.Hour)
	commit(t, c, catalog.Edit{Token: "3", Remove: []string{"a"}})
	deleted := func(before time.Time, limit int) []string {
		t.Helper()
		files, err := c.Deleted(t.Context(), before, limit)
		if err != nil {
			t.Fatal(err)
		}
		out := []string{}
		for _, f := range files {
			out = append(out, fmt.Sprintf("%s %v", f.Name, time.UnixMilli(f.At).Sub(start)))
		}
		return out
	}
	same(t, "before", []string{}, deleted(start.Add(time.Hour), 10))
	same(t, "the first", []string{"objects/b 1h0m0s"}, deleted(start.Add(90*time.Minute), 10))
	same(t, "both", []string{"objects/b 1h0m0s", "objects/a 2h0m0s"}, deleted(start.Add(3*time.Hour), 10))
	same(t, "limited", []string{"objects/b 1h0m0s"}, deleted(start.Add(3*time.Hour), 1))

	if err := c.Purge(t.Context(), []string{"b", "c"}); err == nil {
		t.Fatal("a live file was purged")
	}
	same(t, "nothing purged", 2, len(deleted(start.Add(3*time.Hour), 10)))
	for range 2 { // Repeating is harmless.
		if err := c.Purge(t.Context(), []string{"b", "never"}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "one purged", []string{"objects/a 2h0m0s"}, deleted(start.Add(3*time.Hour), 10))
	wantSound(t, c)
	same(t, "live", []string{"c"}, ids(all(open(t, catalog.DefaultOptions()).Snapshot())))
}

func together(t *testing.T, open Open) {
	a, b := open(t, catalog.DefaultOptions()), open(t, catalog.DefaultOptions())
	commit(t, a, add("1", file("a", 1), file("gone", 1)))
	same(t, "not seen yet", 0, b.Snapshot().Len())
	commit(t, b, catalog.Edit{Token: "2", Add: []catalog.File{file("b", 1)}, Remove: []string{"gone"}})
	same(t, "seen by the next commit", []string{"a", "b"}, ids(all(b.Snapshot())))
	commit(t, b, add("3", file("c", 1)))
	repeated := commit(t, a, add("3", file("c", 1)))
	same(t, "seen by a repeated commit", []string{"a", "b", "c"}, ids(all(repeated)))
	commit(t, b, add("4", file("d", 1)))
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "seen after a refresh", all(b.Snapshot()), all(a.Snapshot()))
	wantSound(t, a)
}

func missedPurge(t *testing.T, open Open) {
	a, b := open(t, catalog.DefaultOptions()), open(t, catalog.DefaultOptions())
	commit(t, a, add("1", file("a", 1), file("b", 1)))
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(t, a, catalog.Edit{Token: "2", Remove: []string{"a"}})
	if err := a.Purge(t.Context(), []string{"a"}); err != nil {
		t.Fatal(err)
	}
	if err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "files", []string{"b"}, ids(all(b.Snapshot())))
}

func concurrent(t *testing.T, open Open) {
	const writers, each = 4, 15
	catalogs := []*catalog.Catalog{open(t, catalog.DefaultOptions()), open(t, catalog.DefaultOptions())}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() { commitMany(t, catalogs[w%2], fmt.Sprint("writer", w), each) })
	}
	for _, c := range catalogs {
		reading.Go(func() { untilDone(done, func() bool { return refreshes(t, c) }) })
		last := int64(0)
		reading.Go(func() { untilDone(done, func() bool { return onlyForward(t, c, &last) }) })
	}
	writing.Wait()
	close(done)
	reading.Wait()
	c := open(t, catalog.DefaultOptions())
	same(t, "files", writers*each, c.Snapshot().Len())
	same(t, "version", int64(writers*each), c.Snapshot().Version())
	wantSound(t, c)
}

func untilDone(done <-chan struct{}, more func() bool) {
	for more() {
		select {
		case <-done:
			return
		default:
			runtime.Gosched()
		}
	}
}

func commitMany(t *testing.T, c *catalog.Catalog, name string, n int) {
	for i := range n {
		id := fmt.Sprint(name, "-", i)
		s, err := c.Commit(t.Context(), add(id, file(id, int64(i%3))))
		if err != nil {
			t.Errorf("commit %s: %v", id, err)
			return
		}
		if !slices.Contains(ids(all(s)), id) {
			t.Errorf("commit %s: the snapshot does not contain it", id)
		}
	}
}

func refreshes(t *testing.T, c *catalog.Catalog) bool {
	if err := c.Refresh(t.Context()); err != nil {
		t.Errorf("refresh: %v", err)
		return false
	}
	return true
}

func onlyForward(t *testing.T, c *catalog.Catalog, last *int64) bool {
	s := c.Snapshot()
	n := len(s.Files(series.DefaultTenant, catalog.Samples, 0, math.MaxInt64))
	if n != s.Len() || s.Version() < *last {
		t.Errorf("version %d after %d, %d of %d files", s.Version(), *last, n, s.Len())
		return false
	}
	*last = s.Version()
	return true
}

func overlaps(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	level := func(id string, level int, from, to int64, minName, maxName string) catalog.File {
		f := file(id, 0)
		f.Level, f.MinT, f.MaxT, f.MinName, f.MaxName = level, from, to, minName, maxName
		return f
	}
	other := level("f", 1, 0, 100, "a", "z")
	other.Partition = "__name__~8=1"
	commit(t, c, add("1", file("a", 0), file("b", 0), // Level 0 may overlap.
		level("c", 1, 0, 49, "a", "z"), level("d", 1, 50, 100, "a", "z"), // Disjoint in time.
		level("e", 2, 0, 100, "a", "m"), level("e2", 2, 0, 100, "n", "z"), // Disjoint in names.
		other))
	wantSound(t, c)
	commit(t, c, add("2", level("g", 1, 49, 49, "b", "b")))
	found, err := c.Check(t.Context())
	if err != nil || len(found) != 1 || found[0].File != "g" {
		t.Fatalf("got %v, %v", found, err)
	}
}
