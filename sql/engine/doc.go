// Package engine answers one SQL statement: it lets a child process parse it,
// checks it, finds the files and rows in memory that it needs, and makes the
// child run it over exactly those.
//
// A query's life:
//
//	take a child ── parse, validate ── bounds of time
//	  ── rows in memory (before the catalog: what is flushed meanwhile is then
//	     seen twice, and deduplicated, but never missed)
//	  ── catalog snapshot ── prune by time, tags, names ── prune by series index
//	  ── verify checksums ── hard-link into the child's directory
//	  ── views ── run ── stream ── remove the links ── give the child back
//
// A statement of the kind "the newest n rows" takes the last four steps several
// times, with ever more files, until it has its answer: see progress.go.
//
// The links keep a file's bytes while a query reads them, whatever becomes of the
// object.
package engine
