// Package promql answers PromQL and the Prometheus HTTP API from a
// series.Source.
//
// Life story of a query: the handler puts the tenant into the request's context
// and hands the request to Prometheus' own web/api/v1. That asks our engine for
// a query. The engine waits for a free slot, cuts a long range query into
// consecutive parts when there are idle cores and the expression allows it
// (split.go says when), and lets Prometheus' engine evaluate each part over a
// Queryable. The Queryable selects series from the Source and reads one series
// at a time into columns, which the engine walks through an iterator and which
// the next series reuses. The parts' matrices are joined, the API writes JSON.
//
// A request to explain is such a query whose Selects gather, in a series.Trace
// for each selector, what they found and read; the plan is answered in place of the
// result.
//
// What web/api/v1 takes from a scraping server and we have elsewhere (metric
// metadata, cardinality, configuration text, federation) has a handler of its
// own with the same JSON.
//
// Units: times are milliseconds since the Unix epoch, UTC; ranges include both
// ends. No goroutine outlives the call that started it.
package promql
