// Package instrument registers a package's Prometheus metrics, one line each.
//
// Every package with metrics has a struct of them and a newMetrics(reg) that
// fills it by a Factory. There are no global metrics: two nodes in one process
// have two registries.
package instrument

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Factory makes metrics whose names begin with its prefix, and registers them.
// A second metric of one name in one registry panics: it is a mistake of ours.
type Factory struct {
	prefix string
	auto   promauto.Factory
}

// New returns a Factory for reg. prefix ends in "_". A nil reg registers
// nothing; the metrics work all the same.
func New(reg prometheus.Registerer, prefix string) Factory {
	return Factory{prefix: prefix, auto: promauto.With(reg)}
}

// Counter makes a counter; by convention its name ends in "_total".
func (f Factory) Counter(name, help string) prometheus.Counter {
	return f.auto.NewCounter(prometheus.CounterOpts{Name: f.prefix + name, Help: help})
}

// CounterVec makes a counter for each combination of the labels' values.
func (f Factory) CounterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return f.auto.NewCounterVec(prometheus.CounterOpts{Name: f.prefix + name, Help: help}, labels)
}

// Gauge makes a gauge.
func (f Factory) Gauge(name, help string) prometheus.Gauge {
	return f.auto.NewGauge(prometheus.GaugeOpts{Name: f.prefix + name, Help: help})
}

// GaugeVec makes a gauge for each combination of the labels' values.
func (f Factory) GaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	return f.auto.NewGaugeVec(prometheus.GaugeOpts{Name: f.prefix + name, Help: help}, labels)
}

// GaugeFunc makes a gauge whose value is asked for at each scrape, from any
// goroutine.
func (f Factory) GaugeFunc(name, help string, value func() float64) {
	f.auto.NewGaugeFunc(prometheus.GaugeOpts{Name: f.prefix + name, Help: help}, value)
}

// LabeledGaugeFunc is GaugeFunc for one of several gauges of a name, which differ
// by the values of their labels.
func (f Factory) LabeledGaugeFunc(name, help string, labels prometheus.Labels, value func() float64) {
	f.auto.NewGaugeFunc(prometheus.GaugeOpts{Name: f.prefix + name, Help: help, ConstLabels: labels}, value)
}

// Histogram makes a histogram with these upper bounds of its buckets.
func (f Factory) Histogram(name, help string, buckets []float64) prometheus.Histogram {
	return f.auto.NewHistogram(prometheus.HistogramOpts{Name: f.prefix + name, Help: help, Buckets: buckets})
}

// HistogramVec makes a histogram for each combination of the labels' values.
func (f Factory) HistogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return f.auto.NewHistogramVec(prometheus.HistogramOpts{Name: f.prefix + name, Help: help, Buckets: buckets}, labels)
}
