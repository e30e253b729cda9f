package promql

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"google.golang.org/protobuf/proto"

	"herringbone/storage/series"
)

// current is the newest sample of a series.
type current struct {
	labels labels.Labels
	t      int64
	v      float64
	h      *histogram.FloatHistogram // nil: a float.
}

func (c *current) metric() string { return c.labels.Get(labels.MetricName) }

// kind tells what may share a metric family.
func (c *current) kind() dto.MetricType {
	switch {
	case c.h == nil:
		return dto.MetricType_UNTYPED
	case c.h.CounterResetHint == histogram.GaugeType:
		return dto.MetricType_GAUGE_HISTOGRAM
	default:
		return dto.MetricType_HISTOGRAM
	}
}

// serveFederation answers the newest samples, not older than the lookback
// delta, in an exposition format.
func (a *API) serveFederation(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, fmt.Sprintf("error parsing form values: %v", err), http.StatusBadRequest)
		return
	}
	selectors, err := a.parser.ParseMetricSelectors(r.Form["match[]"])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	found, err := a.newest(r, selectors)
	if err != nil {
		a.metrics.federation.Inc()
		http.Error(w, err.Error(), sourceStatus(err))
		return
	}
	format := expfmt.NegotiateAccept(r.Header,
		expfmt.NewFormat(expfmt.TypeProtoDelim), expfmt.NewFormat(expfmt.TypeProtoText),
		expfmt.NewFormat(expfmt.TypeProtoCompact), expfmt.NewFormat(expfmt.TypeTextPlain))
	w.Header().Set("Content-Type", string(format))
	encoder := expfmt.NewEncoder(w, format)
	for _, family := range families(found, format.FormatType() != expfmt.TypeTextPlain) {
		if err := encoder.Encode(family); err != nil {
			a.metrics.federation.Inc()
			a.log.Debug("write federation response", "err", err)
			return
		}
	}
}

func sourceStatus(err error) int {
	switch {
	case errors.Is(err, series.ErrNotReady), errors.Is(err, series.ErrOverload):
		return http.StatusServiceUnavailable
	case errors.Is(err, series.ErrLimit):
		return http.StatusTooManyRequests
	default:
		return http.StatusInternalServerError
	}
}

func (a *API) newest(r *http.Request, selectors [][]*labels.Matcher) (_ []current, err error) {
	now := time.Now()
	minT, maxT := now.Add(-a.opts.LookbackDelta).UnixMilli(), now.UnixMilli()
	q, err := a.queryable.Querier(minT, maxT)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	sets := make([]storage.SeriesSet, 0, len(selectors))
	for _, matchers := range selectors {
		sets = append(sets, q.Select(r.Context(), true, &storage.SelectHints{Start: minT, End: maxT}, matchers...))
	}
	var found []current
	var it chunkenc.Iterator
	set := storage.NewMergeSeriesSet(sets, 0, storage.ChainedSeriesMerge)
	for set.Next() {
		it = set.At().Iterator(it)
		c, ok := last(it)
		if err := it.Err(); err != nil {
			return nil, err
		}
		if ok && c.metricNamed(set.At().Labels()) {
			found = append(found, c)
		}
	}
	slices.SortStableFunc(found, func(x, y current) int { return strings.Compare(x.metric(), y.metric()) })
	return found, set.Err()
}

func (c *current) metricNamed(ls labels.Labels) bool {
	c.labels = ls
	return c.metric() != ""
}

// last returns the last sample; not ok if there is none or it says that the
// series ended, which the formats cannot.
func last(it chunkenc.Iterator) (c current, ok bool) {
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		c.h = nil
		switch kind {
		case chunkenc.ValFloat:
			c.t, c.v = it.At()
		default:
			c.t, c.h = it.AtFloatHistogram(nil)
			c.v = c.h.Sum
		}
		ok = !value.IsStaleNaN(c.v)
	}
	return c, ok
}

// families groups samples, which are sorted by metric, by metric and kind.
// Native histograms need a protobuf format.
func families(found []current, protobuf bool) []*dto.MetricFamily {
	var list []*dto.MetricFamily
	for i := range found {
		c := &found[i]
		if c.h != nil && !c.h.UsesCustomBuckets() && !protobuf {
			continue
		}
		n := len(list)
		if n == 0 || list[n-1].GetName() != c.metric() || list[n-1].GetType() != c.kind() {
			list = append(list, &dto.MetricFamily{Name: proto.String(c.metric()), Type: c.kind().Enum()})
			n++
		}
		list[n-1].Metric = append(list[n-1].Metric, exposed(c))
	}
	return list
}

// exposed says that there is no instance label, unless there is one: the
// scraping Prometheus would add its own.
func exposed(c *current) *dto.Metric {
	m := &dto.Metric{TimestampMs: proto.Int64(c.t)}
	c.labels.Range(func(l labels.Label) {
		if l.Name != labels.MetricName {
			m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(l.Name), Value: proto.String(l.Value)})
		}
	})
	if !c.labels.Has("instance") {
		m.Label = append(m.Label, &dto.LabelPair{Name: proto.String("instance"), Value: proto.String("")})
	}
	switch {
	case c.h == nil:
		m.Untyped = &dto.Untyped{Value: proto.Float64(c.v)}
	case c.h.UsesCustomBuckets():
		m.Histogram = classic(c.h)
	default:
		m.Histogram = native(c.h)
	}
	return m
}

func native(h *histogram.FloatHistogram) *dto.Histogram {
	return &dto.Histogram{
		SampleCountFloat: proto.Float64(h.Count),
		SampleSum:        proto.Float64(h.Sum),
		Schema:           proto.Int32(h.Schema),
		ZeroThreshold:    proto.Float64(h.ZeroThreshold),
		ZeroCountFloat:   proto.Float64(h.ZeroCount),
		PositiveSpan:     spans(h.PositiveSpans),
		PositiveCount:    h.PositiveBuckets,
		NegativeSpan:     spans(h.NegativeSpans),
		NegativeCount:    h.NegativeBuckets,
	}
}

func spans(list []histogram.Span) []*dto.BucketSpan {
	var out []*dto.BucketSpan
	for _, s := range list {
		out = append(out, &dto.BucketSpan{Offset: proto.Int32(s.Offset), Length: proto.Uint32(s.Length)})
	}
	return out
}

// classic turns a histogram with custom buckets into one of le buckets. The
// formats do without the one of +Inf.
func classic(h *histogram.FloatHistogram) *dto.Histogram {
	m := &dto.Histogram{SampleCountFloat: proto.Float64(h.Count), SampleSum: proto.Float64(h.Sum)}
	counts := make([]float64, len(h.CustomValues)+1)
	for it := h.PositiveBucketIterator(); it.Next(); {
		if b := it.At(); int(b.Index) < len(counts) {
			counts[b.Index] += b.Count
		}
	}
	sum := 0.0
	for i, bound := range h.CustomValues {
		sum += counts[i]
		m.Bucket = append(m.Bucket, &dto.Bucket{UpperBound: proto.Float64(bound), CumulativeCountFloat: proto.Float64(sum)})
	}
	return m
}
