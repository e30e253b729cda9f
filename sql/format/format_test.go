package format_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"herringbone/sql/duck"
	"herringbone/sql/format"
	"herringbone/storage/series"
)

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		param, accept string
		want          format.Format
	}{
		{"", "", format.JSON},
		{"", "*/*", format.JSON},
		{"CSV", "application/json", format.CSV},
		{"", "text/csv", format.CSV},
		{"", "application/jsonl", format.JSONL},
		{"", "application/x-ndjson", format.JSONL},
		{"", "application/vnd.apache.arrow.stream, */*;q=0.1", format.Arrow},
		{"", "*/*, application/vnd.apache.parquet", format.Parquet},
		{"", "text/plain;q=0.5, text/csv;q=0.7, */*;q=0.1", format.CSV},
		{"", "application/json;q=0, */*", format.JSONL},
		{"", "text/*", format.CSV},
		{"", "text/plain, text/csv", format.Pretty},
		{"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", format.JSON},
		{"", "Text/CSV; charset=utf-8", format.CSV},
		{"", "nonsense", format.JSON},
		{"xml", "", ""},
		{"", "image/png", ""},
		{"", "text/csv;q=0", ""},
	} {
		got, err := format.Negotiate(c.param, c.accept)
		if got != c.want || (c.want == "") != errors.Is(err, series.ErrInvalid) {
			t.Errorf("%q %q: %q %v, want %q", c.param, c.accept, got, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), "json, jsonl, csv, arrow, parquet, pretty") {
			t.Errorf("%v does not name the choices", err)
		}
	}
	for _, f := range format.Formats() {
		kind, _, _ := strings.Cut(f.ContentType(), ";")
		if back, err := format.Negotiate("", kind); back != f || err != nil {
			t.Errorf("%s answers with %s, which asks for %s, %v", f, kind, back, err)
		}
	}
}

// TestEmptyAndNames: no row is a whole answer too, nothing is written before it
// is certain that there is one, and repeated names stay apart.
func TestEmptyAndNames(t *testing.T) {
	d := openDuck(t, true)
	r := run(t, d, `SELECT 1 AS a, 2 AS a, 3 AS a_1, 'x,y' AS "q""," WHERE false`)
	for f, want := range map[format.Format]string{
		format.JSON: `{"columns":[{"name":"a","type":"INTEGER"},{"name":"a","type":"INTEGER"},` +
			`{"name":"a_1","type":"INTEGER"},{"name":"q\",","type":"VARCHAR"}],"rows":[],"row_count":0}` + "\n",
		format.JSONL: "",
		format.CSV:   "a,a,a_1,\"q\"\",\"\r\n",
		format.Pretty: "┌───┬───┬─────┬─────┐\n│ a │ a │ a_1 │ q\", │\n├───┼───┼─────┼─────┤\n" +
			"└───┴───┴─────┴─────┘\n(0 rows)\n",
	} {
		if diff := cmp.Diff(want, string(encode(t, f, r, format.Options{}))); diff != "" {
			t.Errorf("%s: %s", f, diff)
		}
	}
	if got := readIPC(t, encode(t, format.Arrow, r, format.Options{})); got.schema.NumFields() != 4 || len(got.batches) != 0 {
		t.Errorf("Arrow: %v", got)
	}
	names := readParquet(t, encode(t, format.Parquet, r, format.Options{})).schema
	if names.Field(1).Name != "a_2" || names.Field(2).Name != "a_1" {
		t.Errorf("Parquet: %v", names)
	}
	full := run(t, d, `SELECT 1 AS a, 2 AS a, 3 AS a_1`)
	if got := string(encode(t, format.JSONL, full, format.Options{})); got != `{"a":1,"a_2":2,"a_1":3}`+"\n" {
		t.Error(got)
	}
	for _, f := range format.Formats() {
		var out bytes.Buffer
		if _, err := format.New(f, &out, r.schema, format.Options{}); err != nil || out.Len() > 0 {
			t.Errorf("%s: %d bytes before the first batch, %v", f, out.Len(), err)
		}
	}
}

