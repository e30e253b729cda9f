package deletes

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/catalog"
	"herringbone/storage/instrument"
)

type deleteMetrics struct {
	deletes, deletedRows prometheus.Counter
}

func newDeleteMetrics(reg prometheus.Registerer) *deleteMetrics {
	f := instrument.New(reg, "herringbone_storage_")
	return &deleteMetrics{
		deletes:     f.Counter("deletes_total", "Deletes committed."),
		deletedRows: f.Counter("deleted_rows_total", "Rows of files that deletes hid."),
	}
}

func (m *deleteMetrics) deleted(t catalog.Tombstone) {
	m.deletes.Inc()
	m.deletedRows.Add(float64(t.Hidden))
}
