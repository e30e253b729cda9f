package promql

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	waiting     prometheus.Gauge
	limit       prometheus.Gauge
	split       prometheus.Counter
	splitUndone prometheus.Counter
	federation  prometheus.Counter
	selectors   *prometheus.CounterVec
}

// newMetrics registers with reg, or nowhere if it is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_promql_queries_waiting",
			Help: "PromQL queries that wait for a slot.",
		}),
		limit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_promql_queries_concurrent_max",
			Help: "PromQL queries that may run at once.",
		}),
		split: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_promql_queries_split_total",
			Help: "Range queries that were evaluated in several parts at once.",
		}),
		splitUndone: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_promql_queries_split_undone_total",
			Help: "Split range queries that were evaluated again as a whole, because a part reached its share of the sample limit.",
		}),
		federation: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_promql_federation_errors_total",
			Help: "Federation requests that ended with an error of the server.",
		}),
		selectors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "herringbone_promql_selectors_total",
			Help: "Selectors of queries by what answered them: samples, or aggregates that are exact or approximate. Counted where there is a source of aggregates.",
		}, []string{"from"}),
	}
	if reg != nil {
		reg.MustRegister(m.waiting, m.limit, m.split, m.splitUndone, m.federation, m.selectors)
	}
	return m
}
