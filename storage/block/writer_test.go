package block

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

func floats(pairs ...float64) *series.Samples {
	s := &series.Samples{}
	for i := 0; i < len(pairs); i += 2 {
		s.AppendFloat(int64(pairs[i]), pairs[i+1], 0)
	}
	return s
}

func TestMeta(t *testing.T) {
	f := write(t, Options{}, []one{
		{labels.FromStrings("__name__", "a"), floats(50, 1, 60, 2)},
		{labels.FromStrings("__name__", "b"), floats()}, // Left out.
		{labels.FromStrings("__name__", "c"), floats(-7, 1)},
	})
	want := Meta{
		Size: int64(len(f.bytes)), SHA256: sha256.Sum256(f.bytes),
		Tail: f.meta.Tail, TailCRC: crc32.Checksum(f.bytes[f.meta.Tail:], encoding.Castagnoli),
		Rows: 3, Series: 2, MinT: -7, MaxT: 60, MinName: "a", MaxName: "c",
	}
	if d := cmp.Diff(want, f.meta); d != "" {
		t.Errorf("wrong meta (-want +got):\n%s", d)
	}
}

func TestAppendRefuses(t *testing.T) {
	a, b := labels.FromStrings("__name__", "m", "i", "1"), labels.FromStrings("__name__", "m", "i", "2")
	tests := map[string][]one{
		"the same series twice": {{a, floats(2, 1)}, {a, floats(2, 1)}},
		"series out of order":   {{b, floats(1, 1)}, {a, floats(2, 1)}},
		"times out of order":    {{a, floats(2, 1, 1, 1)}},
		"a time twice":          {{a, floats(2, 1, 2, 1)}},
		"no metric name":        {{labels.FromStrings("i", "1"), floats(2, 1)}},
	}
	for name, all := range tests {
		t.Run(name, func(t *testing.T) {
			w, err := NewWriter(&bytes.Buffer{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range all {
				err = w.Append(x.ls, x.s)
			}
			if !errors.Is(err, series.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			if _, err := w.Close(); !errors.Is(err, series.ErrInvalid) {
				t.Errorf("Close after that: got %v, want the same", err)
			}
		})
	}
}

func TestOrderByNameThenLabels(t *testing.T) {
	// A capital letter sorts before __name__: labels.Compare alone would put z first.
	write(t, Options{}, []one{
		{labels.FromStrings("__name__", "a", "A", "2"), floats(1, 1)},
		{labels.FromStrings("__name__", "z", "A", "1"), floats(1, 1)},
	})
}

type failingWriter struct{ after int }

var errDisk = errors.New("disk full")

func (w *failingWriter) Write(b []byte) (int, error) {
	if w.after -= len(b); w.after < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func TestWriteErrorIsNeverLost(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(1, 1)), 30)
	size := int(write(t, Options{}, all).meta.Size)
	for after := 0; after < size; after += 500 {
		w, err := NewWriter(&failingWriter{after}, Options{RowGroupRows: 100})
		for _, x := range all {
			if err == nil {
				err = w.Append(x.ls, x.s)
			}
		}
		if err == nil {
			_, err = w.Close()
		}
		if !errors.Is(err, errDisk) {
			t.Fatalf("disk full after %d bytes: got %v", after, err)
		}
	}
}

func TestOptionsValidate(t *testing.T) {
	for _, o := range []Options{{PageRows: -1}, {PageRows: maxPageRows + 1}, {RowGroupRows: -1}, {Effort: 9}, {Effort: -1}} {
		if _, err := NewWriter(&bytes.Buffer{}, o); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%+v: got %v, want ErrInvalid", o, err)
		}
	}
}

func TestColumns(t *testing.T) {
	many := make([]string, 250)
	for i := range many {
		many[i] = fmt.Sprint("l", i)
	}
	tests := map[string]struct{ names, want []string }{
		"the first of a pair that differs by case": {[]string{"Foo", "foo", "bar"}, []string{"Foo", "bar"}},
		"fixed columns in any case":                {[]string{"__name__", "Time", "VALUE", "__LABELS__", "__Stale__", "x"}, []string{"x"}},
		"no empty name":                            {[]string{"", "x", "x"}, []string{"x"}},
		"at most 200":                              {many, many[:200]},
		"case beyond ASCII":                        {[]string{"GRÖSSE", "grösse"}, []string{"GRÖSSE"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, samplesForm.columns(tt.names)); d != "" {
				t.Errorf("wrong columns (-want +got):\n%s", d)
			}
		})
	}
}

