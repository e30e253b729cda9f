package remote

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

func decodeHistograms(t *testing.T, h *histogram.Histogram, fh *histogram.FloatHistogram) map[version]*decoder {
	t.Helper()
	one := prompb.TimeSeries{Labels: labelsOne([]string{"__name__", "h"})}
	two := writev2.TimeSeries{LabelsRefs: []uint32{1, 2}}
	if h != nil {
		one.Histograms = []prompb.Histogram{prompb.FromIntHistogram(5, h)}
		two.Histograms = []writev2.Histogram{writev2.FromIntHistogram(0, 5, h)}
	} else {
		one.Histograms = []prompb.Histogram{prompb.FromFloatHistogram(5, fh)}
		two.Histograms = []writev2.Histogram{writev2.FromFloatHistogram(0, 5, fh)}
	}
	bodies := map[version][]byte{
		versionOne: encode(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{one}}),
		versionTwo: encode(t, &writev2.Request{Symbols: []string{"", "__name__", "h"}, Timeseries: []writev2.TimeSeries{two}}),
	}
	decoders := map[version]*decoder{}
	for v, body := range bodies {
		decoders[v] = newDecoder(len(body))
		if err := decodeVersion(decoders[v], v, body); err != nil {
			t.Fatal(err)
		}
	}
	return decoders
}

func fine(schema int32) *histogram.Histogram {
	return &histogram.Histogram{
		Schema: schema, Count: 5, Sum: 7, ZeroCount: 1, ZeroThreshold: 1e-9,
		PositiveSpans: []histogram.Span{{Offset: 4, Length: 2}}, PositiveBuckets: []int64{2, 0},
	}
}

func custom() *histogram.Histogram {
	return &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: 2, Sum: 3, CustomValues: []float64{1, 2},
		PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []int64{1, 0},
	}
}

func TestHistogramRules(t *testing.T) {
	change := func(h *histogram.Histogram, f func(*histogram.Histogram)) *histogram.Histogram { f(h); return h }
	for _, tt := range []struct {
		name   string
		h      *histogram.Histogram
		schema int32 // Stored; ignored where rejected.
		reject bool
	}{
		{name: "coarsest", h: fine(-4), schema: -4},
		{name: "finest", h: fine(8), schema: 8},
		{name: "reduced from 9", h: fine(9), schema: 8},
		{name: "reduced from 52", h: fine(52), schema: 8},
		{name: "too fine to know", h: fine(53), reject: true},
		{name: "too coarse", h: fine(-5), reject: true},
		{name: "far off", h: fine(-10), reject: true},
		{name: "custom", h: custom(), schema: histogram.CustomBucketsSchema},
		{name: "custom unsorted", h: change(custom(), func(h *histogram.Histogram) { h.CustomValues[0] = 3 }), reject: true},
		{name: "count", h: change(fine(0), func(h *histogram.Histogram) { h.Count = 4 }), reject: true},
		{name: "negative bucket", h: change(fine(0), func(h *histogram.Histogram) { h.PositiveBuckets[1] = -3 }), reject: true},
		{name: "spans without buckets", h: change(fine(9), func(h *histogram.Histogram) { h.PositiveSpans[0].Length = 9 }), reject: true},
		{name: "empty", h: &histogram.Histogram{}},
	} {
		forms := []func() (*histogram.Histogram, *histogram.FloatHistogram){
			func() (*histogram.Histogram, *histogram.FloatHistogram) { return tt.h, nil },
		}
		if tt.name != "count" && !strings.HasPrefix(tt.name, "spans") && tt.name != "negative bucket" {
			forms = append(forms, func() (*histogram.Histogram, *histogram.FloatHistogram) { return nil, tt.h.ToFloat(nil) })
		}
		for i, form := range forms {
			h, fh := form()
			for v, d := range decodeHistograms(t, h, fh) {
				name := fmt.Sprintf("%s, form %d, version %s", tt.name, i, v)
				rejected := decodedContent(d).Rejected[series.ReasonHistogram]
				if tt.reject != (rejected == 1) || tt.reject == (len(d.batch.Histograms) == 1) {
					t.Errorf("%s: rejected %d, stored %d", name, rejected, len(d.batch.Histograms))
					continue
				}
				if tt.reject {
					continue
				}
				schema, count := schemaAndCount(d.batch.Histograms[0])
				if schema != tt.schema || count != float64(tt.h.Count) {
					t.Errorf("%s: stored schema %d, count %v, want %d, %d", name, schema, count, tt.schema, tt.h.Count)
				}
			}
		}
	}
}

func schemaAndCount(h series.Histogram) (int32, float64) {
	if h.H != nil {
		return h.H.Schema, float64(h.H.Count)
	}
	return h.FH.Schema, h.FH.Count
}

func TestStaleHistogramKeepsItsBits(t *testing.T) {
	stale := math.Float64frombits(value.StaleNaN)
	for v, d := range decodeHistograms(t, &histogram.Histogram{Sum: stale}, nil) {
		if got := math.Float64bits(d.batch.Histograms[0].H.Sum); got != value.StaleNaN {
			t.Errorf("%s: sum %x", v, got)
		}
	}
	for v, d := range decodeHistograms(t, nil, &histogram.FloatHistogram{Sum: stale}) {
		if got := math.Float64bits(d.batch.Histograms[0].FH.Sum); got != value.StaleNaN {
			t.Errorf("%s: float sum %x", v, got)
		}
	}
}

