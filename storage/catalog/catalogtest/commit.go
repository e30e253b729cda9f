package catalogtest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func roundTrip(t *testing.T, open Open) {
	f := catalog.File{
		ID: "01", Tenant: "t-1", Kind: catalog.Exemplars, Day: -7, Days: 7, Partition: "__name__~8=3,zone=eu%2C1", Level: 2,
		Name: "t-1/exemplars/ö.parquet", Size: 1 << 40, SHA256: [32]byte{0: 1, 31: 255}, Tail: 1 << 33, TailCRC: math.MaxUint32,
		Rows: 1 << 41, Series: 1 << 35, MinT: -7 * series.DayMillis, MaxT: -1, MinName: "a'\"?$1", MaxName: "ü\x01",
		Seq: 99, Writer: "node-1", Created: 1700000000123,
	}
	c := open(t, catalog.DefaultOptions())
	if v := c.Snapshot().Version(); v != 0 {
		t.Fatalf("a new catalog has version %d", v)
	}
	commit(t, c, add("1", f))
	same(t, "after commit", []catalog.File{f}, all(c.Snapshot()))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, catalog.DefaultOptions())
	same(t, "after reopening", []catalog.File{f}, all(c.Snapshot()))
	same(t, "tenants", []series.Tenant{"t-1"}, c.Snapshot().Tenants())
	wantSound(t, c)
}

func repeatedToken(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	commit(t, c, add("0", file("old", 1)))
	e := catalog.Edit{Token: "1", Add: []catalog.File{file("new", 1)}, Remove: []string{"old"}, WAL: &catalog.WALPosition{Node: "n", Segment: 3}}
	first := commit(t, c, e)
	same(t, "version", first.Version(), commit(t, c, e).Version())
	other := add("1", file("other", 1))
	other.WAL = &catalog.WALPosition{Node: "n", Segment: 9}
	same(t, "files", []string{"new"}, ids(all(commit(t, c, other))))
	c.Close()

	c = open(t, catalog.DefaultOptions())
	again := commit(t, c, e)
	same(t, "files after reopening", all(first), all(again))
	same(t, "version after reopening", first.Version(), again.Version())
	wantPosition(t, c, "n", 3)
	wantSound(t, c)
}

func forgottenToken(t *testing.T, open Open) {
	now := time.UnixMilli(1_700_000_000_000)
	o := clock(&now)
	c := open(t, o)
	commit(t, c, add("1", file("a", 1)))
	now = now.Add(o.TokenAge)
	commit(t, c, add("2", file("b", 1)))
	commit(t, c, add("1", file("a", 1))) // Just in time.
	now = now.Add(time.Millisecond)
	commit(t, c, add("3", file("c", 1)))
	if _, err := c.Commit(t.Context(), add("1", file("a", 1))); !errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("a forgotten edit was committed again: %v", err)
	}
}

func conflict(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	first := add("0", file("a", 1), file("b", 1), file("gone", 1))
	first.WAL = &catalog.WALPosition{Node: "n", Segment: 5}
	commit(t, c, first)
	before := commit(t, c, catalog.Edit{Token: "1", Remove: []string{"gone"}})
	sameName := file("x", 1)
	sameName.Name = "objects/a"
	at := func(segment uint64) *catalog.WALPosition { return &catalog.WALPosition{Node: "n", Segment: segment} }
	tests := map[string]catalog.Edit{
		"a file to remove was never there": {Remove: []string{"a", "never"}, Add: []catalog.File{file("x", 1)}, WAL: at(6)},
		"a file to remove is removed":      {Remove: []string{"a", "gone"}, Add: []catalog.File{file("x", 1)}, WAL: at(6)},
		"an id is known":                   {Remove: []string{"a"}, Add: []catalog.File{file("x", 1), file("b", 2)}, WAL: at(6)},
		"an id was known":                  {Remove: []string{"a"}, Add: []catalog.File{file("x", 1), file("gone", 2)}, WAL: at(6)},
		"a name is known":                  {Remove: []string{"a"}, Add: []catalog.File{sameName}, WAL: at(6)},
		"the log went back":                {Remove: []string{"a"}, Add: []catalog.File{file("x", 1)}, WAL: at(4)},
	}
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			e.Token = "token"
			_, err := c.Commit(t.Context(), e)
			if !errors.Is(err, catalog.ErrConflict) || !errors.Is(err, series.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			wantPosition(t, c, "n", 5)
			for _, c := range []*catalog.Catalog{c, open(t, catalog.DefaultOptions())} {
				same(t, "files", all(before), all(c.Snapshot()))
				same(t, "version", before.Version(), c.Snapshot().Version())
				wantSound(t, c)
			}
		})
	}
	commit(t, c, add("token", file("x", 1))) // The conflicts did not use the token up.
	same(t, "files", []string{"a", "b", "x"}, ids(all(c.Snapshot())))
}

