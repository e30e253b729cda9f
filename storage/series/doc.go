// Package series holds the words that every part of Herringbone shares: tenant,
// sample, batch, query, and the two contracts Sink (where writes go) and Source
// (where reads come from).
//
// Life story: remote decodes a request into a Batch and pours it into a Sink.
// The store logs and remembers it, flushes it to Parquet, and answers a Query
// with a Set of Series in label order. When a series has samples in several
// places (memory, files), Merge puts them together by the one rule for
// duplicates, Replaces.
//
// Units: times are milliseconds since the Unix epoch, UTC; every range includes
// both ends. The package does no I/O and starts no goroutine.
package series