func TestRowGroupsBreakOnMetrics(t *testing.T) {
	var all []one
	for i := range 10 {
		s := &series.Samples{}
		for k := range 30 {
			s.AppendFloat(int64(k), 1, 0)
		}
		all = append(all, one{labels.FromStrings("__name__", fmt.Sprint("m", i/2), "i", fmt.Sprint(i)), s})
	}
	f := write(t, Options{RowGroupRows: 100}, all)
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), f.meta.Size)
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, g := range pf.RowGroups() {
		rows = append(rows, g.NumRows())
	}
	if d := cmp.Diff([]int64{60, 60, 60, 60, 60}, rows); d != "" {
		t.Errorf("wrong row groups (-want +got):\n%s", d)
	}
}

// TestPageIndex checks Parquet's page index and statistics against the values
// that parquet-go finds in the pages.
func TestPageIndex(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	all := oddSeries(rand.New(rand.NewPCG(seed, 0)), 40)
	f := write(t, Options{Labels: []string{"id", "foo", "nowhere"}, PageRows: 70, RowGroupRows: 1000}, all)
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), f.meta.Size)
	if err != nil {
		t.Fatal(err)
	}
	bounded := 0
	for _, g := range pf.RowGroups() {
		for i, c := range g.ColumnChunks() {
			name := fmt.Sprint(pf.Schema().Columns()[i])
			bounded += checkPageIndex(t, name, c)
		}
	}
	if bounded == 0 {
		t.Error("no page has bounds")
	}
}

func checkPageIndex(t *testing.T, name string, c parquet.ColumnChunk) (bounded int) {
	t.Helper()
	offsets, err := c.OffsetIndex()
	if err != nil {
		t.Fatalf("%s: no offset index: %v", name, err)
	}
	index, indexErr := c.ColumnIndex()
	pages := c.Pages()
	defer pages.Close()
	row := int64(0)
	for i := range offsets.NumPages() {
		if offsets.FirstRowIndex(i) != row {
			t.Fatalf("%s: page %d begins at row %d, index says %d", name, i, row, offsets.FirstRowIndex(i))
		}
		p, err := pages.ReadPage()
		if err != nil {
			t.Fatalf("%s: page %d: %v", name, i, err)
		}
		row += p.NumRows()
		if indexErr == nil {
			checkBounds(t, fmt.Sprintf("%s: page %d", name, i), index, i, p)
			bounded++
		}
		parquet.Release(p)
	}
	return bounded
}

func checkBounds(t *testing.T, about string, index parquet.ColumnIndex, i int, p parquet.Page) {
	t.Helper()
	values := make([]parquet.Value, p.NumValues())
	if n, _ := p.Values().ReadValues(values); n != len(values) {
		t.Fatalf("%s: %d values, want %d", about, n, len(values))
	}
	nulls, compare := int64(0), p.Type().Compare
	for _, v := range values {
		switch {
		case v.IsNull():
			nulls++
		case v.Kind() == parquet.Double && math.IsNaN(v.Double()):
			t.Fatalf("%s: bounds although there is a NaN", about)
		case compare(v, index.MinValue(i)) < 0 || compare(v, index.MaxValue(i)) > 0:
			t.Fatalf("%s: %v is not within %v and %v", about, v, index.MinValue(i), index.MaxValue(i))
		}
	}
	if index.NullCount(i) != nulls || index.NullPage(i) != (int(nulls) == len(values)) {
		t.Fatalf("%s: %d nulls, index says %d, null page %v", about, nulls, index.NullCount(i), index.NullPage(i))
	}
}

// TestPagesCarryParquetChecksums flips a byte of a body: parquet-go must see it.
func TestPagesCarryParquetChecksums(t *testing.T) {
	f := write(t, Options{}, nodeSeries(10, 500, 1))
	at := f.open(t).index.groups[0].pages[pageValue]
	b := bytes.Clone(f.bytes)
	b[at.Offset+int64(at.Size)-9] ^= 1
	if _, err := parquetGoRows(b); !errors.Is(err, parquet.ErrCorrupted) {
		t.Errorf("got %v, want ErrCorrupted", err)
	}
}