func invalid(t *testing.T, open Open) {
	with := func(change func(*catalog.File)) catalog.Edit {
		f := file("x", 3)
		change(&f)
		return add("t", file("good", 3), f)
	}
	tests := map[string]catalog.Edit{
		"no token":          add("", file("x", 1)),
		"added twice":       add("t", file("x", 1), file("x", 1)),
		"one name twice":    with(func(f *catalog.File) { f.Name = "objects/good" }),
		"added and removed": {Token: "t", Add: []catalog.File{file("x", 1)}, Remove: []string{"x"}},
		"removed twice":     {Token: "t", Remove: []string{"x", "x"}},
		"log of nobody":     {Token: "t", WAL: &catalog.WALPosition{Segment: 1}},
		"log beyond reason": {Token: "t", WAL: &catalog.WALPosition{Node: "n", Segment: math.MaxUint64}},
		"no id":             with(func(f *catalog.File) { f.ID = "" }),
		"no name":           with(func(f *catalog.File) { f.Name = "" }),
		"bad tenant":        with(func(f *catalog.File) { f.Tenant = "../x" }),
		"bad kind":          with(func(f *catalog.File) { f.Kind = "" }),
		"no bytes":          with(func(f *catalog.File) { f.Size = 0 }),
		"tail too long":     with(func(f *catalog.File) { f.Tail = f.Size + 1 }),
		"no rows":           with(func(f *catalog.File) { f.Rows = 0 }),
		"more series":       with(func(f *catalog.File) { f.Series = f.Rows + 1 }),
		"no days":           with(func(f *catalog.File) { f.Days = 0 }),
		"before its day":    with(func(f *catalog.File) { f.MinT-- }),
		"after its day":     with(func(f *catalog.File) { f.MaxT++ }),
		"times reversed":    with(func(f *catalog.File) { f.MinT, f.MaxT = f.MaxT, f.MinT }),
		"names reversed":    with(func(f *catalog.File) { f.MinName, f.MaxName = f.MaxName, f.MinName }),
		"level":             with(func(f *catalog.File) { f.Level = -1 }),
		"sequence":          with(func(f *catalog.File) { f.Seq = -1 }),
	}
	c := open(t, catalog.DefaultOptions())
	for name, e := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Commit(t.Context(), e)
			if !errors.Is(err, series.ErrInvalid) || errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("got %v", err)
			}
			same(t, "version", int64(0), c.Snapshot().Version())
		})
	}
	commit(t, c, with(func(*catalog.File) {})) // What the rows change is what is wrong with them.
}

func cancelled(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := add("1", file("a", 1))
	if _, err := c.Commit(ctx, e); err == nil || errors.Is(err, catalog.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	same(t, "files", []string{"a"}, ids(all(commit(t, c, e))))
	wantSound(t, c)
}

func position(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	wantPosition(t, c, "n", 0)
	for _, step := range []struct {
		node    string
		segment uint64
	}{{"n", 1}, {"m", 7}, {"n", 2}, {"n", 2}, {"n", math.MaxInt64}} {
		token := number(step.node, int(step.segment%1000)) + number("-", int(c.Snapshot().Version()))
		e := add(token, file(token, 1))
		e.WAL = &catalog.WALPosition{Node: step.node, Segment: step.segment}
		commit(t, c, e)
		wantPosition(t, c, step.node, step.segment)
	}
	c.Close()
	c = open(t, catalog.DefaultOptions())
	wantPosition(t, c, "n", math.MaxInt64)
	wantPosition(t, c, "m", 7)
	wantPosition(t, c, "o", 0)
}

func sequences(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	seqs := func() map[string]int64 {
		m := map[string]int64{}
		for f := range c.Snapshot().All() {
			m[f.ID] = f.Seq
		}
		return m
	}
	commit(t, c, add("1", file("a", 1), file("b", 2)))
	commit(t, c, add("2", file("c", 1)))
	same(t, "one edit, one sequence; later is higher", map[string]int64{"a": 1, "b": 1, "c": 2}, seqs())

	merged := file("ac", 1)
	merged.Seq = 2
	commit(t, c, catalog.Edit{Token: "3", Add: []catalog.File{merged}, Remove: []string{"a", "c"}})
	far := file("far", 1)
	far.Seq = 100
	commit(t, c, add("4", far))
	commit(t, c, add("5", file("last", 1)))
	same(t, "given ones are kept and never overtaken", map[string]int64{"ac": 2, "b": 1, "far": 100, "last": 101}, seqs())
	wantSound(t, c)
}
