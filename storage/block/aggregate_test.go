package block

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

const fiveMinutes = int64(300_000)

// oneAggregated is a series of aggregates as the tests hold it.
type oneAggregated struct {
	ls labels.Labels
	a  *aggregate.Buckets
}

// aggregated makes aggregates of odd series: buckets with a marker alone, NaN and
// infinity, and gaps.
func aggregated(rnd *rand.Rand, n int) []oneAggregated {
	var all []oneAggregated
	for _, x := range oddSeries(rnd, n) {
		var plain series.Samples
		for i := range x.s.Len() {
			if x.s.HistogramAt(i) == nil {
				plain.AppendFloat(x.s.Times[i], x.s.Values[i], 0)
			}
		}
		a := &aggregate.Buckets{}
		aggregate.Append(a, &plain, fiveMinutes)
		if a.Len() > 0 {
			all = append(all, oneAggregated{x.ls, a})
		}
	}
	return all
}

func writeAggregates(t testing.TB, o Options, all []oneAggregated) written {
	t.Helper()
	var buf bytes.Buffer
	w, err := NewAggregateWriter(&buf, AggregateOptions{o, fiveMinutes})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if err := w.Append(x.ls, x.a); err != nil {
			t.Fatal(err)
		}
	}
	m, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	return written{buf.Bytes(), m}
}

