package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
)

// Metrics count queries; those of one engine.
type Metrics struct {
	waiting     prometheus.Gauge
	limit       prometheus.Gauge
	Split       prometheus.Counter
	splitUndone prometheus.Counter
	selectors   *prometheus.CounterVec
}

// NewMetrics registers with reg, or nowhere if it is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := instrument.New(reg, "herringbone_promql_")
	return &Metrics{
		waiting:     f.Gauge("queries_waiting", "PromQL queries that wait for a slot."),
		limit:       f.Gauge("queries_concurrent_max", "PromQL queries that may run at once."),
		Split:       f.Counter("queries_split_total", "Range queries that were evaluated in several parts at once."),
		splitUndone: f.Counter("queries_split_undone_total", "Split range queries that were evaluated again as a whole, because a part reached its share of the sample limit."),
		selectors:   f.CounterVec("selectors_total", "Selectors of queries by what answered them: samples, or aggregates that are exact or approximate. Counted where there is a source of aggregates.", "from"),
	}
}