func TestFooterNamesTheFile(t *testing.T) {
	f := write(t, Options{Level: 2, Writer: "node-1", Sequence: 77}, []one{{labels.FromStrings("__name__", "a"), floats(50, 1, 60, 2)}})
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), f.meta.Size)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"format": "2", "writer": "node-1", "level": "2", "sequence": "77", "min_time": "50", "max_time": "60",
		"rows": "2", "series": "1", "index_offset": fmt.Sprint(f.meta.Tail),
	}
	for key, value := range want {
		if got, _ := pf.Lookup("herringbone." + key); got != value {
			t.Errorf("herringbone.%s is %q, want %q", key, got, value)
		}
	}
}

// TestSeriesInParts: cut anywhere, a series is one series of the same samples.
func TestSeriesInParts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := oddSeries(rnd, 30)
	var parts []one
	for _, x := range all {
		for from := 0; from < x.s.Len(); {
			to := from + 1 + rnd.IntN(x.s.Len()-from)
			p := &series.Samples{}
			p.AppendRange(x.s, from, to)
			parts = append(parts, one{x.ls, p}, one{x.ls, &series.Samples{}})
			from = to
		}
	}
	for _, o := range []Options{{}, {PageRows: 30, RowGroupRows: 77, Labels: []string{"id"}}} {
		f := write(t, o, parts)
		checkAll(t, f, all)
		whole := write(t, o, all).meta
		whole.Size, whole.SHA256, whole.Tail, whole.TailCRC = f.meta.Size, f.meta.SHA256, f.meta.Tail, f.meta.TailCRC
		if d := cmp.Diff(whole, f.meta); d != "" {
			t.Errorf("wrong meta (-in one piece +in parts):\n%s", d)
		}
		for i, ref := range f.open(t).Select(nil, minTime, maxTime, 0) {
			s := all[i].s
			if ref.MinT != s.Times[0] || ref.MaxT != s.Times[s.Len()-1] || ref.Rows != int64(s.Len()) {
				t.Errorf("series %v is %+v", all[i].ls, ref)
			}
		}
	}
}

// TestLongSeriesFlushesAsItGoes: memory holds one row group, however long a
// series is.
func TestLongSeriesFlushesAsItGoes(t *testing.T) {
	var buf bytes.Buffer
	w, err := NewWriter(&buf, Options{PageRows: 1000, RowGroupRows: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	ls, rnd, s := labels.FromStrings("__name__", "a"), rand.New(rand.NewPCG(1, 2)), &series.Samples{}
	for part := range 100 {
		s.Reset()
		for i := range 1000 {
			s.AppendFloat(int64(part*1000+i), rnd.Float64(), 0)
		}
		if err := w.Append(ls, s); err != nil {
			t.Fatal(err)
		}
		if n := w.pageBytes(); n > 10*8*1024 {
			t.Fatalf("after %d parts %d bytes wait in memory", part, n)
		}
	}
	m, err := w.Close()
	if err != nil || m.Series != 1 || m.Rows != 100_000 {
		t.Errorf("%+v, error %v", m, err)
	}
}

// TestLongSeriesBeginPages: a series that fills half a page does not share one
// that is half full.
func TestLongSeriesBeginPages(t *testing.T) {
	long, short := &series.Samples{}, &series.Samples{}
	for i := range 60 {
		long.AppendFloat(int64(i), 1, 0)
	}
	short.AppendRange(long, 0, 10)
	var all []one
	for i, s := range []*series.Samples{long, long, short, short, long} {
		all = append(all, one{labels.FromStrings("__name__", fmt.Sprint("m", i)), s})
	}
	var rows []int
	for _, g := range write(t, Options{PageRows: 100}, all).open(t).index.groups {
		rows = append(rows, g.rows)
	}
	if d := cmp.Diff([]int{60, 80, 60}, rows); d != "" {
		t.Errorf("wrong pages (-want +got):\n%s", d)
	}
}

func TestLevelOptions(t *testing.T) {
	for level := range 7 {
		o := LevelOptions(level)
		if err := o.validate(); err != nil || o.Level != level {
			t.Errorf("level %d: %+v, %v", level, o, err)
		}
		if next := LevelOptions(level + 1); next.RowGroupRows > o.RowGroupRows || next.PageRows < o.PageRows {
			t.Errorf("level %d has %+v, the next %+v", level, o, next)
		}
	}
}
