package promql

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
)

type metrics struct {
	federation prometheus.Counter
}

// newMetrics registers with reg, or nowhere if it is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := instrument.New(reg, "herringbone_promql_")
	return &metrics{federation: f.Counter("federation_errors_total", "Federation requests that ended with an error of the server.")}
}
