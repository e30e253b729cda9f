package catalog

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"herringbone/storage/series"
)

const sampleTables = "m0[l0 l1] m1[l2 l3] m2[l4 l5] m3[l6 l7] m4[l8 l9] m5[l10 l11] "

func tableText(s *Snapshot) (text string) {
	for _, t := range s.Tables("t") {
		text += fmt.Sprint(t.Metric, t.Labels, " ")
	}
	return text
}

// TestBeforeTables: a database from before there were tables is brought up to
// date and says that its tables are not complete, until an edit completes them.
func TestBeforeTables(t *testing.T) {
	path, want := sample(t)
	c := open(t, path)
	for _, statement := range append(slices.Clone(withoutCompactor), `DROP TABLE tables`, `DROP TABLE tables_state`, `DELETE FROM goose_db_version WHERE version_id = 2`) {
		if _, err := c.db.write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	c = open(t, path)
	if s := c.Snapshot(); s.TablesComplete() || s.Len() != len(want) || len(s.Tables("t")) != 0 {
		t.Fatalf("complete %v, %d files, tables %v", s.TablesComplete(), s.Len(), s.Tables("t"))
	}
	for i := range 2 {
		e := Edit{Token: fmt.Sprint("learn", i), Tables: []Table{{Tenant: "t", Metric: "up"}}, TablesComplete: true}
		if s, err := c.Commit(t.Context(), e); err != nil || !s.TablesComplete() {
			t.Fatalf("%v", err)
		}
	}
	c.Close()
	if s := open(t, path).Snapshot(); !s.TablesComplete() || tableText(s) != "up[] " {
		t.Errorf("complete %v, tables %q", s.TablesComplete(), tableText(s))
	}
}

// TestKnownTablesWriteNothing: only news become rows.
func TestKnownTablesWriteNothing(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	rows := func() (n int) {
		if err := c.db.read.QueryRow(`SELECT count(*) FROM tables`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tables := thousandTables()
	for i, want := range []int{1000, 1000, 1001} {
		if i == 2 {
			tables[7].Labels = append(tables[7].Labels, "z")
		}
		if _, err := c.Commit(t.Context(), Edit{Token: fmt.Sprint(i), Tables: tables}); err != nil {
			t.Fatal(err)
		}
		if got := rows(); got != want {
			t.Errorf("%d rows after edit %d, want %d", got, i, want)
		}
	}
}

func thousandTables() []Table {
	tables := make([]Table, 1000)
	for i := range tables {
		tables[i] = Table{Tenant: series.DefaultTenant, Metric: fmt.Sprintf("metric_%04d_total", i)}
		for l := range 10 {
			tables[i].Labels = append(tables[i].Labels, fmt.Sprintf("label_%d", l))
		}
	}
	return tables
}
