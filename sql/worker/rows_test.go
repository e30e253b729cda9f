package worker_test

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/sql/duck"
	"herringbone/sql/worker"
	"herringbone/storage/series"
)

// A result of 1 GB passes through without staying anywhere.
func TestBigResultIsNotKept(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := s.Query(t.Context(), "SELECT range, repeat('x', 1000) AS s FROM range(1000000)", duck.Params{}, worker.QueryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	var heap, rss, sum int64
	for n := 0; res.Next(); n++ {
		b := res.Batch()
		column := b.Column(0).(*array.Int64)
		for i := range column.Len() {
			sum += column.Value(i)
		}
		if n%50 == 0 {
			runtime.ReadMemStats(&now)
			heap = max(heap, int64(now.HeapSys)-int64(before.HeapSys))
			rss = max(rss, residentBytes(t, s.PID()))
		}
	}
	if res.Err() != nil || sum != 999_999*1_000_000/2 || res.Rows() != 1_000_000 || res.Bytes() < 1<<30*9/10 {
		t.Fatalf("%d rows, %d bytes, sum %d: %v", res.Rows(), res.Bytes(), sum, res.Err())
	}
	t.Logf("heap grew by %d MiB, child has %d MiB", heap>>20, rss>>20)
	if heap > 64<<20 || rss > 300<<20 {
		t.Errorf("heap grew by %d MiB, child has %d MiB", heap>>20, rss>>20)
	}
}

func residentBytes(t testing.TB, pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func TestLimitsOfAResult(t *testing.T) {
	p := newPool(t, options(t))
	for _, o := range []worker.QueryOptions{{MaxRows: 5000}, {MaxBytes: 100_000}, {MaxRows: 5000, Buffer: true}} {
		s := take(t, p, acme)
		res, err := s.Query(t.Context(), "SELECT range FROM range(1000000)", duck.Params{}, o)
		if err == nil {
			for res.Next() {
			}
			err = res.Err()
			res.Close()
		} else if !o.Buffer {
			t.Errorf("%+v: before the first row", o)
		}
		if !errors.Is(err, series.ErrLimit) {
			t.Errorf("%+v: %v", o, err)
		}
		s.Close()
	}
	if r, b := p.Limits("rows"), p.Limits("bytes"); r != 2 || b != 1 {
		t.Errorf("counted %v limits of rows, %v of bytes", r, b)
	}
	s := take(t, p, acme)
	defer s.Close()
	res, err := s.Query(t.Context(), "SELECT range FROM range(5000)", duck.Params{}, worker.QueryOptions{MaxRows: 5000, Buffer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	for res.Next() {
	}
	if res.Err() != nil || res.Rows() != 5000 {
		t.Errorf("at the limit: %d %v", res.Rows(), res.Err())
	}
}

// An error in the middle of the rows comes before the first row with Buffer.
func TestBufferTellsErrorsFirst(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	const sql = "SELECT CASE WHEN range = 9000 THEN error('late') ELSE range END FROM range(10000)"
	_, err := s.Query(t.Context(), sql, duck.Params{}, worker.QueryOptions{Buffer: true})
	wantClass(t, "buffered", err, duck.InvalidInput)
}

func TestEmptyResultHasColumns(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	res, err := s.Query(t.Context(), "SELECT 1::DOUBLE AS value, now() AS time LIMIT 0", duck.Params{}, worker.QueryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	if got := res.Schema(); got.NumFields() != 2 || got.Field(0).Name != "value" || got.Field(0).Type != arrow.PrimitiveTypes.Float64 {
		t.Errorf("schema %v", got)
	}
	if res.Next() || res.Err() != nil {
		t.Errorf("a row, or %v", res.Err())
	}
}

// Wide rows are sent in pieces; nested and dictionary types pass the checks.
func TestTypesPass(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	got, err := rows(t.Context(), s, `SELECT [1, NULL], {'a': 'x', 'b': [2]}, MAP {'k': 1.5}, 'b'::ENUM('a', 'b'), 1::HUGEINT, 1.25::DECIMAL(9, 2), 'x'::BLOB, uuid() IS NULL, INTERVAL 1 DAY, [1, 2]::INT[2], NULL`)
	if err != nil || !strings.HasPrefix(got[0], `[1,null]|{"a":"x","b":[2]}|`) {
		t.Errorf("%v %v", got, err)
	}
	got, err = rows(t.Context(), s, "SELECT count(*), sum(length(s))::BIGINT FROM (SELECT repeat('x', 100000) AS s FROM range(1000))")
	if err != nil || got[0] != "1000|100000000" {
		t.Errorf("%v %v", got, err)
	}
	enums, err := rows(t.Context(), s, "SELECT ['a', 'b'][range % 2 + 1]::ENUM('a', 'b') FROM range(10000)")
	if err != nil || len(enums) != 10_000 || enums[9_999] != "b" {
		t.Errorf("%d %v", len(enums), err)
	}
	res, err := s.Query(t.Context(), "SELECT repeat('x', 100000) AS s FROM range(1000)", duck.Params{}, worker.QueryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	length := 0
	for res.Next() {
		column := res.Batch().Column(0).(*array.String)
		for i := range column.Len() {
			length += len(column.Value(i))
		}
	}
	if res.Err() != nil || length != 100_000_000 {
		t.Errorf("%d bytes: %v", length, res.Err())
	}
}

func TestLoad(t *testing.T) {
	p := newPool(t, options(t))
	s := take(t, p, acme)
	defer s.Close()
	const batches, each = 50, 10_000
	if err := s.Load(t.Context(), "recent", func(w io.Writer) error { return stream(w, batches, each) }); err != nil {
		t.Fatal(err)
	}
	got, err := rows(t.Context(), s, "SELECT count(*), sum(a.n)::BIGINT FROM recent a JOIN recent b USING (n)")
	if err != nil || got[0] != "500000|124999750000" {
		t.Errorf("%v %v", got, err)
	}
	broken := errors.New("no more")
	err = s.Load(t.Context(), "half", func(w io.Writer) error {
		if err := stream(w, 1, 10); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("broken off: %v", err)
	}
	if _, err := rows(t.Context(), s, "SELECT 1"); err != nil {
		t.Errorf("after a broken load: %v", err)
	}
}

// stream writes n BIGINT.
func stream(w io.Writer, batches, each int) error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for n := range batches {
		for i := range each {
			b.Field(0).(*array.Int64Builder).Append(int64(n*each + i))
		}
		rec := b.NewRecordBatch()
		err := out.Write(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return out.Close()
}
