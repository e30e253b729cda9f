package catalogtest

import (
	"errors"
	"testing"
	"time"

	"herringbone/storage/catalog"
)

func orphanCandidates(t *testing.T, open Open) {
	start := time.UnixMilli(1_700_000_000_000)
	now := start
	c := open(t, clock(&now))
	commit(t, c, add("1", file("live", 1), file("removed", 1)))
	commit(t, c, catalog.Edit{Token: "2", Remove: []string{"removed"}})
	list := func(before time.Time, limit int) (names []string) {
		t.Helper()
		found, err := open(t, clock(&now)).OrphanCandidates(t.Context(), before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range found {
			names = append(names, s.Name+" "+time.UnixMilli(s.At).Sub(start).String())
		}
		return names
	}
	suspect := func(want int, names ...string) {
		t.Helper()
		if n, err := c.AddOrphanCandidates(t.Context(), names); err != nil || n != want {
			t.Fatalf("%d suspects, %v; want %d", n, err, want)
		}
	}
	suspect(1, "objects/live", "objects/removed", "objects/b")
	now = start.Add(time.Hour)
	suspect(2, "objects/b", "objects/a")
	same(t, "both", []string{"objects/b 0s", "objects/a 1h0m0s"}, list(now.Add(time.Millisecond), 10))
	same(t, "the longest suspected", []string{"objects/b 0s"}, list(now.Add(time.Hour), 1))
	same(t, "before an hour", []string{"objects/b 0s"}, list(now, 10))

	e := add("3", file("c", 1), file("b", 1))
	if _, err := c.Commit(t.Context(), e); !errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("a suspect was added: %v", err)
	}
	same(t, "files", []string{"live"}, ids(all(c.Snapshot())))
	for range 2 {
		if err := c.ForgetOrphanCandidates(t.Context(), []string{"objects/b", "objects/never"}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "one is left", []string{"objects/a 1h0m0s"}, list(now.Add(time.Hour), 10))
	commit(t, c, e) // The name could be anybody's again.
	suspect(0, "objects/b")
	if err := c.Purge(t.Context(), []string{"removed"}); err != nil {
		t.Fatal(err)
	}
	suspect(1, "objects/removed")
	wantSound(t, c)
}

func quarantine(t *testing.T, open Open) {
	now := time.UnixMilli(1_700_000_000_000)
	c := open(t, clock(&now))
	commit(t, c, add("1", file("a", 1), file("b", 1), file("c", 1)))
	put := func(id, what string) {
		t.Helper()
		if err := c.Quarantine(t.Context(), id, what); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want ...catalog.Quarantined) {
		t.Helper()
		for _, c := range []*catalog.Catalog{c, open(t, catalog.DefaultOptions())} {
			got, err := c.Quarantined(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			same(t, "quarantined", want, got)
			wantSound(t, c)
		}
	}
	want()
	put("b", "first")
	inB := catalog.Quarantined{ID: "b", Name: "objects/b", What: "first", At: now.UnixMilli()}
	now = now.Add(time.Hour)
	put("b", "second")
	put("a", "its ' \x01 page")
	inA := catalog.Quarantined{ID: "a", Name: "objects/a", What: "its ' \x01 page", At: now.UnixMilli()}
	want(inB, inA)
	if err := c.Quarantine(t.Context(), "nobody", "x"); !errors.Is(err, catalog.ErrUnknown) {
		t.Errorf("a file that was never there: %v", err)
	}
	commit(t, c, catalog.Edit{Token: "2", Remove: []string{"b", "c"}})
	put("c", "too late")
	want(inA)
	for range 2 {
		if err := c.Acquit(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	want()
}

func totals(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	want := func(want catalog.Totals) {
		t.Helper()
		got, err := c.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "totals", want, got)
	}
	want(catalog.Totals{})
	large := file("large", 1)
	large.Size = 1 << 50
	commit(t, c, add("1", file("a", 1), file("b", 2), large))
	want(catalog.Totals{LiveFiles: 3, LiveBytes: 1<<50 + 2000})
	commit(t, c, catalog.Edit{Token: "2", Remove: []string{"a", "large"}})
	want(catalog.Totals{LiveFiles: 1, LiveBytes: 1000, RemovedFiles: 2, RemovedBytes: 1<<50 + 1000})
	if err := c.Purge(t.Context(), []string{"large"}); err != nil {
		t.Fatal(err)
	}
	want(catalog.Totals{LiveFiles: 1, LiveBytes: 1000, RemovedFiles: 1, RemovedBytes: 1000})
}
