package block

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// row is a row as a foreign reader sees it, in text, column by column.
type row map[string]string

// wantRows are the rows of a file with these label columns.
func wantRows(all []one, columns []string) []row {
	isColumn := map[string]bool{labels.MetricName: true}
	for _, c := range columns {
		isColumn[c] = true
	}
	var rows []row
	for _, x := range all {
		for i := range x.s.Len() {
			r := row{}
			var rest []string
			x.ls.Range(func(l labels.Label) {
				if isColumn[l.Name] {
					r[l.Name] = l.Value
				} else {
					rest = append(rest, l.Name+"="+l.Value)
				}
			})
			r[columnLabels] = strings.Join(rest, ",")
			addWantSample(r, x.s, i)
			rows = append(rows, r)
		}
	}
	return rows
}

func addWantSample(r row, s *series.Samples, i int) {
	r[columnTime] = fmt.Sprint(s.Times[i])
	r[columnStale] = fmt.Sprint(s.IsStale(i))
	if st := s.StartAt(i); st != 0 {
		r[columnStart] = fmt.Sprint(st)
	}
	h := s.HistogramAt(i)
	if h == nil {
		r[columnValue] = hex(s.Values[i])
		return
	}
	b, err := encoding.AppendHistogram(nil, h)
	if err != nil {
		panic(err)
	}
	count, sum := encoding.CountAndSum(h)
	r[columnHistogram], r[columnHistCount], r[columnHistSum] = fmt.Sprintf("%x", b), hex(count), hex(sum)
}

func hex(v float64) string { return fmt.Sprintf("%016x", math.Float64bits(v)) }

// parquetGoRows reads a file with parquet-go's generic reader.
func parquetGoRows(b []byte) ([]row, error) {
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	leaves := f.Schema().Columns()
	var rows []row
	for _, g := range f.RowGroups() {
		reader := g.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := reader.ReadRows(buf)
			for _, r := range buf[:n] {
				rows = append(rows, parquetGoRow(r, leaves))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		if err := reader.Close(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func parquetGoRow(values parquet.Row, leaves [][]string) row {
	r := row{}
	var keys, rest []string
	for _, v := range values {
		path := leaves[v.Column()]
		switch {
		case v.IsNull():
		case len(path) == 3 && path[2] == "key":
			keys = append(keys, v.String())
		case len(path) == 3:
			rest = append(rest, v.String())
		case v.Kind() == parquet.Double:
			r[path[0]] = hex(v.Double())
		case path[0] == columnHistogram:
			r[path[0]] = fmt.Sprintf("%x", v.ByteArray())
		case v.Kind() == parquet.Int64:
			r[path[0]] = fmt.Sprint(v.Int64())
		default:
			r[path[0]] = v.String()
		}
	}
	for i := range keys {
		keys[i] += "=" + rest[i]
	}
	r[columnLabels] = strings.Join(keys, ",")
	return r
}

// diffRows reports the first row that differs: cmp is slow for so many.
func diffRows(t *testing.T, want, got []row) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d rows, want %d", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if !maps.Equal(want[i], got[i]) {
			t.Fatalf("row %d differs (-want +got):\n%s", i, cmp.Diff(want[i], got[i]))
		}
	}
}

func foreignCases(t *testing.T) map[string]struct {
	o   Options
	all []one
} {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	odd := oddSeries(rand.New(rand.NewPCG(seed, 0)), 60)
	return map[string]struct {
		o   Options
		all []one
	}{
		"empty":               {Options{Labels: []string{"id"}}, nil},
		"all kinds":           {Options{Labels: []string{"id", "foo", "Foo", "größe.é 世界"}}, odd},
		"no label columns":    {Options{}, odd},
		"small pages":         {Options{PageRows: 10, RowGroupRows: 300, Labels: []string{"id", "nowhere"}}, odd},
		"long label pages":    {Options{Labels: nodeColumns}, nodeSeries(140, 1000, seed)},
		"one series a row":    {Options{Labels: nodeColumns}, nodeSeries(3000, 1, seed)},
		"floats only, no map": {Options{Labels: nodeColumns}, nodeSeries(50, 100, seed)},
	}
}

func TestParquetGoReadsTheSame(t *testing.T) {
	for name, tt := range foreignCases(t) {
		t.Run(name, func(t *testing.T) {
			f := write(t, tt.o, tt.all)
			got, err := parquetGoRows(f.bytes)
			if err != nil {
				t.Fatal(err)
			}
			diffRows(t, wantRows(tt.all, samplesForm.columns(tt.o.Labels)), got)
		})
	}
}
