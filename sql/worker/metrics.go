package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/instrument"
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
	f := instrument.New(reg, "herringbone_sql_")
	return &metrics{
		processes: f.GaugeVec("processes", "SQL processes, by state: starting, idle, busy, resetting.", "state"),
		starts:    f.Counter("process_starts_total", "SQL processes that were started and became ready."),
		startErrs: f.Counter("process_start_failures_total", "SQL processes that could not be started."),
		deaths:    f.CounterVec("process_deaths_total", "Ends of SQL processes, by reason: deadline (did not obey a cancel), out_of_memory, crashed, killed, cpu_time, protocol, replaced (all was well), start, stop.", "reason"),
		queries:   f.Counter("process_queries_total", "Queries that an SQL process ran."),
		wait:      f.Histogram("queue_seconds", "Time from asking for an SQL process to having one.", prometheus.ExponentialBuckets(0.0005, 4, 9)),
		waiting:   f.Gauge("queue_length", "Queries that wait for an SQL process."),
		refused:   f.Counter("queue_refused_total", "Queries that got no SQL process: the queue was full or the wait too long."),
		limits:    f.CounterVec("result_limits_total", "Queries ended because their result was too large, by limit: rows, bytes.", "limit"),
		rows:      f.Counter("result_rows_total", "Rows that SQL processes answered."),
		bytes:     f.Counter("result_bytes_total", "Bytes of Arrow rows that SQL processes answered."),
	}
}
