// Package plan decides which work there is for a compactor. It is pure: a State goes
// in, jobs come out; no I/O, no clock, no order that the catalog does not promise.
//
// Life story: Make sorts the live files by partition into partitionFiles and asks
// one planner after the other: windows of the open day (window.go), days, weeks,
// months and years (units.go), aggregates (downsample.go), rows that deletes hide
// (clean.go). Which files may be merged without others between them is order.go's
// part. The most urgent jobs come first.
//
// Job, Unit, Levels and Rule are the words that merge, retention and status share.
// Units: times are milliseconds since the Unix epoch, UTC; a day is series.Day.
package plan
