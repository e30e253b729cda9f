// Package querier answers reads from memory and files together. It needs no log and
// writes nothing.
//
// Life story of a query: it takes memory first and the catalog's snapshot second
// (read_view.go), so that a sample in motion between them is seen once or twice,
// never zero times. Series are found by indexes alone (select.go); the catalog
// prunes files before one is opened. Samples are decoded when the caller asks for a
// series; what is in several places is put together by series.Merge, and rows that
// tombstones hide are cut out.
//
// Where compaction made aggregates, SelectAggregates returns them for the time in
// which they tell of all samples of a series, and samples elsewhere
// (aggregate_ranges.go chooses).
//
// SQL reads files by itself. For it the querier tells which tables and columns
// there are (Tables), what is in memory only (Unflushed) and, after that, which
// files there are (Snapshot).
package querier
