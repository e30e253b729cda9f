package bench

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"herringbone/sql/duck"
)

func testDuck(t *testing.T) *plainDuck {
	t.Helper()
	p, err := openPlain(context.Background(), duck.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.instance.Close)
	return p
}

func TestSQLDifference(t *testing.T) {
	p := testDuck(t)
	answer := func(sql string, keep bool) *sqlAnswer {
		t.Helper()
		a, err := p.answer(context.Background(), sql, keep)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const two = "SELECT * FROM (VALUES ('a', 1.5::DOUBLE), ('b', NULL)) v(k, x)"
	tests := []struct {
		a, b  string
		exact bool // Equal also bit by bit.
		near  bool // Equal but for the last digits of floats.
	}{
		{two, two + " ORDER BY k DESC", true, true},
		{two, two + " LIMIT 1", false, false},
		{two, "SELECT * FROM (VALUES ('a', 1.5::DOUBLE), ('b', 0)) v(k, x)", false, false},
		{two, "SELECT * FROM (VALUES ('b', 1.5::DOUBLE), ('a', NULL)) v(k, x)", false, false},
		{two, "SELECT * FROM (VALUES ('a', 1.5::DOUBLE), ('b', NULL)) v(k, y)", false, false},
		{two, "SELECT * FROM (VALUES ('a', 1.5000000001::DOUBLE), ('b', NULL)) v(k, x)", false, true},
		{two, "SELECT * FROM (VALUES ('a', 1.50001::DOUBLE), ('b', NULL)) v(k, x)", false, false},
		{"SELECT 'ab' x, 'c' y", "SELECT 'a' x, 'bc' y", false, false},
		{"SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' t", "SELECT TIMESTAMP_MS '2026-01-01 00:00:00' t", true, true},
		{"SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' t", "SELECT TIMESTAMPTZ '2026-01-01 00:00:00.001+00' t", false, false},
		{"SELECT 'nan'::DOUBLE x", "SELECT 'nan'::DOUBLE x", true, true},
	}
	for _, tt := range tests {
		if d := sqlDifference(answer(tt.a, false), answer(tt.b, false)); (d == "") != tt.exact {
			t.Errorf("%s and %s, by digest: %q", tt.a, tt.b, d)
		}
		if d := sqlDifference(answer(tt.a, true), answer(tt.b, true)); (d == "") != tt.near {
			t.Errorf("%s and %s, by rows: %q", tt.a, tt.b, d)
		}
	}
}

// DuckDB to compare with has its own functions and not ours.
func TestPlainDuckIsPlain(t *testing.T) {
	a, err := testDuck(t).answer(context.Background(), "SELECT function_name FROM duckdb_functions() WHERE function_type LIKE '%macro%' AND function_name IN ('date_trunc', 'datetrunc', 'time_bucket')", true)
	if err != nil {
		t.Fatal(err)
	}
	if a.rows > 0 {
		t.Errorf("macros hide functions: %v", a.kept)
	}
}

func TestQuestionsAreTheSame(t *testing.T) {
	p := testDuck(t)
	file := filepath.Join(t.TempDir(), "it's.parquet")
	err := p.instance.Exec(context.Background(), `COPY (SELECT 'm' AS __name__, 'a' AS l, 1.0::DOUBLE AS value UNION ALL SELECT 'm', 'b', 2 UNION ALL SELECT 'n', 'a', 4) TO `+duck.Quote(file),
		`CREATE TABLE m AS SELECT l, value FROM read_parquet(`+duck.Quote(file)+`) WHERE __name__ = 'm'`)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []sqlQuestion{
		{metric: "m", columns: "sum(value) AS s"},
		{metric: "m", columns: "l, sum(value) AS s", where: "l <> 'b' OR value > 1", tail: "GROUP BY l"},
	} {
		ours, err := p.answer(context.Background(), q.ours(), true)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := p.answer(context.Background(), q.plain([]string{file}, true), true)
		if err != nil {
			t.Fatal(err)
		}
		if d := sqlDifference(ours, plain); d != "" {
			t.Errorf("%s and %s: %s", q.ours(), q.plain([]string{file}, true), d)
		}
	}
}

func TestReadPlans(t *testing.T) {
	files, of, err := parseOpened("analyzed_plan\nrows=1, time=2ms, files=2 of 365, unflushed rows=0\n")
	if files != 2 || of != 365 || err != nil {
		t.Errorf("%d of %d, %v", files, of, err)
	}
	if _, _, err := parseOpened("rows=1"); err == nil {
		t.Error("a plan without files is understood")
	}
	const verbose = "table \"m\": view\n  default/samples/2026-01-01/__name__~8=2/L0-A.parquet: level=0, rows=1\n  memory: rows=3\n  b.parquet: level=1\n"
	if got := plannedNames(verbose); strings.Join(got, " ") != "default/samples/2026-01-01/__name__~8=2/L0-A.parquet b.parquet" {
		t.Errorf("files %q", got)
	}
}

func TestPromises(t *testing.T) {
	if !math.IsInf(sqlTimes{Ours: 1}.ratio(), 1) {
		t.Error("a time of nothing is a measure")
	}
	for ours, want := range map[float64]bool{150: true, 150.1: false} {
		if ok := (sqlTimes{Ours: ours, Plain: 100}).overhead() <= mostOverhead; ok != want {
			t.Errorf("%v ms beside 100 ms: %v", ours, ok)
		}
	}
}
