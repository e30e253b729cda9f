package catalog

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	commits          *prometheus.CounterVec
	commitSeconds    prometheus.Histogram
	files            prometheus.Gauge
	version          prometheus.Gauge
	tombstones       prometheus.Gauge
	orphanCandidates prometheus.Gauge
	quarantined      prometheus.Gauge
	metadataWrites   prometheus.Counter
	metadataBytes    prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		commits: f.NewCounterVec(prometheus.CounterOpts{
			Name: "herringbone_catalog_commits_total",
			Help: "Edits of the catalog, by result: committed, repeated (changed nothing), conflict, invalid, error.",
		}, []string{"result"}),
		commitSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "herringbone_catalog_commit_seconds",
			Help:    "Time of an edit of the catalog, from call to durable.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		files: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_files",
			Help: "Live files.",
		}),
		version: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_version",
			Help: "Number of the last edit that this process has seen.",
		}),
		tombstones: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_tombstones",
			Help: "Live tombstones: deletes and rules of retention that hide rows of files.",
		}),
		orphanCandidates: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_suspects",
			Help: "Objects that no file of the catalog names, as of the last look.",
		}),
		quarantined: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_quarantined_files",
			Help: "Live files that were found damaged.",
		}),
		metadataWrites: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_catalog_metadata_writes_total",
			Help: "Metric metadata rows written because they were new or had not been written for long.",
		}),
		metadataBytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_catalog_metadata_cache_bytes",
			Help: "Memory for metric metadata that is known to be stored.",
		}),
	}
}

// watched is how much there is in the tables that the snapshot does not hold.
type watched struct{ orphanCandidates, quarantined int64 }

func countWatched(ctx context.Context, t *tx) (w watched, err error) {
	err = t.queryRow(ctx, `SELECT (SELECT count(*) FROM suspects), (SELECT count(*) FROM quarantine)`).Scan(&w.orphanCandidates, &w.quarantined)
	if err != nil {
		return w, fmt.Errorf("count orphan candidates and quarantined files: %w", err)
	}
	return w, nil
}

func (m *metrics) watch(w watched) {
	m.orphanCandidates.Set(float64(w.orphanCandidates))
	m.quarantined.Set(float64(w.quarantined))
}