func TestUnknownResetHint(t *testing.T) {
	for hint, want := range map[histogram.CounterResetHint]histogram.CounterResetHint{
		histogram.GaugeType: histogram.GaugeType, histogram.NotCounterReset: histogram.NotCounterReset, 4: histogram.UnknownCounterReset, 200: histogram.UnknownCounterReset,
	} {
		h := fine(0)
		h.CounterResetHint = hint
		for v, d := range decodeHistograms(t, h, nil) {
			if got := d.batch.Histograms[0].H.CounterResetHint; got != want {
				t.Errorf("%s: hint %d became %d, want %d", v, hint, got, want)
			}
		}
	}
}

func TestExemplarRules(t *testing.T) {
	for _, tt := range []struct {
		name   string
		labels []string
		t      int64
		stored bool
	}{
		{"trace", []string{"trace_id", "1", "span", "é"}, 5, true},
		{"no labels", nil, 5, true},
		{"widest", []string{"a", strings.Repeat("x", maxExemplarBytes-1)}, 5, true},
		{"too wide", []string{"a", strings.Repeat("x", maxExemplarBytes)}, 5, false},
		{"no name", []string{"", "x"}, 5, false},
		{"name twice", []string{"a", "1", "a", "2"}, 5, false},
		{"bad name", []string{"\xff", "1"}, 5, false},
		{"bad value", []string{"a", "\xff"}, 5, false},
		{"latest", nil, now.UnixMilli() + 600_000, true},
		{"future", nil, now.UnixMilli() + 600_001, false},
	} {
		table := writev2.NewSymbolTable()
		two := writev2.TimeSeries{LabelsRefs: refsTwo(&table, []string{"__name__", "up"})}
		two.Exemplars = []writev2.Exemplar{{LabelsRefs: refsTwo(&table, tt.labels), Timestamp: tt.t}}
		one := prompb.TimeSeries{Labels: labelsOne([]string{"__name__", "up"}), Exemplars: []prompb.Exemplar{{Labels: labelsOne(tt.labels), Timestamp: tt.t}}}
		for v, body := range map[version][]byte{
			versionOne: encode(t, &prompb.WriteRequest{Timeseries: []prompb.TimeSeries{one}}),
			versionTwo: encode(t, &writev2.Request{Symbols: table.Symbols(), Timeseries: []writev2.TimeSeries{two}}),
		} {
			d := newDecoder(len(body))
			if err := decodeVersion(d, v, body); err != nil {
				t.Fatal(err)
			}
			if got := len(d.batch.Exemplars) == 1; got != tt.stored || got == (decodedContent(d).Rejected[series.ReasonExemplar] == 1) {
				t.Errorf("%s, version %s: stored %v, want %v", tt.name, v, got, tt.stored)
			}
		}
	}
}

// References whose labels would share a place in the decoder's memo stay apart.
func TestManySymbols(t *testing.T) {
	table, req := writev2.NewSymbolTable(), &writev2.Request{}
	for i := range 5000 {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: refsTwo(&table, []string{"__name__", "up", "a", fmt.Sprint(i), "b", fmt.Sprint(i * 7 % 5000)}),
			Samples:    []writev2.Sample{{Timestamp: 1}},
		})
	}
	req.Symbols = table.Symbols()
	body := encode(t, req)
	d := newDecoder(len(body))
	if err := d.decodeTwo(body); err != nil {
		t.Fatal(err)
	}
	compareContent(t, "many symbols", decodedContent(d), newOracle().two(req))
}

// Labels written out from symbols count against the gate too.
func TestWrittenOutLabelsAreReserved(t *testing.T) {
	body := benchTwo(t)
	var reserved int64
	d := new(decoder)
	d.reset(len(body), now.UnixMilli(), 0, 32<<20, func(n int64) error { reserved += n; return nil })
	if err := d.decodeTwo(body); err != nil || reserved < int64(d.keys.size()) || reserved == 0 {
		t.Errorf("reserved %d of %d bytes, error %v", reserved, d.keys.size(), err)
	}
	d.reset(len(body), now.UnixMilli(), 0, 32<<20, func(int64) error { return series.ErrOverload })
	if err := d.decodeTwo(body); !errors.Is(err, series.ErrOverload) {
		t.Errorf("error %v, want overload", err)
	}
}

func TestInternerForgets(t *testing.T) {
	var n interner
	for i := range 1000 {
		n.text([]byte(strings.Repeat("x", 3000) + fmt.Sprint(i)))
		n.trim()
	}
	if len(n.known) > maxInterned/3000 {
		t.Errorf("interner keeps %d texts of 3000 bytes", len(n.known))
	}
	if got := n.text([]byte("a\xff")); got != "a\uFFFD" {
		t.Errorf("bad UTF-8 became %q", got)
	}
}
