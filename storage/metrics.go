package storage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

type metrics struct {
	samples, histograms, exemplars prometheus.Counter
	rejected                       *prometheus.CounterVec
	appendSeconds                  prometheus.Histogram
	appendFailures                 prometheus.Counter

	flushes, flushFailures    prometheus.Counter
	flushedSamples, flushedBy prometheus.Counter
	flushSeconds              prometheus.Histogram

	deletes, deletedRows prometheus.Counter

	wal                             *wal.Metrics
	walTorn, walDamaged, walOrphans prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Store) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "herringbone", Subsystem: "storage", Name: name, Help: help})
	}
	seconds := func(name, help string, start float64) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Namespace: "herringbone", Subsystem: "storage", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(start, 2, 14)})
	}
	gauge := func(name, help string, fn func() float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "herringbone", Subsystem: "storage", Name: name, Help: help}, fn)
	}
	gauge("memory_bytes", "Estimated memory of samples and series not yet forgotten after their flush.", func() float64 { return float64(s.memoryBytes()) })
	gauge("memory_series", "Series in the active generation.", func() float64 { return float64(s.activeSeries()) })
	return &metrics{
		samples:        counter("samples_appended_total", "Float samples made durable."),
		histograms:     counter("histograms_appended_total", "Native-histogram samples made durable."),
		exemplars:      counter("exemplars_appended_total", "Exemplars made durable."),
		rejected:       f.NewCounterVec(prometheus.CounterOpts{Namespace: "herringbone", Subsystem: "storage", Name: "rejected_total", Help: "Samples set aside by the store, by reason."}, []string{"reason"}),
		appendSeconds:  seconds("append_duration_seconds", "Time of an append, the shared sync included.", 0.0005),
		appendFailures: counter("append_failures_total", "Appends that ended with an error."),
		flushes:        counter("flushes_total", "Generations flushed to Parquet and committed."),
		flushFailures:  counter("flush_failures_total", "Flushes that failed and are tried again."),
		flushedSamples: counter("flushed_samples_total", "Samples written to level-0 files."),
		flushedBy:      counter("flushed_bytes_total", "Bytes of level-0 files written."),
		flushSeconds:   seconds("flush_duration_seconds", "Time of a flush.", 0.01),
		deletes:        counter("deletes_total", "Deletes committed."),
		deletedRows:    counter("deleted_rows_total", "Rows of files that deletes hid."),
		wal:            wal.NewMetrics(reg),
		walTorn:        counter("wal_torn_total", "Torn ends cut off the newest segment at start."),
		walDamaged:     counter("wal_damaged_records_total", "Damaged WAL records set aside at start."),
		walOrphans:     counter("wal_orphan_samples_total", "Samples lost because the definition of their series was damaged."),
	}
}

func (m *metrics) appended(w series.Written, d time.Duration) {
	m.samples.Add(float64(w.Samples))
	m.histograms.Add(float64(w.Histograms))
	m.exemplars.Add(float64(w.Exemplars))
	for _, r := range w.Rejected {
		m.rejected.WithLabelValues(string(r.Reason)).Add(float64(r.Count))
	}
	m.appendSeconds.Observe(d.Seconds())
}

func (m *metrics) deleted(t catalog.Tombstone) {
	m.deletes.Inc()
	m.deletedRows.Add(float64(t.Hidden))
}

func (s *Store) memoryBytes() (n int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, g := range s.frozen {
		n += g.bytes.Load()
	}
	if s.active != nil {
		n += s.active.bytes.Load()
	}
	return n
}

func (s *Store) activeSeries() (n int) {
	s.mu.RLock()
	g := s.active
	s.mu.RUnlock()
	if g == nil {
		return 0
	}
	for _, m := range g.memories() {
		n += len(m.all())
	}
	return n
}
