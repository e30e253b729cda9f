package bench

import (
	"fmt"
	"strings"
	"time"

	"herringbone/sql/duck"
)

// sqlQuestion is one SELECT on one metric, in parts: the metric is a table for us
// and a condition on __name__ for DuckDB alone.
type sqlQuestion struct {
	name    string
	metric  string
	columns string
	where   string // Empty: none.
	tail    string
	// buckets: it rounds times, which DuckDB does more slowly with a time zone;
	// the copies of the column with and without one are asked too.
	buckets bool
	// whole: the answer is rows as they are, too many to hold, and compared by
	// their digest.
	whole bool
}

// ours is the question as the API takes it.
func (q sqlQuestion) ours() string {
	return q.over(`"`+q.metric+`"`, q.where)
}

// plain is the question to DuckDB alone, over files. union: not all have the same
// columns.
func (q sqlQuestion) plain(files []string, union bool) string {
	where := "__name__ = '" + q.metric + "'"
	if q.where != "" {
		where += " AND (" + q.where + ")"
	}
	return q.over(readParquet(files, union), where)
}

// readParquet is a table of files in SQL. Our directories look like columns to
// DuckDB.
func readParquet(files []string, union bool) string {
	quoted := make([]string, len(files))
	for i, f := range files {
		quoted[i] = duck.Quote(f)
	}
	return fmt.Sprintf("read_parquet([%s], hive_partitioning = false, union_by_name = %t)", strings.Join(quoted, ", "), union)
}

func (q sqlQuestion) over(from, where string) string {
	text := "SELECT " + q.columns + " FROM " + from
	if where != "" {
		text += " WHERE " + where
	}
	if q.tail != "" {
		text += " " + q.tail
	}
	return text
}

// wideRows is how many rows the wide scan answers with, if there are as many.
const wideRows = 5_000_000

// sqlQuestions are those whose times are published.
func sqlQuestions(l SQLLoad) []sqlQuestion {
	one := fmt.Sprintf("instance = '%s' AND cpu = '0' AND mode = 'idle'", sqlInstance(l.Series/sqlHostSeries/2))
	return []sqlQuestion{
		{name: "count", metric: metricCPU, columns: "count(*) AS n"},
		{name: "sum", metric: metricCPU, columns: "sum(value) AS s"},
		{name: "avg by label", metric: metricCPU, columns: "mode, avg(value) AS a", tail: "GROUP BY mode"},
		{name: "max, filter on a label", metric: metricCPU, columns: "max(value) AS m", where: "mode = 'user'"},
		{name: "rows of one series", metric: metricCPU, columns: "time, value", where: one, whole: true},
		{name: "time_bucket 5 minutes", metric: metricCPU, columns: "time_bucket(INTERVAL '5 minutes', time) AS t, avg(value) AS a", tail: "GROUP BY t", buckets: true},
		{name: "date_trunc hour by label", metric: metricCPU, columns: "date_trunc('hour', time) AS t, mode, avg(value) AS a", tail: "GROUP BY t, mode", buckets: true},
		{name: "quantile by label", metric: metricLatency, columns: "instance, quantile_cont(value, 0.99) AS q", tail: "GROUP BY instance"},
		{name: "top 10 by value", metric: metricLatency, columns: "time, value, instance, route", tail: "ORDER BY value DESC LIMIT 10"},
		{name: "count distinct", metric: metricSensor, columns: "count(DISTINCT value) AS n", where: "sensor <> 'temp3'"},
		{name: "wide scan", metric: metricCPU, columns: "time, value, dc, instance, cpu, mode", where: "time >= " + timeLiteral(l.wideFrom()), whole: true},
	}
}

// wideFrom is the time from which on there are about wideRows rows of CPU seconds.
func (l SQLLoad) wideFrom() time.Time {
	perHost := 0
	for _, e := range sqlExporter() {
		if e.name == metricCPU {
			perHost++
		}
	}
	members := max(1, l.Series/sqlHostSeries*perHost)
	back := time.Duration(wideRows/members) * l.step()
	return l.End.Add(-min(back, time.Duration(l.Days)*day)).Truncate(time.Minute)
}

func timeLiteral(t time.Time) string {
	return "TIMESTAMPTZ '" + t.UTC().Format("2006-01-02 15:04:05+00") + "'"
}
