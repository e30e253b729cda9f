package block

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// TestLayout compares with what parquet-go and the samples say.
func TestLayout(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(3, 4)), 60)
	f := write(t, Options{Labels: []string{"id", "time", "foo"}, PageRows: 100, RowGroupRows: 1000}, all)
	l, err := f.open(t).Layout()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"id", "foo"}, l.Labels); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Foo", "Value", "__labels__", "größe.é 世界", "time"}, l.MapLabels); diff != "" {
		t.Error(diff)
	}
	if !l.Stale || !l.Histograms || !l.Starts {
		t.Errorf("stale %v, histograms %v, starts %v", l.Stale, l.Histograms, l.Starts)
	}
	p, err := parquet.OpenFile(bytes.NewReader(f.bytes), f.meta.Size)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.RowGroups) < 3 || len(l.RowGroups) != len(p.RowGroups()) {
		t.Fatalf("%d row groups, parquet-go finds %d", len(l.RowGroups), len(p.RowGroups()))
	}
	row := int64(0)
	for i, g := range l.RowGroups {
		meta := p.Metadata().RowGroups[i]
		if g.FirstRow != row || g.Rows != meta.NumRows || g.Bytes != meta.TotalCompressedSize {
			t.Errorf("row group %d is %+v", i, g)
		}
		sum := int64(0)
		for _, n := range g.Columns {
			sum += n
		}
		if sum != g.Bytes || g.Columns["value"] == 0 || g.Columns["__labels__"] == 0 {
			t.Errorf("row group %d has columns %v of %d bytes", i, g.Columns, g.Bytes)
		}
		wantBounds(t, all, g)
		row += g.Rows
	}
}

// wantBounds computes the bounds of a row group from the samples.
func wantBounds(t *testing.T, all []one, g RowGroup) {
	t.Helper()
	want := RowGroup{}
	row := int64(0)
	for _, x := range all {
		for _, ts := range x.s.Times {
			if row >= g.FirstRow && row < g.FirstRow+g.Rows {
				name := x.ls.Get("__name__")
				if want.Rows == 0 {
					want.MinName, want.MinT, want.MaxT = name, ts, ts
				}
				want.Rows++
				want.MaxName, want.MinT, want.MaxT = name, min(want.MinT, ts), max(want.MaxT, ts)
			}
			row++
		}
	}
	if g.MinName != want.MinName || g.MaxName != want.MaxName || g.MinT != want.MinT || g.MaxT != want.MaxT {
		t.Errorf("row group at %d has names %s … %s, times %d … %d; want %+v", g.FirstRow, g.MinName, g.MaxName, g.MinT, g.MaxT, want)
	}
}

func TestLayoutOfPlainFile(t *testing.T) {
	x := one{labels.FromStrings("__name__", "a", "job", "x"), floats(1, 2)}
	f := write(t, Options{Labels: []string{"job"}}, []one{x})
	l, err := f.open(t).Layout()
	if err != nil || l.Stale || l.Histograms || l.Starts || l.MapLabels != nil {
		t.Errorf("%+v, %v", l, err)
	}
	x.s.AppendFloat(3, math.Float64frombits(value.StaleNaN), 0)
	l, err = write(t, Options{}, []one{x}).open(t).Layout()
	if err != nil || !l.Stale || !slices.Equal(l.MapLabels, []string{"job"}) {
		t.Errorf("with a marker: %+v, %v", l, err)
	}
}

// A file that is damaged after it was opened has no layout.
func TestLayoutDamaged(t *testing.T) {
	f, _ := damageable(t)
	for _, at := range []int64{f.meta.Tail + 3, f.meta.Size - 20} {
		r := f.open(t)
		r.file = bytes.NewReader(flipped(f.bytes, at))
		if _, err := r.Layout(); !errors.Is(err, series.ErrCorrupt) || !errors.As(err, new(*CorruptError)) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

func flipped(b []byte, at int64) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x10
	return b
}

// Metrics that share pages are still distinguished.
func TestMetrics(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(5, 6)), 40)
	want := []Metric{}
	for _, x := range all {
		name := x.ls.Get("__name__")
		if len(want) == 0 || want[len(want)-1].Name != name {
			want = append(want, Metric{Name: name})
		}
		m := &want[len(want)-1]
		x.ls.Range(func(l labels.Label) {
			if l.Name != "__name__" {
				m.Labels = sortedUnique(append(m.Labels, l.Name))
			}
		})
		for i := range x.s.Len() {
			m.Histograms = m.Histograms || x.s.HistogramAt(i) != nil
			m.Starts = m.Starts || x.s.StartAt(i) != 0
		}
	}
	for _, rows := range []int{30, 100_000} {
		got, err := write(t, Options{Labels: []string{"id"}, PageRows: rows}, all).open(t).Metrics()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d rows a page (-want +got):\n%s", rows, diff)
		}
	}
}
