package catalogtest

import (
	"errors"
	"math"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// masks: which tombstones may hide rows of which file.
func masks(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	commit(t, c, add("1", file("old", 10)))
	narrow := tombstone("narrow", "m")
	narrow.MinT, narrow.MaxT = 10*series.DayMillis, 10*series.DayMillis+5
	foreign := tombstone("foreign", "m")
	foreign.Tenant = "other"
	commit(t, c, lay("2", narrow, foreign))
	commit(t, c, lay("3", tombstone("wide", "zz")))
	merged := func(change func(*catalog.File)) catalog.File {
		f := file("merged", 10)
		f.Seq = 1
		change(&f)
		return f
	}
	tests := map[string]struct {
		file catalog.File
		want []string
	}{
		"written before both":         {merged(func(f *catalog.File) { f.MaxName = "zzz" }), []string{"narrow", "wide"}},
		"its names exclude one":       {merged(func(*catalog.File) {}), []string{"narrow"}},
		"written with the first":      {merged(func(f *catalog.File) { f.Seq, f.MaxName = 2, "zzz" }), []string{"wide"}},
		"written after both":          {merged(func(f *catalog.File) { f.Seq, f.MaxName = 3, "zzz" }), nil},
		"cleaned of the first":        {merged(func(f *catalog.File) { f.Clean, f.MaxName = 2, "zzz" }), []string{"wide"}},
		"cleaned of both":             {merged(func(f *catalog.File) { f.Clean, f.MaxName = 3, "zzz" }), nil},
		"begins after the first ends": {merged(func(f *catalog.File) { f.MinT += 6 }), nil},
		"touches the first's end":     {merged(func(f *catalog.File) { f.MinT += 5 }), []string{"narrow"}},
		"its tags exclude the first":  {merged(func(f *catalog.File) { f.Partition = "__name__=n" }), nil},
		"of another tenant":           {merged(func(f *catalog.File) { f.Tenant = "other" }), []string{"foreign"}},
		"of a tenant that has none":   {merged(func(f *catalog.File) { f.Tenant = "third" }), nil},
		"aggregates are files too":    {merged(func(f *catalog.File) { f.Kind = catalog.Aggregates(300_000) }), []string{"narrow"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			mask := c.Snapshot().Mask(&tt.file)
			for _, one := range mask {
				got = append(got, one.ID)
			}
			same(t, "mask", tt.want, got)
			if (mask == nil) != (len(got) == 0) {
				t.Error("an empty mask is not nil")
			}
		})
	}
	s := commit(t, c, catalog.Edit{Token: "4", Lift: []string{"narrow"}})
	for f := range s.All() {
		same(t, "mask after it was lifted", 0, len(s.Mask(f)))
	}
}

// compacted: what compaction says of files comes back, and what it cannot say is
// refused.
func compacted(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	commit(t, c, add("1", file("old", 1)))
	of := func(id string, kind catalog.Kind, clean int64, sole bool) catalog.File {
		f := file(id, 1)
		f.Kind, f.Seq, f.Clean, f.SamplesDropped = kind, 1, clean, sole
		return f
	}
	files := []catalog.File{
		of("a", catalog.Samples, 1, false), of("b", catalog.Aggregates(300_000), 1, true),
		of("c", catalog.Aggregates(3_600_000), 0, true), of("d", catalog.Exemplars, 0, false),
	}
	commit(t, c, catalog.Edit{Token: "2", Add: files, Remove: []string{"old"}})
	for _, c := range []*catalog.Catalog{c, open(t, catalog.DefaultOptions())} {
		s := c.Snapshot()
		same(t, "files", files, all(s))
		same(t, "kinds", []catalog.Kind{"aggregates-1h", "aggregates-5m", "exemplars", "samples"}, s.Kinds(series.DefaultTenant))
		same(t, "kinds of nobody", 0, len(s.Kinds("other")))
		same(t, "by kind", []string{"b"}, ids(s.Files(series.DefaultTenant, "aggregates-5m", math.MinInt64, math.MaxInt64)))
		wantSound(t, c)
	}
	tests := map[string]catalog.File{
		"clean below 0":            of("x", catalog.Samples, -1, false),
		"clean beyond the version": of("x", catalog.Samples, 3, false),
		"sole samples":             of("x", catalog.Samples, 0, true),
		"sole exemplars":           of("x", catalog.Exemplars, 0, true),
		"not whole seconds":        of("x", catalog.Aggregates(1500), 0, false),
		"does not divide the day":  of("x", catalog.Aggregates(7*60_000), 0, false),
		"longer than a day":        of("x", catalog.Aggregates(2*series.DayMillis), 0, false),
		"another name for 5m":      of("x", "aggregates-300s", 0, false),
		"nothing of a resolution":  of("x", "aggregates-0s", 0, false),
		"no resolution":            of("x", "aggregates-", 0, false),
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Commit(t.Context(), add("x", f)); !errors.Is(err, series.ErrInvalid) || errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// overlapNames: outputs of one unit are cut in the order of series, at any one.
func overlapNames(t *testing.T, open Open) {
	tests := map[string]struct {
		names [][2]string // First and last of each file.
		want  int
	}{
		"one metric's series are in two files":   {[][2]string{{"a", "m"}, {"m", "z"}}, 0},
		"one metric's series are in many":        {[][2]string{{"a", "m"}, {"m", "m"}, {"m", "m"}, {"m", "z"}}, 0},
		"the only metric of both":                {[][2]string{{"m", "m"}, {"m", "m"}}, 0},
		"the last metric begins the other":       {[][2]string{{"a", "b"}, {"b", "b"}}, 0},
		"two names in common":                    {[][2]string{{"a", "m"}, {"l", "z"}}, 1},
		"one inside the other":                   {[][2]string{{"a", "z"}, {"m", "m"}}, 1},
		"the same two names":                     {[][2]string{{"a", "b"}, {"a", "b"}}, 1},
		"the names of one are not known":         {[][2]string{{"a", "b"}, {"", ""}}, 1},
		"all begin with the same and go further": {[][2]string{{"a", "b"}, {"a", "c"}}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := open(t, catalog.DefaultOptions())
			e := catalog.Edit{Token: name}
			for i, names := range tt.names {
				f := file(name+number("-", i), 1)
				f.Level, f.MinName, f.MaxName, f.Partition = 2, names[0], names[1], labels.FromStrings("test", name).String()
				e.Add = append(e.Add, f)
			}
			for f := range c.Snapshot().All() {
				e.Remove = append(e.Remove, f.ID)
			}
			commit(t, c, e)
			found, err := c.Check(t.Context())
			if err != nil || len(found) != tt.want {
				t.Errorf("found %v, %v; want %d", found, err, tt.want)
			}
		})
	}
}
