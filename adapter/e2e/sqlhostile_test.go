package e2e

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostile statements; @FILE@ is a path that must not come into being, SECRET one
// that must not be read.
var hostile = []string{
	// More or other than one SELECT.
	`SELECT 1; SELECT 2`, ``, `-- nothing`, `PRAGMA version`, `PRAGMA memory_limit='10GB'`, `USE memory`, `CALL pragma_version()`, `CHECKPOINT`,
	`EXPLAIN ANALYZE INSERT INTO plain VALUES (1)`, `EXPLAIN EXPLAIN SELECT 1`, `PIVOT plain ON host`, `IMPORT DATABASE '@FILE@'`, `EXPORT DATABASE '@FILE@'`,
	`COPY (SELECT 1) TO '@FILE@'`, `ATTACH '@FILE@' AS x`, `INSTALL httpfs`, `LOAD httpfs`, `SET threads = 64`, `RESET threads`, `PREPARE p AS SELECT 1`, `EXECUTE p`,
	`CREATE TABLE x AS SELECT 1`, `CREATE TEMP TABLE x (i INT)`, `CREATE MACRO f() AS 1`, `CREATE SECRET s (TYPE s3)`, `DROP VIEW plain`, `DELETE FROM plain`,
	`UPDATE plain SET value = 1`, `INSERT INTO plain VALUES (1)`, `TRUNCATE plain`, `SET VARIABLE a = 1`, `WITH x AS (INSERT INTO plain VALUES (1)) SELECT 1`, `ALTER TABLE plain ADD COLUMN x INT`,
	`SELECT * FROM query('insert into plain values (1)')`, `SELECT * FROM query_table('plain')`, `VACUUM`, `BEGIN`, `COMMIT`,
	// Files, settings, logs, other people's statements.
	`SELECT * FROM '@SECRET@'`, `SELECT * FROM "@SECRET@"`, `SELECT * FROM read_csv('@SECRET@')`, `SELECT * FROM read_text('@SECRET@')`, `SELECT * FROM read_blob('@SECRET@')`,
	`SELECT * FROM read_parquet('@SECRET@')`, `SELECT * FROM parquet_scan('@SECRET@')`, `SELECT * FROM parquet_metadata('@SECRET@')`, `SELECT * FROM glob('/*')`, `SELECT * FROM glob('*')`,
	`SELECT * FROM sniff_csv('@SECRET@')`, `SELECT * FROM read_json_auto('@SECRET@')`, `SELECT * FROM read_duckdb('@SECRET@')`, `SELECT * FROM sql_auto_complete('sel')`,
	`SELECT * FROM enable_logging('QueryLog', storage='file', storage_path='@FILE@')`, `SELECT * FROM enable_logging('QueryLog')`, `SELECT * FROM disable_logging()`,
	`SELECT * FROM enable_logging(storage='stdout')`, `SELECT * FROM duckdb_logs()`, `SELECT * FROM truncate_duckdb_logs()`, `SELECT write_log('x')`,
	`SELECT * FROM enable_profiling(format='json', save_location='@FILE@.json')`, `SELECT * FROM enable_profiling()`, `SELECT * FROM disable_profiling()`,
	`SELECT * FROM checkpoint()`, `SELECT * FROM enable_peg_parser()`, `SELECT sleep_ms(60000)`, `SELECT setseed(0.5)`,
	`SELECT * FROM json_execute_serialized_sql('{}')`, `SELECT * FROM duckdb_secrets()`, `SELECT * FROM duckdb_settings()`, `SELECT * FROM duckdb_tables()`, `SELECT * FROM duckdb_columns()`,
	`SELECT * FROM duckdb_views()`, `SELECT * FROM duckdb_prepared_statements()`, `SELECT * FROM duckdb_temporary_files()`, `SELECT * FROM which_secret('x', 's3')`, `SELECT * FROM pragma_version()`,
	`SELECT getvariable('a')`, `SELECT getenv('HOME')`, `SELECT current_setting('threads')`, `SELECT * FROM pragma_table_info('plain')`, `SELECT * FROM system.information_schema.tables`,
	`SELECT * FROM arrow_scan(NULL, NULL, NULL)`, `SELECT nextval('x')`, `SELECT * FROM pg_catalog.pg_class`, `SELECT * FROM sqlite_master`, `SELECT * FROM temp.plain`, `SELECT no_such_function(1)`, `SELECT * FROM no_such_table`,
	// What DuckDB's limits do not hold.
	`SELECT json_structure(repeat('[', 100000))`, `SELECT length(repeat('x', 4000000000))`, `SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))`,
	`SELECT length(lpad('x', 2000000000, 'y'))`, `SELECT repeat(repeat('x', 30000), 30000)`, `SELECT printf('%1000000000d', 1)`,
	`SELECT count(*) FROM range(60000000000) a`, `SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b`,
	`WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t`,
	`WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t`,
}

// hostileLong are statements that are long, not clever.
func hostileLong() []string {
	return []string{
		"SELECT " + strings.Repeat("(", 20_000) + "1" + strings.Repeat(")", 20_000),
		"SELECT " + strings.Repeat("NOT ", 15_000) + "true",
		"SELECT * FROM plain WHERE " + strings.Repeat("value = 0 OR ", 4_800) + "value = 1",
		"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 3_400),
		"SELECT " + strings.Repeat("1 + ", 16_000) + "1",
		"SELECT '" + strings.Repeat("x", 80_000) + "'",
		"SELECT [" + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "]",
	}
}

// TestSQLHostile: each statement is refused or ended, none is a fault of the
// node's, the next query answers, and no file has come into being.
func TestSQLHostile(t *testing.T) {
	d := newSQLData(t)
	for range 3 {
		d.write()
	}
	d.flush()
	d.write()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("a,b\nhidden,treasure\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := d.listing()
	replace := strings.NewReplacer("@FILE@", filepath.Join(dir, "evil"), "@SECRET@", secret)
	want := d.mustSQL("SELECT count(*) FROM plain").Rows[0][0]
	for _, s := range append(append([]string{}, hostile...), hostileLong()...) {
		statement := replace.Replace(s)
		began := time.Now()
		text, err := d.sql(statement, "timeout", "3s")
		var refused *answerError
		switch {
		case err == nil:
			t.Errorf("%.80s: answered %.200s", statement, text)
		case !errors.As(err, &refused):
			t.Fatalf("%.80s: %v", statement, err)
		case refused.status/100 == 5 && refused.status != http.StatusGatewayTimeout:
			t.Errorf("%.80s: %v", statement, err)
		case strings.Contains(string(refused.body), "treasure"):
			t.Errorf("%.80s: the answer holds the secret: %v", statement, err)
		}
		t.Logf("%-60.60q %v %.150s", s, time.Since(began).Round(time.Millisecond), errText(err))
		if got := d.mustSQL("SELECT count(*) FROM plain").Rows[0][0]; got != want {
			t.Fatalf("after %.80s: %v rows, want %v", statement, got, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("there are files beside the secret: %v, %v", left, err)
	}
	if after := d.listing(); after != before {
		t.Errorf("files before:\n%s\nafter:\n%s", before, after)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// listing names the files of the data directory, those of running SQL processes
// aside.
func (n *node) listing() string {
	var b strings.Builder
	err := filepath.WalkDir(n.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if e.IsDir() && name == filepath.Join(n.dir, "sql") {
			return filepath.SkipDir
		}
		if !e.IsDir() {
			b.WriteString(name + "\n")
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return b.String()
}
