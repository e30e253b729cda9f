package wal

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
)

// Metrics counts the writes of all segments of one log.
type Metrics struct {
	seconds  prometheus.Histogram // One observation a group.
	bytes    prometheus.Counter
	failures prometheus.Counter
}

// NewMetrics registers metrics with reg; with nil they are counted for no one.
// See Segment.Measure.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := instrument.New(reg, "herringbone_wal_")
	return &Metrics{
		seconds:  f.Histogram("sync_duration_seconds", "Time to write and sync one group of log records.", prometheus.ExponentialBuckets(0.0005, 2, 15)),
		bytes:    f.Counter("written_bytes_total", "Bytes of the log that were made durable."),
		failures: f.Counter("failures_total", "Writes and syncs of the log that failed, each of which ended a segment."),
	}
}
