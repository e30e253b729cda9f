package scrub

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/catalog"
	"herringbone/storage/instrument"
)

// MaxNames bounds the label values that name damaged files.
const MaxNames = 20

type scrubMetrics struct {
	quarantined *prometheus.GaugeVec
	damaged     prometheus.Gauge

	scrubFiles  prometheus.Counter
	scrubBytes  prometheus.Counter
	scrubErrors prometheus.Counter
	scrubLeft   prometheus.Gauge
}

func newScrubMetrics(reg prometheus.Registerer) *scrubMetrics {
	f := instrument.New(reg, "herringbone_compactor_")
	return &scrubMetrics{
		damaged:     f.Gauge("quarantined_files", "Live files that are known to be damaged or missing."),
		quarantined: f.GaugeVec("quarantined_file", "1 for each live file that is known to be damaged or missing, the first 20 by name.", "file"),
		scrubFiles:  f.Counter("scrubbed_files_total", "Files that the scrub has read."),
		scrubBytes:  f.Counter("scrubbed_bytes_total", "Bytes that the scrub has read."),
		scrubErrors: f.Counter("scrub_errors_total", "Files that the scrub newly found damaged or could not read."),
		scrubLeft:   f.Gauge("scrub_left_bytes", "Bytes that are left of the scrub's walk over all files."),
	}
}

// CountError counts trouble of the scrub.
func (x *Scrubber) CountError() { x.metrics.scrubErrors.Inc() }

// showQuarantined names some of the damaged files and counts all. It is for one
// goroutine at a time.
func (m *scrubMetrics) showQuarantined(list []catalog.Quarantined) {
	m.damaged.Set(float64(len(list)))
	m.quarantined.Reset()
	for _, e := range firstByName(list, MaxNames) {
		m.quarantined.WithLabelValues(e.Name).Set(1)
	}
}

func (m *scrubMetrics) scrubBegan(s *catalog.Snapshot) {
	var bytes int64
	for f := range s.All() {
		bytes += f.Size
	}
	m.scrubLeft.Set(float64(bytes))
}

func (m *scrubMetrics) scrubbed(f *catalog.File, read int64) {
	m.scrubFiles.Inc()
	m.scrubBytes.Add(float64(read))
	m.scrubLeft.Sub(float64(f.Size))
}
