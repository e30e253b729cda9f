package main

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// scrape turns gathered metrics into the batch that a Prometheus which scraped
// them would send: the same names, the target's labels job and instance, and a
// metric's own labels of these names moved to exported_….
type scrape struct {
	target []dtoLabel // job and instance.
	t      int64      // Milliseconds, of every sample.
	batch  series.Batch
}

type dtoLabel struct{ name, value string }

func newScrape(instance string, t int64) *scrape {
	return &scrape{
		target: []dtoLabel{{"instance", instance}, {"job", "herringbone"}},
		t:      t,
	}
}

// addFamilies adds every metric of fs. known holds the metrics whose metadata
// has been sent.
func (s *scrape) addFamilies(fs []*dto.MetricFamily, known map[string]bool) {
	for _, f := range fs {
		if !known[f.GetName()] {
			s.batch.Metadata = append(s.batch.Metadata, series.Metadata{
				Metric: f.GetName(), Type: metricType(f.GetType()), Help: f.GetHelp(), Unit: f.GetUnit(),
			})
		}
		for _, m := range f.GetMetric() {
			s.addMetric(f.GetName(), m)
		}
	}
}

func metricType(t dto.MetricType) string {
	switch t {
	case dto.MetricType_COUNTER:
		return "counter"
	case dto.MetricType_GAUGE:
		return "gauge"
	case dto.MetricType_SUMMARY:
		return "summary"
	case dto.MetricType_HISTOGRAM:
		return "histogram"
	case dto.MetricType_GAUGE_HISTOGRAM:
		return "gaugehistogram"
	default:
		return "unknown"
	}
}

func (s *scrape) addMetric(name string, m *dto.Metric) {
	switch {
	case m.Counter != nil:
		s.add(name, m, m.Counter.GetValue(), startMillis(m.Counter.GetCreatedTimestamp()))
	case m.Gauge != nil:
		s.add(name, m, m.Gauge.GetValue(), 0)
	case m.Untyped != nil:
		s.add(name, m, m.Untyped.GetValue(), 0)
	case m.Summary != nil:
		s.addSummary(name, m)
	case m.Histogram != nil:
		s.addHistogram(name, m)
	}
}

func (s *scrape) addSummary(name string, m *dto.Metric) {
	sum, start := m.Summary, startMillis(m.Summary.GetCreatedTimestamp())
	for _, q := range sum.GetQuantile() {
		s.add(name, m, q.GetValue(), 0, dtoLabel{"quantile", labels.FormatOpenMetricsFloat(q.GetQuantile())})
	}
	s.add(name+"_sum", m, sum.GetSampleSum(), start)
	s.add(name+"_count", m, float64(sum.GetSampleCount()), start)
}

func (s *scrape) addHistogram(name string, m *dto.Metric) {
	h, start := m.Histogram, startMillis(m.Histogram.GetCreatedTimestamp())
	infinite := false
	for _, b := range h.GetBucket() {
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		s.add(name+"_bucket", m, float64(b.GetCumulativeCount()), start,
			dtoLabel{labels.BucketLabel, labels.FormatOpenMetricsFloat(b.GetUpperBound())})
	}
	if !infinite {
		s.add(name+"_bucket", m, float64(h.GetSampleCount()), start, dtoLabel{labels.BucketLabel, "+Inf"})
	}
	s.add(name+"_sum", m, h.GetSampleSum(), start)
	s.add(name+"_count", m, float64(h.GetSampleCount()), start)
}

// add appends one sample of the series that m's labels, the target's labels and
// extra name.
func (s *scrape) add(name string, m *dto.Metric, v float64, start int64, extra ...dtoLabel) {
	key := series.AppendKeyLabel(nil, model.MetricNameLabel, name)
	for _, l := range s.target {
		key = series.AppendKeyLabel(key, l.name, l.value)
	}
	for _, l := range m.GetLabel() {
		label := l.GetName()
		if label == "job" || label == "instance" {
			label = "exported_" + label
		}
		key = series.AppendKeyLabel(key, label, l.GetValue())
	}
	for _, l := range extra {
		key = series.AppendKeyLabel(key, l.name, l.value)
	}
	if math.IsNaN(v) {
		v = math.Float64frombits(value.NormalNaN)
	}
	s.addKey(key, v, start)
}

func (s *scrape) addKey(key []byte, v float64, start int64) {
	s.batch.Entries = append(s.batch.Entries, series.Entry{Key: key, Samples: 1})
	s.batch.Samples = append(s.batch.Samples, series.Sample{T: s.t, V: v, Start: start})
}

// addUp adds what a scraper says of a target that answered.
func (s *scrape) addUp() { s.add("up", nil, 1, 0) }

// end adds a staleness marker for every series of before that this scrape does
// not have, and returns the set of those it has.
func (s *scrape) end(before map[string]bool) map[string]bool {
	now := make(map[string]bool, len(s.batch.Entries))
	for _, e := range s.batch.Entries {
		now[string(e.Key)] = true
	}
	for key := range before {
		if !now[key] {
			s.addKey([]byte(key), math.Float64frombits(value.StaleNaN), 0)
		}
	}
	return now
}

type timestamp interface{ AsTime() time.Time }

// startMillis is 0 for a metric that does not know when it began.
func startMillis(t timestamp) int64 {
	ms := t.AsTime().UnixMilli()
	return max(ms, 0)
}
