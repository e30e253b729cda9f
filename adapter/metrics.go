package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
)

// metrics are the node's own; the services register theirs.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	open      prometheus.Gauge
	ready     prometheus.GaugeFunc

	selfScrapes  prometheus.Counter
	selfFailures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, l *life) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herringbone_http_requests_total",
			Help: "HTTP requests answered, by handler and status code.",
		}, []string{"handler", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "herringbone_http_request_duration_seconds",
			Help:    "Time from the end of a request's header to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 120},
		}, []string{"handler"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_http_requests_in_flight",
			Help: "HTTP requests being answered now.",
		}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_web_unauthenticated",
			Help: "1 if the node listens beyond loopback without TLS and authentication.",
		}),
		ready: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "herringbone_ready",
			Help: "1 if the node answers the API.",
		}, func() float64 {
			if l.now() == phaseReady {
				return 1
			}
			return 0
		}),
		selfScrapes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_self_scrapes_total",
			Help: "Scrapes of the node's own metrics into itself.",
		}),
		selfFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_self_scrape_failures_total",
			Help: "Self-scrapes that could not be gathered or stored.",
		}),
	}
	reg.MustRegister(m.requests, m.durations, m.inFlight, m.open, m.ready, m.selfScrapes, m.selfFailures)
	return m
}

// newRegistry holds what every Prometheus server says of its process.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		version.NewCollector("herringbone"),
	)
	return reg
}
