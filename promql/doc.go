// Package promql answers PromQL and the Prometheus HTTP API from a
// series.Source.
//
// Life story of a query: the handler puts the tenant into the request's context
// and hands the request to Prometheus' own web/api/v1. That asks our engine for
// a query. The engine waits for a free slot, cuts a long range query into
// consecutive parts when there are idle cores and the expression allows it
// (engine/split.go says when), and lets Prometheus' engine evaluate each part over a
// Queryable. The Queryable selects series from the Source and reads one series
// at a time into columns, which the engine walks through an iterator and which
// the next series reuses. The parts' matrices are joined, the API writes JSON.
//
// Where there are aggregates, a query first chooses for each of its selectors
// the coarsest resolution that answers exactly: evaluation times, offsets and
// ranges must be its multiples (aggregates/grid.go), and the function must be one that a
// bucket tells enough for (columns in queryable/merger.go). The selector gets a substitution, and
// the call above it may be replaced by one that understands buckets
// (aggregates/rewrite.go, queryable/rowfunctions.go); the rest of the expression
// knows nothing of it. Such a Select reads buckets and samples as one series of points (queryable/bucketset.go). The
// request parameter max_source_resolution is "raw" or "0s" (samples only), a
// duration (aggregates up to that resolution, even where they are not exact) or
// "auto" (likewise, a fifth of the step). Where aggregates are all that is kept
// and do not fit, the answer is approximate and says so in a warning; a function
// that needs samples there is an error. In an approximate answer, a bucket counts
// where its last sample lies, and windows shorter than a bucket are widened to
// one. Remote-read, federation and questions for series and labels take no part
// in this: they are answered as the Source has it.
//
// A request to explain is such a query whose Selects gather, in a series.Trace
// for each selector, what they found and read; the plan is answered in place of the
// result.
//
// What web/api/v1 takes from a scraping server and we have elsewhere (metric
// metadata, cardinality, configuration text, federation) has a handler of its
// own with the same JSON.
//
// The packages: this one is the HTTP API; engine evaluates (Prometheus' engine behind
// a gate; a second evaluator would stand beside it, behind the same QueryEngine);
// aggregates chooses what a selector is answered from; queryable presents a Source
// as the storage that an engine reads.
//
// Units: times are milliseconds since the Unix epoch, UTC; ranges include both
// ends. No goroutine outlives the call that started it.
package promql
