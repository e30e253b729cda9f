package syntax

import (
	"slices"
	"strings"
	"testing"
)

// Every function of the linked DuckDB is judged, and the lists name no other.
func TestFunctionListsAreComplete(t *testing.T) {
	rows, err := newJudge().rows("SELECT DISTINCT lower(function_name), function_type, coalesce(stability, '') FROM duckdb_functions()", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := functions()
	known := map[string]bool{}
	for _, row := range rows {
		name, kind, stability := row[0], row[1], row[2]
		known[name] = true
		allowed := r.scalar[name] || r.aggregate[name] || r.table[name]
		if allowed == (r.reason(name) != "") {
			t.Errorf("%s function %s: allowed %v, denied %q; it must be one", kind, name, allowed, r.reason(name))
		}
		if kind == "aggregate" && r.scalar[name] {
			t.Errorf("aggregate %s is listed as computed of one row", name)
		}
		if (kind == "scalar" || kind == "macro") && r.aggregate[name] && !slices.Contains(aggregateMacros, name) {
			t.Errorf("%s %s is listed as an aggregate", kind, name)
		}
		if allowed && stability != "" && stability != "CONSISTENT" && !r.moving[name] {
			t.Errorf("%s is %s but not listed as moving", name, stability)
		}
		if r.table[name] && kind == "table_macro" {
			t.Errorf("table macro %s is allowed", name)
		}
	}
	// Macros over aggregates aggregate.
	bodies, err := newJudge().rows("SELECT lower(function_name), lower(macro_definition) FROM duckdb_functions() WHERE function_type = 'macro'", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range bodies {
		for _, inside := range []string{"sum(", "avg(", "string_agg(", "count(", "geomean(", "weighted_avg(", "json_group_array(", "list("} {
			if strings.Contains(row[1], inside) && r.scalar[row[0]] && !strings.Contains(row[1], "_"+inside) {
				t.Errorf("macro %s aggregates: %s", row[0], row[1])
			}
		}
		if strings.Contains(row[1], "unnest(") && r.scalar[row[0]] && !r.spreading[row[0]] {
			t.Errorf("macro %s spreads: %s", row[0], row[1])
		}
	}
	for _, names := range []map[string]bool{r.scalar, r.aggregate, r.table, r.moving, r.spreading} {
		for name := range names {
			if !known[name] {
				t.Errorf("%s is listed, but DuckDB has no such function", name)
			}
		}
	}
	for name := range r.denied {
		if !known[name] {
			t.Errorf("%s is denied, but DuckDB has no such function", name)
		}
	}
	t.Logf("%d names", len(known))
}

var aggregateMacros = []string{"geomean", "geometric_mean", "json_group_array", "json_group_object", "wavg", "weighted_avg"}
