package engine

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/sql/duck"
	"herringbone/sql/syntax"
	"herringbone/sql/worker"
	"herringbone/storage/instrument"
	"herringbone/storage/series"
)

type metrics struct {
	queries     *prometheus.CounterVec
	seconds     prometheus.Histogram
	rows        prometheus.Counter
	bytes       prometheus.Counter
	files       *prometheus.CounterVec
	memoryRows  prometheus.Counter
	hashed      prometheus.Counter
	progressive prometheus.Counter
	limits      *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := instrument.New(reg, "herringbone_sql_")
	return &metrics{
		queries:     f.CounterVec("statements_total", "SQL statements by how they ended.", "result"),
		seconds:     f.Histogram("query_duration_seconds", "Time of SQL statements, from their start to the end of their answers.", prometheus.ExponentialBuckets(0.005, 3, 11)),
		rows:        f.Counter("returned_rows_total", "Rows of answers to SQL statements."),
		bytes:       f.Counter("returned_bytes_total", "Bytes of answers to SQL statements, as Arrow."),
		files:       f.CounterVec("files_total", "Files of SQL statements: those scanned, and those that their series index excluded. What the catalog excludes is not counted.", "state"),
		memoryRows:  f.Counter("unflushed_rows_total", "Unflushed rows that were handed to SQL statements."),
		hashed:      f.Counter("verified_bytes_total", "Bytes of files whose checksum was verified before their first use."),
		progressive: f.Counter("progressive_total", "SQL statements that were evaluated progressively."),
		limits:      f.CounterVec("statements_limited_total", "SQL statements that met a limit.", "limit"),
	}
}

func (m *metrics) limit(name string) { m.limits.WithLabelValues(name).Inc() }

func (m *metrics) ended(q *query, err error) {
	m.queries.WithLabelValues(result(err)).Inc()
	m.seconds.Observe(time.Since(q.began).Seconds())
	m.rows.Add(float64(q.entry.rows.Load()))
	m.bytes.Add(float64(q.entry.bytes.Load()))
	m.hashed.Add(float64(q.report.hashed))
	if q.report.progress != nil {
		m.progressive.Inc()
	}
	for _, r := range q.relations {
		m.memoryRows.Add(float64(r.loaded.Rows))
		m.files.WithLabelValues("scanned").Add(float64(r.pruned.opened))
		m.files.WithLabelValues("pruned").Add(float64(r.pruned.bySeries))
	}
}

// result is the label value for the end of a query.
func result(err error) string {
	var syntaxError *syntax.Error
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, worker.ErrDied):
		return "died"
	case errors.Is(err, series.ErrOverload):
		return "overload"
	case errors.Is(err, series.ErrLimit), duck.ClassOf(err) == duck.OutOfMemory:
		return "limit"
	case errors.Is(err, series.ErrCorrupt):
		return "corrupt"
	case errors.As(err, &syntaxError), errors.Is(err, series.ErrInvalid), errors.Is(err, ErrForbidden), errors.Is(err, ErrReadOnly), duck.ClassOf(err) != "":
		return "refused"
	}
	return "error"
}
