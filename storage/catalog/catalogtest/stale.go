package catalogtest

import (
	"errors"
	"testing"

	"herringbone/storage/catalog"
)

func stale(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	aggregates := func(id string, day int64) catalog.File {
		f := file(id, day)
		f.Kind, f.Level = catalog.Aggregates(300_000), 2
		f.MinName, f.MaxName = id, id
		return f
	}
	commit(t, c, add("1", file("a", 1), file("gone", 1), aggregates("old", 1)))
	planned := commit(t, c, catalog.Edit{Token: "2", Remove: []string{"gone"}}).Version()
	before := commit(t, c, add("3", aggregates("theirs", 1), file("b", 1)))
	conflicts := map[string]catalog.Edit{
		"a file that is needed is removed":          {Needs: []string{"a", "gone"}, Add: []catalog.File{file("x", 1)}},
		"a file that is needed was never there":     {Needs: []string{"never"}, Add: []catalog.File{file("x", 1)}},
		"somebody added aggregates of the days":     {Base: planned, Add: []catalog.File{aggregates("x", 1)}},
		"and others are removed":                    {Base: planned, Remove: []string{"old"}, Add: []catalog.File{aggregates("x", 1)}},
		"the same for one of several added files":   {Base: planned, Add: []catalog.File{file("y", 1), aggregates("x", 1)}},
		"what is needed is needed for removals too": {Needs: []string{"gone"}, Remove: []string{"a"}},
	}
	for name, e := range conflicts {
		t.Run(name, func(t *testing.T) {
			e.Token = "token"
			if _, err := c.Commit(t.Context(), e); !errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("got %v", err)
			}
			same(t, "files", all(before), all(c.Snapshot()))
			wantSound(t, c)
		})
	}
	minute := aggregates("minute", 1)
	minute.Kind = catalog.Aggregates(60_000)
	zone := aggregates("zone", 1)
	zone.Partition = "zone=eu"
	fine := map[string]catalog.Edit{
		"needed files are live":      {Needs: []string{"a", "b"}, Add: []catalog.File{file("4", 1)}},
		"what was added is removed":  {Base: planned, Remove: []string{"theirs"}, Add: []catalog.File{aggregates("5", 1)}},
		"another day":                {Base: planned, Add: []catalog.File{aggregates("6", 2)}},
		"another resolution, or key": {Base: planned, Add: []catalog.File{minute, zone}},
		"samples":                    {Base: planned, Add: []catalog.File{file("7", 1)}},
	}
	for name, e := range fine {
		e.Token = name
		commit(t, c, e)
	}
	wantSound(t, c)
}
