package catalogtest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// tombstone is a valid one of the given id that hides one metric for ever.
func tombstone(id, metric string) catalog.Tombstone {
	return catalog.Tombstone{
		ID: id, Tenant: series.DefaultTenant, Cause: catalog.Deleted, Matchers: []*labels.Matcher{equal("__name__", metric)},
		MinT: math.MinInt64, MaxT: math.MaxInt64,
	}
}

// everything is a tombstone with all that one can have, and what is hard to keep.
func everything() catalog.Tombstone {
	return catalog.Tombstone{
		ID: "01", Tenant: "t-1", Cause: catalog.Expired, Rule: "d\"ö\x01,{}", MinT: math.MinInt64, MaxT: -5, Created: 1700000000123, Hidden: 1 << 60,
		Matchers: []*labels.Matcher{
			equal("__name__", "a'\"<&>?$1\x00"),
			labels.MustNewMatcher(labels.MatchNotEqual, "ü", ""),
			labels.MustNewMatcher(labels.MatchRegexp, "job", "a|b.*\\d"),
			labels.MustNewMatcher(labels.MatchNotRegexp, "job", "[^c]+"),
		},
		Except: [][]*labels.Matcher{{equal("a", "b"), equal("c", "d")}, {labels.MustNewMatcher(labels.MatchRegexp, "x", ".+")}},
	}
}

// text has every field of tombstones.
func text[T catalog.Tombstone | *catalog.Tombstone](list []T) (lines []string) {
	for _, one := range list {
		var t catalog.Tombstone
		switch one := any(one).(type) {
		case catalog.Tombstone:
			t = one
		case *catalog.Tombstone:
			t = *one
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %q %v except %v, %d to %d, seq %d, created %d, %d hidden, %d purged in %d files, done %d",
			t.ID, t.Tenant, t.Cause, t.Rule, t.Matchers, t.Except, t.MinT, t.MaxT, t.Seq, t.Created, t.Hidden, t.Purged, t.Rewritten, t.Done))
	}
	return lines
}

func lay(token string, list ...catalog.Tombstone) catalog.Edit {
	return catalog.Edit{Token: token, Tombstones: list}
}

func tombstoneRoundTrip(t *testing.T, open Open) {
	c, other := open(t, catalog.DefaultOptions()), open(t, catalog.DefaultOptions())
	given := everything()
	want := given
	want.Seq = 2
	commit(t, c, add("1", file("a", 1)))
	if v := c.Snapshot().TombstonesVersion(); v != 0 {
		t.Fatalf("tombstones of version %d before there are any", v)
	}
	first := commit(t, c, lay("2", given))
	given.Matchers[0], given.Except[0][0] = equal("its", "owner"), equal("changed", "them")
	want.Matchers, want.Except = everything().Matchers, everything().Except
	same(t, "repeated", first.Version(), commit(t, c, lay("2", tombstone("x", "other"))).Version())
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(t, c, add("3", file("b", 1)))
	for _, c := range []*catalog.Catalog{c, other, open(t, catalog.DefaultOptions())} {
		s := c.Snapshot()
		same(t, "the tenant's tombstones", text([]catalog.Tombstone{want}), text(s.Tombstones("t-1")))
		same(t, "another tenant's", 0, len(s.Tombstones(series.DefaultTenant)))
		same(t, "version", int64(2), s.TombstonesVersion())
		got, err := c.Receipt(t.Context(), "01")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", text([]catalog.Tombstone{want}), text([]catalog.Tombstone{got}))
		wantSound(t, c)
	}
	if ls := labels.FromStrings("__name__", "a'\"<&>?$1\x00", "ü", "y", "job", "b12"); other.Snapshot().Tombstones("t-1")[0].HidesSeries(ls) != want.HidesSeries(ls) {
		t.Error("another catalog's tombstone hides other series")
	}
}

