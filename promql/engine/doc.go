// Package engine evaluates PromQL: Prometheus' engine behind a gate that bounds how
// many queries run at once.
//
// Life story of a query: New…Query parses it and prepares what may be shown of it
// (explanation.go). Exec waits for a slot, chooses aggregates (package aggregates) and
// evaluates. A range query whose steps are provably independent (independent.go) is
// cut into as many parts as cores are idle (split.go) and the matrices are joined
// (matrix.go). What the engine did is answered by /api/v1/explain (explained.go).
//
// A second evaluator has its place here: it implements promql.QueryEngine, takes the
// subtrees that it can, and leaves the rest to Prometheus' engine over the same
// Queryable.
package engine