func TestInt64AsString(t *testing.T) {
	r := run(t, openDuck(t, true), "SELECT 9007199254740993::BIGINT b, 1::INTEGER i, 2::HUGEINT h, [3::BIGINT] l")
	got := string(encode(t, format.JSONL, r, format.Options{Int64AsString: true}))
	if got != `{"b":"9007199254740993","i":1,"h":"2","l":["3"]}`+"\n" {
		t.Error(got)
	}
}

func TestPretty(t *testing.T) {
	d := openDuck(t, true)
	r := run(t, d, `SELECT * FROM (VALUES
		(1, 'plain', 1.5::DOUBLE), (22, 'esc'||chr(27)||'[31m'||chr(10)||'日本', NULL), (-333, repeat('x', 100), 'nan')) v(n, label, value)`)
	want := `┌──────┬──────────────────────┬───────┐
│    n │ label                │ value │
├──────┼──────────────────────┼───────┤
│    1 │ plain                │   1.5 │
│   22 │ esc\x1b[31m\n日本    │  NULL │
│ -333 │ xxxxxxxxxxxxxxxxxxx… │   NaN │
└──────┴──────────────────────┴───────┘
(3 rows)
`
	if diff := cmp.Diff(want, string(encode(t, format.Pretty, r, format.Options{MaxWidth: 20}))); diff != "" {
		t.Error(diff)
	}
	want = `─[ row 1 ]───────────────
n     │ 1
label │ plain
value │ 1.5
`
	got := string(encode(t, format.Pretty, r, format.Options{MaxWidth: 20, Expanded: true}))
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "value │ NaN\n(3 rows)\n") {
		t.Errorf("%s", got)
	}
}

// TestPrettyPages: a number wider than the pages before begins a new table
// rather than being cut.
func TestPrettyPages(t *testing.T) {
	r := run(t, openDuck(t, true), "SELECT CASE WHEN i = 2500 THEN 9223372036854775807 ELSE i % 10 END AS n FROM range(3000) r(i) ORDER BY i")
	got := string(encode(t, format.Pretty, r, format.Options{}))
	if !strings.Contains(got, "│ 9223372036854775807 │") || !strings.HasSuffix(got, "(3000 rows)\n") {
		t.Errorf("%s", got[len(got)-300:])
	}
	if headers := strings.Count(got, " n │\n"); headers != 2 {
		t.Errorf("%d headers, want 2", headers)
	}
	if lines := strings.Count(got, "\n"); lines != 3000+2*4+1 {
		t.Errorf("%d lines", lines)
	}
}