func receipts(t *testing.T, open Open) {
	now := time.UnixMilli(1_700_000_000_000)
	c := open(t, clock(&now))
	expired := tombstone("3", "c")
	expired.Cause, expired.Rule = catalog.Expired, "rule"
	b := tombstone("2", "b")
	b.Hidden = 9
	commit(t, c, lay("1", tombstone("1", "a"), b))
	laid := commit(t, c, lay("2", expired))
	purge := catalog.Edit{Token: "3", Purged: []catalog.Purge{{Tombstone: "2", Rows: 5, Files: 2}, {Tombstone: "2", Rows: 1, Files: 1}}}
	for range 2 { // The second changes nothing.
		s := commit(t, c, purge)
		same(t, "what was purged", int64(6), s.Tombstones(series.DefaultTenant)[1].Purged)
		same(t, "no tombstone more or less", laid.TombstonesVersion(), s.TombstonesVersion())
	}
	same(t, "the old snapshot", int64(0), laid.Tombstones(series.DefaultTenant)[1].Purged)
	commit(t, c, catalog.Edit{Token: "4", Lift: []string{"2"}, Purged: []catalog.Purge{{Tombstone: "2", Rows: 3, Files: 1}}})
	late := commit(t, c, catalog.Edit{Token: "5", Purged: []catalog.Purge{{Tombstone: "2", Rows: 100}}}) // Of a job that began before.
	same(t, "lifting is news", int64(4), late.TombstonesVersion())
	same(t, "three lived", 3, len(laid.Tombstones(series.DefaultTenant)))
	same(t, "two live", 2, len(late.Tombstones(series.DefaultTenant)))
	got, err := c.Receipts(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	b.Seq, b.Purged, b.Rewritten, b.Done = 1, 109, 4, now.UnixMilli()
	a := tombstone("1", "a")
	a.Seq = 1
	same(t, "receipts", text([]catalog.Tombstone{b, a}), text(got))
	if got, err := c.Receipts(t.Context(), 1); err != nil || len(got) != 1 || got[0].ID != "2" {
		t.Errorf("the newest is %v, %v", got, err)
	}
	if _, err := c.Receipt(t.Context(), "nobody"); !errors.Is(err, catalog.ErrUnknown) || !errors.Is(err, series.ErrInvalid) {
		t.Errorf("receipt of nobody: %v", err)
	}
	wantSound(t, c)
}

func tombstoneConflicts(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	commit(t, c, add("0", file("a", 1)))
	commit(t, c, lay("1", tombstone("live", "a"), tombstone("done", "b")))
	before := commit(t, c, catalog.Edit{Token: "2", Lift: []string{"done"}})
	tests := map[string]catalog.Edit{
		"an unknown one is lifted":         {Lift: []string{"live", "never"}},
		"a lifted one is lifted":           {Lift: []string{"live", "done"}},
		"an unknown one is purged":         {Purged: []catalog.Purge{{Tombstone: "live", Rows: 1}, {Tombstone: "never"}}},
		"an id is known":                   {Tombstones: []catalog.Tombstone{tombstone("new", "c"), tombstone("live", "c")}},
		"an id was known":                  {Tombstones: []catalog.Tombstone{tombstone("new", "c"), tombstone("done", "c")}},
		"a file to remove was never there": {Tombstones: []catalog.Tombstone{tombstone("new", "c")}, Lift: []string{"live"}, Remove: []string{"a", "never"}},
	}
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			e.Token = "token"
			e.Add = []catalog.File{file("x", 1)}
			if _, err := c.Commit(t.Context(), e); !errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("got %v", err)
			}
			for _, c := range []*catalog.Catalog{c, open(t, catalog.DefaultOptions())} {
				same(t, "tombstones", text(before.Tombstones(series.DefaultTenant)), text(c.Snapshot().Tombstones(series.DefaultTenant)))
				same(t, "files", all(before), all(c.Snapshot()))
				wantSound(t, c)
			}
		})
	}
}

