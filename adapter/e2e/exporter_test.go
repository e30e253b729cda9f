package e2e

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// exporter is a scrape target with one metric of every kind that a client
// library can expose. Its values move with each scrape and depend on nothing else.
type exporter struct {
	address string

	mu      sync.Mutex // Guards what follows.
	scrapes int

	requests  *prometheus.CounterVec
	values    *prometheus.GaugeVec
	classic   prometheus.Histogram
	native    prometheus.Histogram
	both      *prometheus.HistogramVec
	summary   prometheus.Summary
	transient *prometheus.GaugeVec
}

func newExporter(t *testing.T) *exporter {
	e := &exporter{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "demo_requests_total", Help: "Requests \"quoted\" and \\ escaped."}, []string{"code"}),
		values:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "demo_value_ratio", Help: "Values.\nOn two lines."}, []string{"kind"}),
		classic:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "demo_classic_seconds", Help: "Classic.", Buckets: []float64{0.1, 0.5, 1, 5}}),
		native:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "demo_native_seconds", Help: "Native.", NativeHistogramBucketFactor: 1.1}),
		both: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "demo_both_bytes", Help: "Both forms.", Buckets: []float64{1, 10, 100}, NativeHistogramBucketFactor: 1.5,
		}, []string{"ünïcode.label"}),
		summary:   prometheus.NewSummary(prometheus.SummaryOpts{Name: "demo_summary", Help: "Summary.", Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01}}),
		transient: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "demo_transient", Help: "Comes and goes."}, []string{"n"}),
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(e.requests, e.values, e.classic, e.native, e.both, e.summary, e.transient)
	handler := promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.move()
		// Prometheus does not say that it takes UTF-8 in protobuf, though it does.
		accept := strings.ReplaceAll(r.Header.Get("Accept"), "encoding=delimited", "encoding=delimited;escaping=allow-utf-8")
		r.Header.Set("Accept", accept)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	e.address = strings.TrimPrefix(srv.URL, "http://")
	return e
}

// move makes the next values.
func (e *exporter) move() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.scrapes++
	n := float64(e.scrapes)
	trace := prometheus.Labels{"trace_id": "t" + strconv.Itoa(e.scrapes)}
	for _, code := range []string{"200", "404", "500"} {
		e.requests.WithLabelValues(code).(prometheus.ExemplarAdder).AddWithExemplar(n*1.1, trace)
	}
	for kind, v := range map[string]float64{
		"sine": math.Sin(n), "nan": math.NaN(), "inf": math.Inf(1),
		"zero": 0, // Not -0: Prometheus' own encoder leaves it out, like 0.
		"tiny": 5e-324, "huge": math.MaxFloat64, "third": n / 3,
	} {
		e.values.WithLabelValues(kind).Set(v)
	}
	for i := range 20 {
		v := math.Mod(n*7.3+float64(i)*0.37, 11)
		for _, h := range []prometheus.Observer{e.classic, e.native, e.both.WithLabelValues("ä"), e.both.WithLabelValues("b")} {
			h.(prometheus.ExemplarObserver).ObserveWithExemplar(v, trace)
		}
		e.native.Observe(-v)
		e.summary.Observe(v)
	}
	e.transient.Reset() // So that each series gets staleness markers now and then.
	e.transient.WithLabelValues(strconv.Itoa(e.scrapes / 2 % 3)).Set(n)
}
