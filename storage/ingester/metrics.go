package ingester

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
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

	wal                             *wal.Metrics
	walTorn, walDamaged, walOrphans prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, in *Ingester) *metrics {
	f := instrument.New(reg, "herringbone_storage_")
	f.GaugeFunc("memory_bytes", "Estimated memory of samples and series not yet forgotten after their flush.", func() float64 { return float64(in.MemoryBytes()) })
	f.GaugeFunc("memory_series", "Series in the active generation.", func() float64 { return float64(in.activeSeries()) })
	seconds := func(start float64) []float64 { return prometheus.ExponentialBuckets(start, 2, 14) }
	return &metrics{
		samples:        f.Counter("samples_appended_total", "Float samples made durable."),
		histograms:     f.Counter("histograms_appended_total", "Native-histogram samples made durable."),
		exemplars:      f.Counter("exemplars_appended_total", "Exemplars made durable."),
		rejected:       f.CounterVec("rejected_total", "Samples set aside by the store, by reason.", "reason"),
		appendSeconds:  f.Histogram("append_duration_seconds", "Time of an append, the shared sync included.", seconds(0.0005)),
		appendFailures: f.Counter("append_failures_total", "Appends that ended with an error."),
		flushes:        f.Counter("flushes_total", "Generations flushed to Parquet and committed."),
		flushFailures:  f.Counter("flush_failures_total", "Flushes that failed and are tried again."),
		flushedSamples: f.Counter("flushed_samples_total", "Samples written to level-0 files."),
		flushedBy:      f.Counter("flushed_bytes_total", "Bytes of level-0 files written."),
		flushSeconds:   f.Histogram("flush_duration_seconds", "Time of a flush.", seconds(0.01)),
		wal:            wal.NewMetrics(reg),
		walTorn:        f.Counter("wal_torn_total", "Torn ends cut off the newest segment at start."),
		walDamaged:     f.Counter("wal_damaged_records_total", "Damaged WAL records set aside at start."),
		walOrphans:     f.Counter("wal_orphan_samples_total", "Samples lost because the definition of their series was damaged."),
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

// MemoryBytes is an estimate of the memory of samples and series that are not
// forgotten yet.
func (in *Ingester) MemoryBytes() (n int64) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	for _, g := range in.frozen {
		n += g.Bytes()
	}
	if in.active != nil {
		n += in.active.Bytes()
	}
	return n
}

func (in *Ingester) activeSeries() (n int) {
	in.mu.RLock()
	g := in.active
	in.mu.RUnlock()
	if g == nil {
		return 0
	}
	for _, m := range g.Tenants() {
		n += len(m.All())
	}
	return n
}
