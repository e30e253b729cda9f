package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"

	"herringbone/storage/instrument"
)

// metrics are the node's own; the services register theirs.
type metrics struct {
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	open      prometheus.Gauge

	selfScrapes  prometheus.Counter
	selfFailures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, l *life) *metrics {
	f := instrument.New(reg, "herringbone_")
	f.GaugeFunc("ready", "1 if the node answers the API.", func() float64 {
		if l.now() == phaseReady {
			return 1
		}
		return 0
	})
	return &metrics{
		requests:     f.CounterVec("http_requests_total", "HTTP requests answered, by handler and status code.", "handler", "code"),
		durations:    f.HistogramVec("http_request_duration_seconds", "Time from the end of a request's header to the end of its answer.", []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 120}, "handler"),
		inFlight:     f.Gauge("http_requests_in_flight", "HTTP requests being answered now."),
		open:         f.Gauge("web_unauthenticated", "1 if the node listens beyond loopback without TLS and authentication."),
		selfScrapes:  f.Counter("self_scrapes_total", "Scrapes of the node's own metrics into itself."),
		selfFailures: f.Counter("self_scrape_failures_total", "Self-scrapes that could not be gathered or stored."),
	}
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
