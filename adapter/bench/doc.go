// Package bench puts load on Prometheus-compatible stores and measures them:
// remote-write in, PromQL and SQL out. Users need it to plan capacity, we for every
// comparison with another store.
//
// Life story: a Load describes node-exporter-like series by hosts, time and
// seed; the same Load always makes the same samples. Write deals the series out
// to connections, encodes and compresses every request before the clock starts,
// and sends them to each target in turn, every series in time order. It reads
// the server's CPU time and memory from the operating system, waits until
// flushes and compactions had their time, and measures the directory. Query asks
// all targets the same questions about the same Load in alternation, compares
// the answers and reports times. Compare starts the peers it finds on PATH and
// our own binary on loopback ports, runs both, and stops what it started. SQL
// writes an SQLLoad (days of many series, a year of few) to a node of its own,
// asks it and DuckDB alone, over the same files, the same questions in
// alternation, compares the answers and reports times, files opened and memory. Beside gives a
// node a backlog to compact and compares what writes and queries at a steady rate
// take while compaction is off and on in turn.
//
// Units: latencies are milliseconds of wall time, CPU is microseconds a sample
// or milliseconds a query, sizes are bytes. Nothing here retries or waits without
// a bound, and only loopback targets are taken unless told otherwise.
package bench
