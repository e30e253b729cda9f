package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"herringbone/storage/series"
)

func open(t testing.TB, o Options) *Instance {
	t.Helper()
	i, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// rows runs a query and returns all values as text, one string a row.
func rows(t testing.TB, i *Instance, sql string, params ...any) []string {
	t.Helper()
	out, err := query(i, sql, Params{Positional: params})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func query(i *Instance, sql string, params Params) ([]string, error) {
	res, err := i.Query(context.Background(), sql, params)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	var out []string
	for res.Next() {
		b := res.Batch()
		for r := range int(b.NumRows()) {
			var cells []string
			for c := range int(b.NumCols()) {
				cells = append(cells, b.Column(c).ValueStr(r))
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
	return out, res.Err()
}

func TestQueryBindsParameters(t *testing.T) {
	i := open(t, Options{})
	at := time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC)
	got := rows(t, i, "SELECT $1, $2, $3, $4, $5, $6 = '\\x00\\x01'::BLOB, $7 = TIMESTAMPTZ '2024-02-29 12:00:00.123456+00', typeof($7)",
		nil, true, int64(-1<<63), uint64(1<<64-1), "a\x00b", []byte{0, 1}, at)
	want := []string{"(null)|1|-9223372036854775808|18446744073709551615|a\x00b|1|1|TIMESTAMP WITH TIME ZONE"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err := query(i, "SELECT $Low + $high", Params{Named: map[string]any{"low": 0.5, "HIGH": int64(1)}})
	if err != nil || got[0] != "1.5" {
		t.Errorf("named: %v %v", got, err)
	}
	for sql, params := range map[string]Params{
		"SELECT $1, $2": {Positional: []any{int64(1)}},
		"SELECT $1":     {Positional: []any{int64(1), int64(2)}},
		"SELECT $a":     {Named: map[string]any{"b": int64(1)}},
		"SELECT ?":      {Positional: []any{struct{}{}}},
		"SELECT 1":      {Positional: []any{nil}},
	} {
		if _, err := query(i, sql, params); ClassOf(err) != Parameter {
			t.Errorf("%s with %v: %v (class %q)", sql, params, err, ClassOf(err))
		}
	}
}

func TestErrorsHaveClassAndPosition(t *testing.T) {
	i := open(t, Options{})
	for sql, want := range map[string]Error{
		"SELECT 'ä', nope(1)":    {Class: Catalog, Position: 13},
		"SELECT x FROM range(3)": {Class: Binder, Position: 7},
		"SELECT FROM":            {Class: Parser, Position: 11},
		"SELECT 'a'::INT":        {Class: Conversion, Position: 10},
		"SELECT error('x')":      {Class: InvalidInput, Position: -1},
		"SELECT 9223372036854775807 + range FROM range(3)": {Class: OutOfRange, Position: -1},
		"":                                       {Class: Parser, Position: -1},
		"SELECT 1; SELECT 2":                     {Class: Parser, Position: -1},
		"SELECT * FROM read_text('/etc/passwd')": {Class: Permission, Position: 14},
		"SELECT * FROM glob('/*')":               {Class: Permission, Position: 14},
		"SET threads = 8":                        {Class: InvalidInput, Position: -1},
		"COPY (SELECT 1) TO '/tmp/x.csv'":        {Class: Permission, Position: -1},
	} {
		_, err := query(i, sql, Params{})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		got := Error{Class: e.Class, Position: e.Position}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s\n%s", sql, e.Message, diff)
		}
	}
	if got := rows(t, i, "SELECT 1"); got[0] != "1" {
		t.Error("the instance is of no use after errors")
	}
}

// Nothing of several statements may run: the second one shows what the first did.
func TestNothingOfManyStatementsRuns(t *testing.T) {
	i := open(t, Options{})
	if _, err := query(i, "CREATE TABLE x(a INT); SELECT 1", Params{}); err == nil {
		t.Fatal("two statements ran")
	}
	if got := rows(t, i, "SELECT count(*) FROM duckdb_tables()"); got[0] != "0" {
		t.Error("the first statement ran")
	}
}

func TestReadsFilesOfItsDirectoryOnly(t *testing.T) {
	files, other := t.TempDir(), t.TempDir()
	free := open(t, Options{Unlocked: true})
	for _, dir := range []string{files, other} {
		if err := free.Exec(context.Background(), fmt.Sprintf("COPY (SELECT 42 AS a) TO %s", Quote(dir+"/x.parquet"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(other, "x.parquet"), filepath.Join(files, "link.parquet")); err != nil {
		t.Fatal(err)
	}
	i := open(t, Options{FilesDir: files})
	if got := rows(t, i, "SELECT * FROM "+Quote(files+"/x.parquet")); got[0] != "42" {
		t.Error(got)
	}
	for _, path := range []string{other + "/x.parquet", files + "/link.parquet", files + "/../" + filepath.Base(other) + "/x.parquet"} {
		if _, err := query(i, "SELECT * FROM "+Quote(path), Params{}); ClassOf(err) != Permission {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestASTRoundTrip(t *testing.T) {
	i, ctx := open(t, Options{}), context.Background()
	ast, err := i.AST(ctx, "SELECT a FROM t WHERE b = 'x'")
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Replace(string(ast), `"SELECT_NODE"`, `"SELECT_NODE","cte_map":{"map":[]}`, 1)
	sql, err := i.SQL(ctx, []byte(whole))
	if err != nil || sql != "SELECT a FROM t WHERE (b = 'x')" {
		t.Errorf("%q %v", sql, err)
	}
	for _, bad := range []string{"SELECT FROM", "CREATE TABLE x(a INT)"} {
		if ast, err := i.AST(ctx, bad); err != nil || !strings.Contains(string(ast), `"error":true`) {
			t.Errorf("%s: %s %v", bad, ast, err)
		}
	}
}

func TestLoadedTableIsReadManyTimes(t *testing.T) {
	i := open(t, Options{Threads: 2})
	rdr := dictionaryRows(t, 20, 500)
	if err := i.Load(context.Background(), `my "rows"`, rdr); err != nil {
		t.Fatal(err)
	}
	got := rows(t, i, `SELECT count(*), count(DISTINCT a.job), count(a.job), sum(a.n)::BIGINT FROM "my ""rows""" a JOIN "my ""rows""" b USING (n)`)
	if got[0] != "10000|3|7500|49995000" {
		t.Error(got)
	}
}

// dictionaryRows are batches of (job dictionary or NULL, n BIGINT).
func dictionaryRows(t *testing.T, batches, each int) array.RecordReader {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "job", Type: typ, Nullable: true}, {Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	var recs []arrow.RecordBatch
	for n := range batches * each {
		if n%4 == 0 {
			b.Field(0).AppendNull()
		} else if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprint("job", n%4)); err != nil {
			t.Fatal(err)
		}
		b.Field(1).(*array.Int64Builder).Append(int64(n))
		if n%each == each-1 {
			recs = append(recs, b.NewRecordBatch())
		}
	}
	rdr, err := array.NewRecordReader(schema, recs)
	if err != nil {
		t.Fatal(err)
	}
	return rdr
}

func TestContextInterrupts(t *testing.T) {
	i := open(t, Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	res, err := i.Query(ctx, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", Params{})
	if err == nil {
		for res.Next() {
		}
		err = res.Err()
		res.Close()
	}
	if ClassOf(err) != Interrupt || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	if got := rows(t, i, "SELECT 7"); got[0] != "7" {
		t.Error("the instance is of no use after an interrupt")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []Options{{Threads: -1}, {FilesDir: "files"}, {TempDir: "tmp"}, {MemoryBytes: -1}} {
		if _, err := Open(o); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
