package catalog

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
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
	f := instrument.New(reg, "herringbone_catalog_")
	return &metrics{
		commits:          f.CounterVec("commits_total", "Edits of the catalog, by result: committed, repeated (changed nothing), conflict, invalid, error.", "result"),
		commitSeconds:    f.Histogram("commit_seconds", "Time of an edit of the catalog, from call to durable.", prometheus.ExponentialBuckets(0.001, 2, 14)),
		files:            f.Gauge("files", "Live files."),
		version:          f.Gauge("version", "Number of the last edit that this process has seen."),
		tombstones:       f.Gauge("tombstones", "Live tombstones: deletes and rules of retention that hide rows of files."),
		orphanCandidates: f.Gauge("suspects", "Objects that no file of the catalog names, as of the last look."),
		quarantined:      f.Gauge("quarantined_files", "Live files that were found damaged."),
		metadataWrites:   f.Counter("metadata_writes_total", "Metric metadata rows written because they were new or had not been written for long."),
		metadataBytes:    f.Gauge("metadata_cache_bytes", "Memory for metric metadata that is known to be stored."),
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
