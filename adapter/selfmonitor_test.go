package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// recorder is a Sink that keeps the last batch in readable form.
type recorder struct {
	t        *testing.T
	samples  map[string]string // Labels → value, "stale" for a marker.
	starts   map[string]int64
	metadata []series.Metadata
	fail     error
}

func (r *recorder) Append(_ context.Context, tenant series.Tenant, b *series.Batch) (series.Written, error) {
	if r.fail != nil {
		return series.Written{}, r.fail
	}
	if tenant != series.DefaultTenant {
		r.t.Errorf("tenant %s", tenant)
	}
	r.samples, r.starts, r.metadata = make(map[string]string), make(map[string]int64), b.Metadata
	var builder labels.ScratchBuilder
	for i, e := range b.Entries {
		ls, err := series.ParseKey(e.Key, &builder, series.DefaultLimits())
		if err != nil || e.Samples != 1 {
			r.t.Errorf("entry %d: %v, %d samples", i, err, e.Samples)
		}
		name := ls.String()
		if _, twice := r.samples[name]; twice {
			r.t.Errorf("%s occurs twice", name)
		}
		s := b.Samples[i]
		r.samples[name], r.starts[name] = fmt.Sprint(s.V), s.Start
		if value.IsStaleNaN(s.V) {
			r.samples[name] = "stale"
		}
	}
	return series.Written{Samples: len(b.Samples)}, nil
}

func newSelfMonitor(t *testing.T, reg *prometheus.Registry) (*selfMonitor, *recorder) {
	r := &recorder{t: t}
	return &selfMonitor{
		gatherer: reg, sink: r, instance: "here:1", interval: time.Hour,
		log: slog.New(slog.DiscardHandler), metrics: newMetrics(prometheus.NewRegistry(), new(life)),
	}, r
}

func TestSelfMonitorScrape(t *testing.T) {
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jobs_total", Help: "Jobs."}, []string{"job"})
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "heat"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "size", Buckets: []float64{0.5, 1}})
	s := prometheus.NewSummary(prometheus.SummaryOpts{Name: "lag", Objectives: map[float64]float64{0.5: 0.1}})
	reg.MustRegister(c, g, h, s)
	c.WithLabelValues("wash").Add(3)
	g.Set(math.NaN())
	h.Observe(0.7)
	h.Observe(9)
	m, r := newSelfMonitor(t, reg)
	if err := m.scrape(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	const target = `instance="here:1", job="herringbone"`
	want := map[string]string{
		`{__name__="jobs_total", exported_job="wash", ` + target + `}`: "3",
		`{__name__="heat", ` + target + `}`:                            "NaN",
		`{__name__="size_bucket", ` + target + `, le="0.5"}`:           "0",
		`{__name__="size_bucket", ` + target + `, le="1.0"}`:           "1",
		`{__name__="size_bucket", ` + target + `, le="+Inf"}`:          "2",
		`{__name__="size_sum", ` + target + `}`:                        "9.7",
		`{__name__="size_count", ` + target + `}`:                      "2",
		`{__name__="lag", ` + target + `, quantile="0.5"}`:             "NaN",
		`{__name__="lag_sum", ` + target + `}`:                         "0",
		`{__name__="lag_count", ` + target + `}`:                       "0",
		`{__name__="up", ` + target + `}`:                              "1",
	}
	if diff := cmp.Diff(want, r.samples); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if start := r.starts[`{__name__="jobs_total", exported_job="wash", `+target+`}`]; time.Since(time.UnixMilli(start)).Abs() > time.Hour {
		t.Errorf("the counter began at %d", start)
	}
	if start := r.starts[`{__name__="heat", `+target+`}`]; start != 0 {
		t.Errorf("the gauge began at %d", start)
	}
	wantMeta := []series.Metadata{
		{Metric: "heat", Type: "gauge"}, {Metric: "jobs_total", Type: "counter", Help: "Jobs."},
		{Metric: "lag", Type: "summary"}, {Metric: "size", Type: "histogram"},
	}
	if diff := cmp.Diff(wantMeta, r.metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

// A series that vanishes gets one marker, and all get one at the end.
func TestSelfMonitorMarksTheEnd(t *testing.T) {
	reg := prometheus.NewRegistry()
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "g"}, []string{"x"})
	reg.MustRegister(g)
	g.WithLabelValues("1").Set(1)
	g.WithLabelValues("2").Set(2)
	m, r := newSelfMonitor(t, reg)
	one := `{__name__="g", instance="here:1", job="herringbone", x="1"}`
	two := `{__name__="g", instance="here:1", job="herringbone", x="2"}`
	up := `{__name__="up", instance="here:1", job="herringbone"}`
	scrape := func(want map[string]string) {
		t.Helper()
		if err := m.scrape(context.Background(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.samples); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	scrape(map[string]string{one: "1", two: "2", up: "1"})
	g.DeleteLabelValues("1")
	r.fail = errors.New("disk full")
	if err := m.scrape(context.Background(), time.Now()); !errors.Is(err, r.fail) {
		t.Errorf("error of the store: %v", err)
	}
	r.fail = nil
	scrape(map[string]string{one: "stale", two: "2", up: "1"}) // The lost scrape loses no marker.
	if len(r.metadata) != 0 {
		t.Errorf("metadata sent again: %v", r.metadata)
	}
	scrape(map[string]string{two: "2", up: "1"})
	if err := m.finish(context.Background(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{two: "stale", up: "stale"}, r.samples); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

func TestSelfMonitorRunsUntilTold(t *testing.T) {
	m, r := newSelfMonitor(t, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(r.samples) != 1 {
		t.Errorf("the first scrape does not come at once: %v", r.samples)
	}
}