// TestRefused: what cannot be written exactly is an error, not another value.
func TestRefused(t *testing.T) {
	d := openDuck(t, true)
	for _, c := range []struct{ sql, format, want string }{
		{"170141183460469231731687303715884105727::HUGEINT AS big", "arrow", `column "big": HUGEINT 170141183460469231731687303715884105727 has more than 38 digits`},
		{"340282366920938463463374607431768211455::UHUGEINT AS big", "parquet", "UHUGEINT 340282366920938463463374607431768211455"},
		{"'infinity'::TIMESTAMP_S AS t", "parquet", `column "t": infinity does not fit`},
	} {
		_, err := tryEncode(format.Format(c.format), run(t, d, "SELECT "+c.sql), format.Options{})
		if !errors.Is(err, series.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.sql, err)
		}
	}
	odd := arrow.NewSchema([]arrow.Field{{Name: "odd", Type: arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64)}}, nil)
	for _, f := range append(format.Formats(), "xml") {
		if _, err := format.New(f, io.Discard, odd, format.Options{}); !errors.Is(err, series.ErrInvalid) || !strings.Contains(err.Error(), `"odd"`) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestDamagedBatch: offsets beyond the bytes, as a hostile child could send
// them, end the answer and not the process.
func TestDamagedBatch(t *testing.T) {
	offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 1 << 30}))
	bytesOf := memory.NewBufferBytes([]byte("x"))
	data := array.NewData(arrow.ListOf(arrow.BinaryTypes.String), 1, []*memory.Buffer{nil, offsets},
		[]arrow.ArrayData{array.NewData(arrow.BinaryTypes.String, 1, []*memory.Buffer{nil, memory.NewBufferBytes(make([]byte, 8)), bytesOf}, nil, 0, 0)}, 0, 0)
	arr := array.MakeFromData(data)
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arr.DataType(), Nullable: true}}, nil)
	r := result{schema, []arrow.RecordBatch{array.NewRecordBatch(schema, []arrow.Array{arr}, 1)}}
	for _, f := range []format.Format{format.JSON, format.JSONL, format.CSV, format.Pretty} {
		if _, err := tryEncode(f, r, format.Options{}); !errors.Is(err, series.ErrCorrupt) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// counter counts bytes and fails after limit of them, if there is a limit.
type counter struct{ n, limit int }

var errFull = errors.New("full")

func (c *counter) Write(p []byte) (int, error) {
	c.n += len(p)
	if c.limit > 0 && c.n > c.limit {
		return 0, errFull
	}
	return len(p), nil
}

func (c *counter) Close() error { panic("BUG: the writer is the caller's") }

// TestStreams writes a million rows in every format: memory stays, and a writer
// that fails is an error in the end.
func TestStreams(t *testing.T) {
	d := openDuck(t, true)
	query := func(rows int) string {
		return fmt.Sprintf("SELECT make_timestamptz(1700000000000000 + i * 1000) AS time, random() AS value, 'node-' || i %% 100 AS instance, md5(i::VARCHAR) AS noise FROM range(%d) r(i)", rows)
	}
	for _, f := range format.Formats() {
		rows := 1_000_000
		if f == format.Pretty {
			rows = 100_000
		}
		for _, limit := range []int{0, 5 << 20} {
			if limit > 0 && f == format.Pretty {
				continue
			}
			peak, out, err := stream(t, d, query(rows), f, limit)
			if limit > 0 && !errors.Is(err, errFull) {
				t.Errorf("%s: %v from a writer that fails", f, err)
			}
			if limit == 0 && (err != nil || out < rows*20) {
				t.Errorf("%s: %d bytes, %v", f, out, err)
			}
			bound := int64(16 << 20)
			if f == format.Parquet {
				bound = 96 << 20 // A row group and the compressor's windows, garbage included.
			}
			if peak > bound {
				t.Errorf("%s: heap grew by %d MiB", f, peak>>20)
			}
			t.Logf("%s: %d MiB written, heap grew by %d MiB", f, out>>20, peak>>20)
		}
	}
}

func stream(t *testing.T, d *duck.Instance, query string, f format.Format, limit int) (peak int64, out int, err error) {
	t.Helper()
	rows, err := d.Query(context.Background(), query, duck.Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	w := &counter{limit: limit}
	e, err := format.New(f, w, rows.Schema(), format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := 0; rows.Next(); n++ {
		if err := e.Write(rows.Batch()); err != nil {
			return peak, w.n, err
		}
		if n%50 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, int64(now.HeapAlloc)-int64(before.HeapAlloc))
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return peak, w.n, e.Close()
}

func benchBatch(b *testing.B) result {
	return run(b, openDuck(b, true), `SELECT make_timestamptz(1700000000000000 + i * 15000000) AS time, random() * 1000 AS value,
		'node-' || i % 100 AS instance, 'api' AS job, i AS n FROM range(2048) r(i)`)
}

func BenchmarkEncode(b *testing.B) {
	r := benchBatch(b)
	for _, f := range format.Formats() {
		b.Run(string(f), func(b *testing.B) {
			e, err := format.New(f, io.Discard, r.schema, format.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Write(r.batches[0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2048, "ns/row")
		})
	}
	b.Run("encoding/json", func(b *testing.B) {
		columns := r.batches[0].Columns()
		for b.Loop() {
			enc := json.NewEncoder(io.Discard)
			for i := range 2048 {
				row := make(map[string]any, len(columns))
				for c, column := range columns {
					row[r.schema.Field(c).Name] = column.GetOneForMarshal(i)
				}
				if err := enc.Encode(row); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2048, "ns/row")
	})
}
