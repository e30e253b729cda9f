package catalogtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// randomTable is a table of a small world, so that many are of one metric.
func randomTable(r *rand.Rand) catalog.Table {
	t := catalog.Table{
		Tenant: series.Tenant([]string{"default", "t1"}[r.IntN(2)]), Metric: []string{"up", "Up", "a:b", "ü", "a\"<b>"}[r.IntN(5)],
		Histograms: r.IntN(8) == 0, Starts: r.IntN(8) == 0,
	}
	for _, l := range []string{"A", "__meta", "b", "c\"d", "é"} {
		if r.IntN(3) == 0 {
			t.Labels = append(t.Labels, l)
		}
	}
	return t
}

// tables: any history of edits, by two catalogs that hear of each other now and
// then, adds up to the union of what was told.
func tables(t *testing.T, open Open) {
	r := random(t)
	writers := []*catalog.Catalog{open(t, catalog.DefaultOptions()), open(t, catalog.DefaultOptions())}
	model := map[string]catalog.Table{}
	for step := range 120 {
		e := catalog.Edit{Token: number("", step), Add: []catalog.File{file(number("f", step), 1)}}
		told := map[string]bool{}
		for range r.IntN(4) {
			table := randomTable(r)
			key := string(table.Tenant) + "/" + table.Metric
			if told[key] {
				continue
			}
			told[key] = true
			e.Tables = append(e.Tables, table)
			if known, ok := model[key]; ok {
				table = known.Union(&table)
			}
			model[key] = table
		}
		s := commit(t, writers[r.IntN(2)], e)
		for _, name := range e.Tables { // The writer's own edit at least.
			got, ok := s.Table(name.Tenant, name.Metric)
			if !ok || !slices.Equal(got.Union(&name).Labels, got.Labels) {
				t.Fatalf("after %+v the table is %+v", name, got)
			}
		}
	}
	wantTables(t, model, open(t, catalog.DefaultOptions()).Snapshot())
	for _, c := range writers {
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantTables(t, model, c.Snapshot())
		wantSound(t, c)
	}
}

func wantTables(t *testing.T, model map[string]catalog.Table, s *catalog.Snapshot) {
	t.Helper()
	got := map[string]catalog.Table{}
	for _, tenant := range []series.Tenant{"default", "t1", "none"} {
		list := s.Tables(tenant)
		if !slices.IsSortedFunc(list, func(a, b *catalog.Table) int { return slices.Compare([]string{a.Metric}, []string{b.Metric}) }) {
			t.Fatalf("tables of %s are not sorted", tenant)
		}
		for _, table := range list {
			got[string(tenant)+"/"+table.Metric] = *table
			if one, ok := s.Table(tenant, table.Metric); !ok || one != table {
				t.Fatalf("table %s by name is %+v", table.Metric, one)
			}
		}
	}
	for key, want := range model {
		table := got[key]
		if fmt.Sprint(table) != fmt.Sprint(want) {
			t.Fatalf("table %s is %+v, want %+v", key, table, want)
		}
	}
	same(t, "number of tables", len(model), len(got))
	if _, ok := s.Table("default", "absent"); ok {
		t.Fatal("a table that nobody told of")
	}
}

// tablesStay: a snapshot keeps its tables, a removed file does not take its own
// along, and an impossible table is refused.
func tablesStay(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	if !c.Snapshot().TablesComplete() {
		t.Error("the tables of no files are not complete")
	}
	up := catalog.Table{Tenant: series.DefaultTenant, Metric: "up", Labels: []string{"job"}}
	labels := []string{"instance"}
	old := commit(t, c, catalog.Edit{Token: "1", Add: []catalog.File{file("a", 1)}, Tables: []catalog.Table{up}})
	commit(t, c, catalog.Edit{Token: "2", Remove: []string{"a"}, Tables: []catalog.Table{{Tenant: series.DefaultTenant, Metric: "up", Labels: labels, Starts: true}}})
	labels[0] = "changed by its owner"
	was, _ := old.Table(series.DefaultTenant, "up")
	same(t, "old table", up, *was)
	now, _ := c.Snapshot().Table(series.DefaultTenant, "up")
	same(t, "new table", catalog.Table{Tenant: series.DefaultTenant, Metric: "up", Labels: []string{"instance", "job"}, Starts: true}, *now)
	for _, bad := range [][]catalog.Table{
		{up, up},
		{{Tenant: "..", Metric: "up"}},
		{{Tenant: "t"}},
		{{Tenant: "t", Metric: "up", Labels: []string{"b", "a"}}},
		{{Tenant: "t", Metric: "up", Labels: []string{"__name__"}}},
	} {
		if _, err := c.Commit(t.Context(), catalog.Edit{Token: "3", Tables: bad}); err == nil {
			t.Errorf("%+v was committed", bad)
		}
	}
}
