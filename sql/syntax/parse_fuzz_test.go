package syntax

import (
	"encoding/json"
	"testing"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// What Parse accepts is one statement, a SELECT to DuckDB, before and after the
// edits, and every function in its tree (collected without this package's
// shapes) is on the allow-list. So is what ParseDelete accepts, and that reads one
// table with a WHERE and nothing else; its Deletion has only matchers and a range.
func FuzzParse(f *testing.F) {
	for _, text := range accepted {
		f.Add(text)
	}
	for _, tt := range refused {
		if len(tt.text) < 1000 {
			f.Add(tt.text)
		}
	}
	for _, text := range []string{"select * from t order by time desc limit 10", "select job, last(value, time) from t where time > now() group by job",
		"delete from t where job <> 'x' and time < now() - interval '1 day'", "delete from t where true", "explain delete from t where not (a in ('x', null) or b like 'y%')",
		"delete from samples where regexp_matches(__name__, '^a|b') and time between $1 and $2", "delete from t using u where true returning *"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, err := parse(t, text, Params{"1": "x", "2": int64(1), "a": "y"})
		if err != nil {
			return
		}
		j := newJudge()
		j.mu.Lock()
		defer j.mu.Unlock()
		var statements duckdb.ExtractedStatements
		defer duckdb.DestroyExtracted(&statements)
		if n := duckdb.ExtractStatements(j.conn, st.Text, &statements); n != 1 {
			t.Fatalf("%q, accepted as %q, is %d statements: %s", text, st.Text, n, duckdb.ExtractStatementsError(statements))
		}
		var prepared duckdb.PreparedStatement
		defer duckdb.DestroyPrepare(&prepared)
		if duckdb.PrepareExtractedStatement(j.conn, statements, 0, &prepared) == duckdb.StateSuccess &&
			duckdb.PreparedStatementType(prepared) != duckdb.StatementTypeSelect {
			t.Fatalf("%q is of type %d", text, duckdb.PreparedStatementType(prepared))
		}
		j.mu.Unlock()
		tree := j.tree(t, st.Text)
		j.mu.Lock()
		var v any
		if err := json.Unmarshal(tree, &v); err != nil {
			t.Fatal(err)
		}
		listed(t, v)
		st.BoundsQuery()
		if command, _ := Split(text); command.Delete {
			onlyDeletes(t, text, st, v)
		}
	})
}

// onlyDeletes fails if the accepted DELETE is more than a table and conditions.
func onlyDeletes(t *testing.T, text string, st *Statement, tree any) {
	statements := node(tree.(map[string]any)).nodes("statements")
	n := statements[0].node("node")
	if st.Delete == nil || len(st.Tables) != 1 || n.str("type") != "SELECT_NODE" || n.node("from_table").str("type") != "BASE_TABLE" || n.node("where_clause") == nil {
		t.Fatalf("%q was accepted as a DELETE", text)
	}
	every(n, func(n node) bool {
		if n.str("class") == "SUBQUERY" || n.str("class") == "WINDOW" {
			t.Fatalf("%q was accepted as a DELETE and has a %s", text, n.str("class"))
		}
		return true
	})
}

// listed fails on any function below v that is not allowed, and any table that
// is not in a schema of ours.
func listed(t *testing.T, v any) {
	switch v := v.(type) {
	case map[string]any:
		if name, ok := v["function_name"].(string); ok {
			r := functions()
			if r.reason(name) != "" || !r.scalar[name] && !r.aggregate[name] && !r.table[name] {
				t.Fatalf("function %s was accepted", name)
			}
		}
		switch v["schema_name"] {
		case nil, "main", "metric", "system", "information_schema":
		default:
			if s, _ := v["schema_name"].(string); fold(s) != "main" && fold(s) != "metric" && fold(s) != "system" && fold(s) != "information_schema" {
				t.Fatalf("schema %v was accepted", v["schema_name"])
			}
		}
		for _, e := range v {
			listed(t, e)
		}
	case []any:
		for _, e := range v {
			listed(t, e)
		}
	}
}