func (f written) openAggregates(t testing.TB) *AggregateReader {
	t.Helper()
	r, err := OpenAggregates(bytes.NewReader(f.bytes), f.meta.Size, "test.parquet", f.meta.Tail, f.meta.TailCRC)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// aggregateBytes is all that aggregates are, as bytes.
func aggregateBytes(a *aggregate.Buckets) (b []byte) {
	for _, ints := range intColumns(a) {
		if ints != nil {
			for _, v := range *ints {
				b = column.AppendInt64(b, v)
			}
		}
	}
	for _, floats := range floatColumns(a) {
		if floats != nil {
			b = encoding.AppendFloats(b, *floats)
		}
	}
	return b
}

// diffAggregates explains how two aggregates differ; "" if they do not.
func diffAggregates(want, got *aggregate.Buckets) string {
	if bytes.Equal(aggregateBytes(want), aggregateBytes(got)) {
		return ""
	}
	return "not the same: " + cmp.Diff(want, got, bitEqual)
}

func checkAggregates(t *testing.T, f written, want []oneAggregated) {
	t.Helper()
	i := 0
	err := f.openAggregates(t).Each(func(ls labels.Labels, a *aggregate.Buckets) error {
		if i >= len(want) || !labels.Equal(ls, want[i].ls) {
			return fmt.Errorf("series %d is %v", i, ls)
		}
		if d := diffAggregates(want[i].a, a); d != "" {
			return fmt.Errorf("series %v differs (-want +got):\n%s", ls, d)
		}
		i++
		return nil
	})
	if err != nil || i != len(want) {
		t.Fatalf("%d series of %d, error %v", i, len(want), err)
	}
}

func aggregateCases(t *testing.T) map[string]struct {
	o   Options
	all []oneAggregated
} {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	odd := aggregated(rand.New(rand.NewPCG(seed, 0)), 60)
	return map[string]struct {
		o   Options
		all []oneAggregated
	}{
		"empty":            {Options{Labels: []string{"id"}}, nil},
		"all kinds":        {Options{Labels: []string{"id", "foo", "count", "first_time"}}, odd},
		"no label columns": {Options{}, odd},
		"small pages":      {Options{PageRows: 10, RowGroupRows: 300, Labels: []string{"id", "nowhere"}}, odd},
		"one row a page":   {Options{PageRows: 1}, odd[:5]},
	}
}

func TestAggregatesRoundTrip(t *testing.T) {
	for name, tt := range aggregateCases(t) {
		t.Run(name, func(t *testing.T) {
			f := writeAggregates(t, tt.o, tt.all)
			checkAggregates(t, f, tt.all)
			want := Meta{Size: f.meta.Size, SHA256: f.meta.SHA256, Tail: f.meta.Tail, TailCRC: f.meta.TailCRC}
			for i, x := range tt.all {
				first, _ := x.a.Times(0)
				_, last := x.a.Times(x.a.Len() - 1)
				name := x.ls.Get("__name__")
				if i == 0 {
					want.MinName, want.MinT, want.MaxT = name, first, last
				}
				want.MinT, want.MaxT, want.MaxName = min(want.MinT, first), max(want.MaxT, last), name
				want.Series++
				want.Rows += int64(x.a.Len())
			}
			if d := cmp.Diff(want, f.meta); d != "" {
				t.Errorf("wrong meta (-want +got):\n%s", d)
			}
		})
	}
}

// TestAggregatesRead reads ranges of ends, in parts that were written one by one,
// from several goroutines.
func TestAggregatesRead(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := aggregated(rnd, 40)
	var parts []oneAggregated
	for _, x := range all {
		for from := 0; from < x.a.Len(); {
			to := from + 1 + rnd.IntN(x.a.Len()-from)
			p := &aggregate.Buckets{}
			p.AppendRange(x.a, from, to)
			parts = append(parts, oneAggregated{x.ls, p})
			from = to
		}
	}
	f := writeAggregates(t, Options{PageRows: 50, RowGroupRows: 500}, parts)
	checkAggregates(t, f, all)
	r := f.openAggregates(t)
	refs := r.Select(nil, minTime, maxTime, 0)
	if len(refs) != len(all) || r.Series() != len(all) || r.Rows() != f.meta.Rows {
		t.Fatalf("%d refs, %d series, %d rows; want %d, %d", len(refs), r.Series(), r.Rows(), len(all), f.meta.Rows)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		rnd := rand.New(rand.NewPCG(seed, uint64(n)))
		wg.Go(func() {
			for range 300 {
				i := rnd.IntN(len(all))
				readOne(t, r, refs[i], all[i].a, rnd)
			}
		})
	}
	wg.Wait()
}

func readOne(t *testing.T, r *AggregateReader, ref Ref, all *aggregate.Buckets, rnd *rand.Rand) {
	ends := all.Ends
	minEnd, maxEnd := ends[rnd.IntN(len(ends))]-rnd.Int64N(2), ends[rnd.IntN(len(ends))]+rnd.Int64N(2)
	want, got := &aggregate.Buckets{}, &aggregate.Buckets{}
	if from, to := all.Range(minEnd, maxEnd); from < to {
		want.AppendRange(all, from, to)
	}
	if err := r.Read(ref, minEnd, maxEnd, got); err != nil {
		t.Error(err)
	} else if d := diffAggregates(want, got); d != "" {
		t.Errorf("%d … %d (-want +got):\n%s", minEnd, maxEnd, d)
	}
}

func TestAggregateAppendRefuses(t *testing.T) {
	ls := labels.FromStrings("__name__", "m")
	of := func(pairs ...float64) *aggregate.Buckets {
		a := &aggregate.Buckets{}
		aggregate.Append(a, floats(pairs...), fiveMinutes)
		return a
	}
	odd, outside := of(1, 1), of(1, 1)
	odd.Ends[0]++
	outside.LastTimes[0] = fiveMinutes + 1
	twice := of(1, 1)
	twice.AppendRange(of(2, 1), 0, 1)
	tests := map[string][]*aggregate.Buckets{
		"an end that is no multiple":        {odd},
		"a sample outside of its bucket":    {outside},
		"two buckets of one end":            {twice},
		"a part that is not after the last": {of(2, 1), of(2, 1)},
	}
	for name, all := range tests {
		t.Run(name, func(t *testing.T) {
			w, err := NewAggregateWriter(&bytes.Buffer{}, AggregateOptions{Resolution: fiveMinutes})
			for _, a := range all {
				if err == nil {
					err = w.Append(ls, a)
				}
			}
			if !errors.Is(err, series.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
	if _, err := NewAggregateWriter(&bytes.Buffer{}, AggregateOptions{}); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("no resolution: got %v, want ErrInvalid", err)
	}
}

// TestFormsAreNotMixedUp: each sort of file is refused by the other's reader.
func TestFormsAreNotMixedUp(t *testing.T) {
	a := writeAggregates(t, Options{}, aggregated(rand.New(rand.NewPCG(1, 2)), 5))
	if _, err := Open(bytes.NewReader(a.bytes), a.meta.Size, "a", a.meta.Tail, a.meta.TailCRC); !errors.Is(err, series.ErrCorrupt) {
		t.Errorf("aggregates opened as samples: %v", err)
	}
	s := write(t, Options{}, nodeSeries(5, 5, 1))
	if _, err := OpenAggregates(bytes.NewReader(s.bytes), s.meta.Size, "s", s.meta.Tail, s.meta.TailCRC); !errors.Is(err, series.ErrCorrupt) {
		t.Errorf("samples opened as aggregates: %v", err)
	}
}

func TestAggregatesLayout(t *testing.T) {
	all := aggregated(rand.New(rand.NewPCG(5, 6)), 30)
	r := writeAggregates(t, Options{Labels: []string{"id", "foo", "Count"}, PageRows: 20, RowGroupRows: 200}, all).openAggregates(t)
	l, err := r.Layout()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"id", "foo"}, l.Labels); d != "" {
		t.Error(d) // A label called Count would be taken for the column count.
	}
	if !l.Stale || l.Histograms || l.Starts || len(l.RowGroups) < 2 {
		t.Errorf("stale %v, histograms %v, starts %v, %d row groups", l.Stale, l.Histograms, l.Starts, len(l.RowGroups))
	}
	rows := int64(0)
	for _, g := range l.RowGroups {
		rows += g.Rows
		for _, name := range []string{columnTime, columnCount, columnMin, columnStaleTime} {
			if g.Columns[name] == 0 {
				t.Errorf("row group at %d has no column %s", g.FirstRow, name)
			}
		}
	}
	if rows != r.Rows() {
		t.Errorf("row groups have %d rows, the file %d", rows, r.Rows())
	}
	if metrics, err := r.Metrics(); err != nil || len(metrics) == 0 || metrics[0].Name != all[0].ls.Get("__name__") {
		t.Errorf("metrics %v, error %v", metrics, err)
	}
	unbroken := &aggregate.Buckets{}
	aggregate.Append(unbroken, floats(1, 2), fiveMinutes)
	l, err = writeAggregates(t, Options{}, []oneAggregated{{all[0].ls, unbroken}}).openAggregates(t).Layout()
	if err != nil || l.Stale {
		t.Errorf("without a marker: stale %v, error %v", l.Stale, err)
	}
}

// wantAggregateRows are the rows of a file as a foreign reader sees them.
func wantAggregateRows(all []oneAggregated, columns []string) []row {
	var rows []row
	for _, x := range all {
		for i := range x.a.Len() {
			r := labelsRow(x.ls, columns)
			r[columnTime], r[columnCount] = fmt.Sprint(x.a.Ends[i]), fmt.Sprint(x.a.Counts[i])
			if x.a.Stales[i] != 0 {
				r[columnStaleTime] = fmt.Sprint(x.a.Stales[i])
			}
			rows = append(rows, r)
			if x.a.Counts[i] == 0 {
				continue // Nulls.
			}
			for name, values := range map[string][]float64{
				columnMin: x.a.Mins, columnMax: x.a.Maxs, columnSum: x.a.Sums,
				columnFirst: x.a.Firsts, columnLast: x.a.Lasts, columnIncrease: x.a.Increases,
			} {
				r[name] = hex(values[i])
			}
			r[columnFirstTime], r[columnLastTime] = fmt.Sprint(x.a.FirstTimes[i]), fmt.Sprint(x.a.LastTimes[i])
		}
	}
	return rows
}

func labelsRow(ls labels.Labels, columns []string) row {
	r := row{}
	var rest []string
	ls.Range(func(l labels.Label) {
		if l.Name == labels.MetricName || slices.Contains(columns, l.Name) {
			r[l.Name] = l.Value
		} else {
			rest = append(rest, l.Name+"="+l.Value)
		}
	})
	r[columnLabels] = strings.Join(rest, ",")
	return r
}

func TestForeignReadersReadAggregates(t *testing.T) {
	for name, tt := range aggregateCases(t) {
		t.Run(name, func(t *testing.T) {
			f := writeAggregates(t, tt.o, tt.all)
			want := wantAggregateRows(tt.all, aggregatesForm.columns(tt.o.Labels))
			for reader, read := range map[string]func([]byte) ([]row, error){"parquet-go": parquetGoRows, "arrow": arrowRows} {
				got, err := read(f.bytes)
				if err != nil {
					t.Fatalf("%s: %v", reader, err)
				}
				diffRows(t, want, got)
			}
		})
	}
}

func readAllAggregates(b []byte, m Meta) ([]oneAggregated, error) {
	r, err := OpenAggregates(bytes.NewReader(b), int64(len(b)), "test.parquet", m.Tail, m.TailCRC)
	if err != nil {
		return nil, err
	}
	var all []oneAggregated
	err = r.Each(func(ls labels.Labels, a *aggregate.Buckets) error {
		c := &aggregate.Buckets{}
		c.AppendRange(a, 0, a.Len())
		all = append(all, oneAggregated{ls, c})
		return nil
	})
	return all, err
}

func TestEveryFlippedByteOfAggregatesIsHarmlessOrFound(t *testing.T) {
	all := aggregated(rand.New(rand.NewPCG(1, 2)), 6)
	for i := range all {
		short := &aggregate.Buckets{}
		short.AppendRange(all[i].a, 0, min(all[i].a.Len(), 4))
		all[i].a = short
	}
	f := writeAggregates(t, Options{Labels: []string{"id"}, PageRows: 20, RowGroupRows: 30}, all)
	found := 0
	for i := range f.bytes {
		b := bytes.Clone(f.bytes)
		b[i] ^= 0x11
		got, err := readAllAggregates(b, f.meta)
		if err != nil {
			found++
			if !errors.As(err, new(*CorruptError)) {
				t.Fatalf("byte %d: error is no CorruptError: %v", i, err)
			}
			continue
		}
		if int64(i) >= f.meta.Tail {
			t.Fatalf("byte %d of the tail: not found", i)
		}
		for k := range got {
			if d := diffAggregates(all[k].a, got[k].a); d != "" || !labels.Equal(all[k].ls, got[k].ls) {
				t.Fatalf("byte %d: wrong answer: %v %s", i, got[k].ls, d)
			}
		}
	}
	if found == 0 {
		t.Error("no flip was found")
	}
}