func invalidTombstones(t *testing.T, open Open) {
	with := func(change func(*catalog.Tombstone)) catalog.Edit {
		bad := everything()
		change(&bad)
		return lay("t", tombstone("good", "a"), bad)
	}
	good := tombstone("good", "a")
	tests := map[string]catalog.Edit{
		"no id":                 with(func(b *catalog.Tombstone) { b.ID = "" }),
		"bad tenant":            with(func(b *catalog.Tombstone) { b.Tenant = "" }),
		"no cause":              with(func(b *catalog.Tombstone) { b.Cause = "" }),
		"unknown cause":         with(func(b *catalog.Tombstone) { b.Cause = "whim" }),
		"expired by no rule":    with(func(b *catalog.Tombstone) { b.Rule = "" }),
		"bad rule":              with(func(b *catalog.Tombstone) { b.Rule = "\xff" }),
		"times reversed":        with(func(b *catalog.Tombstone) { b.MinT, b.MaxT = 2, 1 }),
		"hides less than none":  with(func(b *catalog.Tombstone) { b.Hidden = -1 }),
		"purged already":        with(func(b *catalog.Tombstone) { b.Purged = 1 }),
		"rewritten already":     with(func(b *catalog.Tombstone) { b.Rewritten = 1 }),
		"done already":          with(func(b *catalog.Tombstone) { b.Done = 1 }),
		"no matcher":            with(func(b *catalog.Tombstone) { b.Matchers[1] = nil }),
		"no exception":          with(func(b *catalog.Tombstone) { b.Except[1] = nil }),
		"no matcher to except":  with(func(b *catalog.Tombstone) { b.Except[1][0] = nil }),
		"matcher of no type":    with(func(b *catalog.Tombstone) { b.Matchers[0] = &labels.Matcher{Type: 7, Name: "a"} }),
		"matcher of bad text":   with(func(b *catalog.Tombstone) { b.Matchers[0] = equal("a", "\xff") }),
		"added twice":           lay("t", good, good),
		"added and purged":      {Token: "t", Tombstones: []catalog.Tombstone{good}, Purged: []catalog.Purge{{Tombstone: "good"}}},
		"added and lifted":      {Token: "t", Tombstones: []catalog.Tombstone{good}, Lift: []string{"good"}},
		"lifted twice":          {Token: "t", Lift: []string{"a", "a"}},
		"nobody lifted":         {Token: "t", Lift: []string{""}},
		"nobody purged":         {Token: "t", Purged: []catalog.Purge{{Rows: 1}}},
		"less than none purged": {Token: "t", Purged: []catalog.Purge{{Tombstone: "a", Rows: -1}}},
		"less than no files":    {Token: "t", Purged: []catalog.Purge{{Tombstone: "a", Files: -1}}},
	}
	c := open(t, catalog.DefaultOptions())
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Commit(t.Context(), e); !errors.Is(err, series.ErrInvalid) || errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("got %v", err)
			}
			same(t, "version", int64(0), c.Snapshot().Version())
		})
	}
	commit(t, c, with(func(*catalog.Tombstone) {}))
}

// burials is a model of all tombstones.
type burials struct {
	known map[string]catalog.Tombstone
	next  int
}

