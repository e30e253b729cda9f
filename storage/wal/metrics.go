package wal

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts the writes of all segments of one log.
type Metrics struct {
	seconds  prometheus.Histogram // One observation a group.
	bytes    prometheus.Counter
	failures prometheus.Counter
}

// NewMetrics registers metrics with reg; with nil they are counted for no one.
// See Segment.Measure.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "herringbone_wal_sync_duration_seconds",
			Help:    "Time to write and sync one group of log records.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_wal_written_bytes_total",
			Help: "Bytes of the log that were made durable.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_wal_failures_total",
			Help: "Writes and syncs of the log that failed, each of which ended a segment.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.bytes, m.failures)
	}
	return m
}
