// Package rows makes Arrow record batches of rows that are not in sample files:
// samples that are not flushed yet, exemplars, and the tables that describe the
// store. They are handed to DuckDB as Arrow IPC streams.
package rows
