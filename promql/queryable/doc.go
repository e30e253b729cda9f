// Package queryable presents a series.Source as the storage that Prometheus' engine
// and its remote-read handler read.
//
// Life story of a Select: a set asks the Source when it is first advanced (set.go),
// reads one series at a time into columns that are reused, and the engine walks them
// through an iterator (iterator.go). How many samples one querier may hold is bounded.
// A Select with a substitution (choice.go) reads buckets and samples as one series of
// points instead (bucketset.go, merger.go), which functions on rows understand
// (rowfunctions.go). Samples that were dropped are an error, never a shorter answer
// (samples_kept.go).
//
// The tenant travels in the context (tenant.go).
package queryable
