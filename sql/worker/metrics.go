package worker

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	processes *prometheus.GaugeVec
	starts    prometheus.Counter
	startErrs prometheus.Counter
	deaths    *prometheus.CounterVec
	queries   prometheus.Counter
	wait      prometheus.Histogram
	waiting   prometheus.Gauge
	refused   prometheus.Counter
	limits    *prometheus.CounterVec
	rows      prometheus.Counter
	bytes     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		processes: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "herringbone_sql_processes",
			Help: "SQL processes, by state: starting, idle, busy, resetting.",
		}, []string{"state"}),
		starts: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_process_starts_total",
			Help: "SQL processes that were started and became ready.",
		}),
		startErrs: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_process_start_failures_total",
			Help: "SQL processes that could not be started.",
		}),
		deaths: f.NewCounterVec(prometheus.CounterOpts{
			Name: "herringbone_sql_process_deaths_total",
			Help: "Ends of SQL processes, by reason: deadline (did not obey a cancel), out_of_memory, crashed, killed, cpu_time, protocol, replaced (all was well), start, stop.",
		}, []string{"reason"}),
		queries: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_process_queries_total",
			Help: "Queries that an SQL process ran.",
		}),
		wait: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "herringbone_sql_queue_seconds",
			Help:    "Time from asking for an SQL process to having one.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}),
		waiting: f.NewGauge(prometheus.GaugeOpts{
			Name: "herringbone_sql_queue_length",
			Help: "Queries that wait for an SQL process.",
		}),
		refused: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_queue_refused_total",
			Help: "Queries that got no SQL process: the queue was full or the wait too long.",
		}),
		limits: f.NewCounterVec(prometheus.CounterOpts{
			Name: "herringbone_sql_result_limits_total",
			Help: "Queries ended because their result was too large, by limit: rows, bytes.",
		}, []string{"limit"}),
		rows: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_result_rows_total",
			Help: "Rows that SQL processes answered.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "herringbone_sql_result_bytes_total",
			Help: "Bytes of Arrow rows that SQL processes answered.",
		}),
	}
}