// pick returns up to n ids of those that fit, in no order but the generator's.
func (b *burials) pick(r *rand.Rand, n int, fits func(catalog.Tombstone) bool) (ids []string) {
	for id, t := range b.known {
		if fits(t) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	return ids[:min(n, len(ids))]
}

func (b *burials) edit(r *rand.Rand, token string) catalog.Edit {
	e := catalog.Edit{Token: token}
	for range r.IntN(3) {
		b.next++
		one := tombstone(number("t", r.IntN(1000))+number("-", b.next), "a")
		one.Tenant, one.Hidden = series.Tenant([]string{"default", "t1"}[r.IntN(2)]), r.Int64N(100)
		if r.IntN(2) == 0 {
			one.Cause, one.Rule = catalog.Expired, "rule"
		}
		e.Tombstones = append(e.Tombstones, one)
	}
	for _, id := range b.pick(r, r.IntN(3), func(catalog.Tombstone) bool { return true }) {
		e.Purged = append(e.Purged, catalog.Purge{Tombstone: id, Rows: r.Int64N(10), Files: 1})
	}
	e.Lift = b.pick(r, r.IntN(3), func(t catalog.Tombstone) bool { return t.Done == 0 })
	return e
}

// apply is what a commit at a time must do.
func (b *burials) apply(e catalog.Edit, version int64, now time.Time, age time.Duration) {
	if len(e.Tombstones)+len(e.Purged)+len(e.Lift) == 0 {
		return
	}
	for _, p := range e.Purged {
		t := b.known[p.Tombstone]
		t.Purged, t.Rewritten = t.Purged+p.Rows, t.Rewritten+p.Files
		b.known[p.Tombstone] = t
	}
	for _, id := range e.Lift {
		t := b.known[id]
		t.Done = now.UnixMilli()
		b.known[id] = t
	}
	for _, t := range e.Tombstones {
		t.Seq = version
		b.known[t.ID] = t
	}
	for id, t := range b.known {
		past := now.UnixMilli() - t.Done
		if t.Done > 0 && (past > age.Milliseconds() || t.Cause == catalog.Expired && past > 7*series.DayMillis) {
			delete(b.known, id)
		}
	}
}

func (b *burials) want(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	var live, done []catalog.Tombstone
	for _, one := range b.known {
		if one.Done == 0 {
			live = append(live, one)
		}
		if one.Cause == catalog.Deleted {
			done = append(done, one)
		}
	}
	order := func(a, b catalog.Tombstone) int {
		return slices.Compare([]string{number("", int(a.Seq)), a.ID}, []string{number("", int(b.Seq)), b.ID})
	}
	slices.SortFunc(live, order)
	slices.SortFunc(done, order)
	slices.Reverse(done)
	for _, tenant := range []series.Tenant{"default", "t1"} {
		own := slices.DeleteFunc(slices.Clone(live), func(t catalog.Tombstone) bool { return t.Tenant != tenant })
		same(t, "live tombstones", text(own), text(c.Snapshot().Tombstones(tenant)))
	}
	got, err := c.Receipts(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "receipts", text(done), text(got))
}

// tombstoneHistory: any history of edits, by two catalogs that hear of each other
// now and then while others watch, is that of a model.
func tombstoneHistory(t *testing.T, open Open) {
	r := random(t)
	now := time.UnixMilli(1_700_000_000_000)
	o := clock(&now)
	o.ReceiptAge = 20 * 24 * time.Hour
	writers := []*catalog.Catalog{open(t, o), open(t, o)}
	watcher := open(t, o)
	model := burials{known: map[string]catalog.Tombstone{}}
	for step := range 150 {
		now = now.Add(time.Duration(r.IntN(48)) * time.Hour)
		e := model.edit(r, number("", step))
		e.Add = []catalog.File{file(number("f", step), 1)}
		w := writers[r.IntN(2)]
		model.apply(e, commit(t, w, e).Version(), now, o.ReceiptAge)
		model.want(t, w)
		if r.IntN(10) == 0 {
			if err := watcher.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			model.want(t, watcher)
			same(t, "version", w.Snapshot().TombstonesVersion(), watcher.Snapshot().TombstonesVersion())
		}
	}
	model.want(t, open(t, o))
	wantSound(t, writers[0])
}

func forgottenReceipts(t *testing.T, open Open) {
	now := time.UnixMilli(1_700_000_000_000)
	o := clock(&now)
	c, behind := open(t, o), open(t, o)
	commit(t, c, lay("1", tombstone("a", "a"), tombstone("b", "b")))
	if err := behind.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit(t, c, catalog.Edit{Token: "2", Lift: []string{"a"}})
	now = now.Add(400 * 24 * time.Hour)
	commit(t, c, lay("3", tombstone("c", "c")))
	if _, err := c.Receipt(t.Context(), "a"); err != nil {
		t.Fatalf("a receipt of 400 days: %v", err)
	}
	now = now.Add(time.Millisecond)
	commit(t, c, lay("4", tombstone("d", "d")))
	if _, err := c.Receipt(t.Context(), "a"); !errors.Is(err, catalog.ErrUnknown) {
		t.Fatalf("an older one: %v", err)
	}
	if err := behind.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "what lives", text(c.Snapshot().Tombstones("default")), text(behind.Snapshot().Tombstones("default")))
	wantSound(t, behind)
}
