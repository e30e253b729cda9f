package block

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// both are series of which one's pages are shorter in PLAIN and the other's in
// BYTE_STREAM_SPLIT, with nulls and every odd float among them.
func both(rnd *rand.Rand) []one {
	counter, gauge := &series.Samples{}, &series.Samples{}
	v := 1e9
	for i := range 3000 {
		t := start + int64(i)*15_000
		v += math.Floor(1e6 * rnd.Float64())
		counter.AppendFloat(t, v, 0)
		gauge.AppendFloat(t, float64(i%7)/10, 0) // Comes round again.
	}
	for i, odd := range oddFloats {
		counter.Values[100*i] = odd
	}
	mixed := &series.Samples{}
	for i := range 1000 {
		if i%10 == 3 {
			h := oddHistograms()[0]
			h.T = counter.Times[i]
			mixed.AppendHistogram(h)
			continue
		}
		mixed.AppendFloat(counter.Times[i], counter.Values[i], 0)
	}
	return []one{
		{labels.FromStrings("__name__", "counter"), counter},
		{labels.FromStrings("__name__", "gauge"), gauge},
		{labels.FromStrings("__name__", "mixed"), mixed},
	}
}

// encodings counts the pages of column value by encoding, as their headers say.
func encodings(t *testing.T, f written) map[bool]int {
	t.Helper()
	n := map[bool]int{}
	for _, g := range f.open(t).index.groups {
		n[g.pages[pageValue].Split]++
	}
	return n
}

func TestPagesChooseTheirEncoding(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	all := both(rand.New(rand.NewPCG(seed, 0)))
	f := write(t, Options{PageRows: 1000}, all)
	if n := encodings(t, f); n[false] == 0 || n[true] == 0 {
		t.Fatalf("pages in BYTE_STREAM_SPLIT and not: %v; want some of both", n)
	}
	checkAll(t, f, all)
	want := wantRows(all, nil)
	for name, read := range map[string]func([]byte) ([]row, error){"parquet-go": parquetGoRows, "arrow": arrowRows} {
		got, err := read(f.bytes)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		diffRows(t, want, got)
	}
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), f.meta.Size)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range pf.Metadata().RowGroups[0].Columns {
		has := bytes.Contains(fmt.Append(nil, c.MetaData.Encoding), []byte(format.ByteStreamSplit.String()))
		if want := c.MetaData.PathInSchema[0] == columnValue; has != want {
			t.Errorf("column %v has encodings %v", c.MetaData.PathInSchema, c.MetaData.Encoding)
		}
	}
}
