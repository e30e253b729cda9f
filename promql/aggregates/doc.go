// Package aggregates decides what the selectors of a query are answered from: samples,
// or aggregates of some resolution.
//
// Life story: survey (grid.go) finds each selector with the times at which it is
// evaluated and the function that asks; choose (choose.go) takes the coarsest
// resolution that answers exactly, or the one that a limit allows; rewrite
// (rewrite.go) tells the substitutions and changes the calls above a selector so that
// they understand buckets. All of it is pure but for asking a Source which
// resolutions there are.
package aggregates
