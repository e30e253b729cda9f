package remote

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// The oracle says what a request unmarshaled by the generated code should leave
// in a batch: the rules of the package, written for clarity.

type oracle struct {
	content
	maxTime int64
	line    string
	items   int
	bad     int
}

func newOracle() *oracle { return &oracle{maxTime: now.UnixMilli() + 600_000} }

func (o *oracle) reject(r series.Reason, n int) {
	if o.Rejected == nil {
		o.Rejected = map[series.Reason]int{}
	}
	o.Rejected[r] += n
	o.bad += n
}

func (o *oracle) open() { o.line, o.items, o.bad = "", 0, 0 }

func (o *oracle) close(key []byte, described bool) {
	if o.items > 0 {
		o.Series = append(o.Series, keyText(key)+o.line)
	} else if o.bad == 0 && !described {
		o.reject(series.ReasonEmpty, 1)
	}
}

func (o *oracle) sample(s series.Sample) {
	if s.T > o.maxTime {
		o.reject(series.ReasonFuture, 1)
		return
	}
	o.line += sampleText(s)
	o.items++
}

func (o *oracle) histogram(h series.Histogram) {
	switch {
	case h.T > o.maxTime:
		o.reject(series.ReasonFuture, 1)
	case checkHistogram(h) != nil:
		o.reject(series.ReasonHistogram, 1)
	default:
		o.line += histogramText(h)
		o.items++
	}
}

func (o *oracle) exemplar(t int64, v float64, ls labels.Labels) {
	size := 0
	ls.Range(func(l labels.Label) { size += len(l.Name) + len(l.Value) })
	e := series.Exemplar{T: t, V: v, Labels: ls}
	if t > o.maxTime || size > maxExemplarBytes || checkExemplarLabels(e) != nil {
		o.reject(series.ReasonExemplar, 1)
		return
	}
	o.line += exemplarText(e)
	o.items++
}

func (o *oracle) metadata(name string, kind int32, help, unit string) {
	m := fmt.Sprintf("%q", series.Metadata{Metric: strings.ToValidUTF8(name, "\uFFFD"), Type: metricType(uint32(kind)), Help: strings.ToValidUTF8(help, "\uFFFD"), Unit: strings.ToValidUTF8(unit, "\uFFFD")})
	if n := len(o.Metadata); n == 0 || o.Metadata[n-1] != m {
		o.Metadata = append(o.Metadata, m)
	}
}

// one returns what a 1.0 request should become.
func (o *oracle) one(req *prompb.WriteRequest) content {
	for _, ts := range req.Timeseries {
		o.open()
		var key []byte
		for _, l := range ts.Labels {
			key = series.AppendKeyLabel(key, l.Name, l.Value)
		}
		for _, s := range ts.Samples {
			o.sample(series.Sample{T: s.Timestamp, V: s.Value})
		}
		for _, h := range ts.Histograms {
			o.histogram(series.Histogram{T: h.Timestamp, H: h.ToIntHistogram(), FH: floatOnly(h.IsFloatHistogram(), h.ToFloatHistogram)})
		}
		for _, x := range ts.Exemplars {
			e := x.ToExemplar(new(labels.ScratchBuilder), nil)
			o.exemplar(e.Ts, e.Value, e.Labels)
		}
		o.close(key, false)
	}
	for _, m := range req.Metadata {
		if m.MetricFamilyName != "" {
			o.metadata(m.MetricFamilyName, int32(m.Type), m.Help, m.Unit)
		}
	}
	return o.content
}

// two returns what a 2.0 request should become.
func (o *oracle) two(req *writev2.Request) content {
	for _, ts := range req.Timeseries {
		o.open()
		d, err := oracleSymbols(ts.LabelsRefs, req.Symbols)
		bad := err != nil
		if m := ts.Metadata; m.Type != 0 || m.HelpRef != 0 || m.UnitRef != 0 {
			bad = bad || int(m.HelpRef) >= len(req.Symbols) || int(m.UnitRef) >= len(req.Symbols)
		}
		if bad {
			o.reject(series.ReasonLabels, max(1, len(ts.Samples)+len(ts.Histograms)+len(ts.Exemplars)))
			continue
		}
		o.values(ts, req.Symbols)
		described := false
		if m := ts.Metadata; d.name != "" && (m.Type != 0 || m.HelpRef != 0 || m.UnitRef != 0) {
			described = true
			o.metadata(string(family([]byte(d.name), uint32(m.Type), strings.Contains(o.line, " histogram("))), int32(m.Type), req.Symbols[m.HelpRef], req.Symbols[m.UnitRef])
		}
		o.close(d.key, described)
	}
	return o.content
}

func (o *oracle) values(ts writev2.TimeSeries, table []string) {
	start := oldStart(ts.XXX_unrecognized)
	for _, s := range ts.Samples {
		o.sample(series.Sample{T: s.Timestamp, V: s.Value, Start: cmp.Or(s.StartTimestamp, start)})
	}
	for _, h := range ts.Histograms {
		o.histogram(series.Histogram{T: h.Timestamp, Start: cmp.Or(h.StartTimestamp, start), H: h.ToIntHistogram(), FH: floatOnly(h.IsFloatHistogram(), h.ToFloatHistogram)})
	}
	for _, x := range ts.Exemplars {
		e, err := x.ToExemplar(new(labels.ScratchBuilder), table)
		if err != nil {
			o.reject(series.ReasonLabels, 1)
			continue
		}
		o.exemplar(e.Ts, e.Value, e.Labels)
	}
}

// oldStart is field 6 of a TimeSeries, which the generated code does not know.
func oldStart(unknown []byte) (start int64) {
	for i := 0; i < len(unknown); {
		if unknown[i] == tagTwoStart {
			v, _ := uvarint(unknown, i+1)
			start = int64(v)
		}
		i = skipField(unknown, i, 0)
	}
	return start
}

type desymbolized struct {
	key  []byte
	name string
}

func oracleSymbols(refs []uint32, table []string) (d desymbolized, err error) {
	if len(refs)%2 != 0 {
		return d, fmt.Errorf("odd")
	}
	for i := 0; i < len(refs); i += 2 {
		if int(refs[i]) >= len(table) || int(refs[i+1]) >= len(table) {
			return d, fmt.Errorf("outside")
		}
		d.key = series.AppendKeyLabel(d.key, table[refs[i]], table[refs[i+1]])
		if table[refs[i]] == metricName {
			d.name = table[refs[i+1]]
		}
	}
	return d, nil
}

func floatOnly[H any](is bool, f func() *H) *H {
	if is {
		return f()
	}
	return nil
}
