// Package sql answers SQL over HTTP: POST and GET /api/v1/sql.
//
//	sql          requests, formats, statuses
//	sql/engine   one statement from text to rows
//	sql/syntax   what may run; which tables, times and labels it asks for
//	sql/plan     which sources are read, deduplicated, in which order; the views
//	sql/rows     rows that are not in sample files, as Arrow
//	sql/worker   child processes in which DuckDB runs, caged; their pool
//	sql/duck     DuckDB
//	sql/format   answers as JSON, CSV, Arrow, Parquet, text
//
// # Tables
//
// Every metric is a table of its name: time, value, one column a label (NULL where
// a series has no such label), and, where the metric has them, count and sum of
// native histograms and start_time. A label named like one of these, or like
// another label but for letter case, is the column label_<name>. samples holds all
// metrics with __name__; exemplars the exemplars. The schema metric holds every
// metric's table again, for metrics that are called samples or exemplars. The
// schema system describes the store: metrics, labels, files, partitions, queries.
// Staleness markers are hidden. Times are TIMESTAMPTZ, in UTC.
//
// "metric@5m" holds the metric's aggregates of 5 minutes, where there are files of
// such: a row a bucket, time is its end, the other columns are count, min, max, sum,
// first, last, first_time, last_time, increase and the labels. Samples that came after
// they were made are not in them. A metric of that very name is shown instead.
//
// # DELETE
//
// DELETE FROM metric WHERE … (and FROM samples) hides rows from every later query, in
// any language, and answers with the delete's id, the rows it hid and its state. Its
// conditions are those that say which labels and which range of time: see
// syntax.ParseDelete. It needs a POST and the admin API.
//
// # Requests
//
// query is the statement; params are its parameters (a JSON array for $1, $2, or an
// object for $name); format, timeout, and progressive=false, which switches
// progressive evaluation off, and indexed=false, which makes DuckDB scan files also
// where few rows are wanted. They come as a form, in the URL or as a JSON object.
package sql
