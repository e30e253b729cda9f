package compactor

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
)

// stray is an object that nobody commits, as old as given.
func (y *testNode) stray(name string, age time.Duration) {
	y.t.Helper()
	y.put(name, []byte("x"))
	at := y.now.Add(-age)
	y.must(os.Chtimes(y.path(name), at, at))
}

func TestOrphansAreDeletedLate(t *testing.T) {
	y := newTestNode(t, nil)
	age := y.opts.Orphans.Age
	live := y.add(nil)[0]
	removed := y.add(nil)[0]
	y.remove(removed)
	for _, f := range []catalog.File{live, removed} {
		y.must(os.Chtimes(y.path(f.Name), y.now.Add(-9*age), y.now.Add(-9*age)))
	}
	y.stray("default/old", age+time.Hour)
	y.stray("default/new", age-time.Hour)

	y.must(y.CollectOrphans(t.Context(), y.now))
	if !y.has("default/old") {
		t.Fatal("deleted from a listing")
	}
	y.now = y.now.Add(age)
	y.must(y.CollectOrphans(t.Context(), y.now))
	if !y.has("default/old") {
		t.Fatal("deleted before it had been a candidate for long enough")
	}
	y.now = y.now.Add(time.Millisecond)
	y.must(y.CollectOrphans(t.Context(), y.now))
	for name, want := range map[string]bool{"default/old": false, "default/new": true, live.Name: true, removed.Name: true} {
		if y.has(name) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
	if got := y.metric("herringbone_compactor_orphans_deleted_total"); got != 1 {
		t.Errorf("%v counted", got)
	}
}

func TestOrphansThatAreCommittedAfterAll(t *testing.T) {
	y := newTestNode(t, nil)
	f := y.file(nil)
	old := y.now.Add(-y.opts.Orphans.Age - time.Hour)
	y.must(os.Chtimes(y.path(f.Name), old, old))
	y.must(y.CollectOrphans(t.Context(), y.now))
	_, err := y.catalog.Commit(t.Context(), catalog.Edit{Token: "late", Add: []catalog.File{f}})
	if !errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("an orphan candidate was committed: %v", err)
	}
}

func TestOrphansRefuseAForeignCatalog(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.Collect.MinFiles = 3 })
	y.add(nil)
	for i := range 6 {
		y.stray("default/"+name(i), 9*y.opts.Orphans.Age)
	}
	y.must(y.CollectOrphans(t.Context(), y.now))
	y.now = y.now.Add(y.opts.Orphans.Age + time.Millisecond)
	err := y.CollectOrphans(t.Context(), y.now)
	if !errors.Is(err, plan.ErrRefused) || !strings.Contains(err.Error(), "collection.max_share") {
		t.Fatalf("collected: %v", err)
	}
	if !y.has("default/" + name(0)) {
		t.Error("deleted all the same")
	}
}
