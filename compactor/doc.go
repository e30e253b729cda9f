// Package compactor lets a node run for years: it makes few, large, disjoint
// files of many small ones, drops what is hidden, and removes what is not needed any more.
//
// Life story: Compactor.Run plans from a snapshot of the catalog (plan.Make, a pure
// function), runs the most urgent jobs (merge.Executor), each of which ends in one
// commit of the catalog, and plans anew, until there is nothing to do. Beside
// that, at their own pace: retention turns the rules of how long to keep what
// into tombstones and removes files that are old as a whole; the collector
// deletes objects of files that were removed longer ago than any query lasts;
// objects that the catalog never named are recorded first and deleted much
// later; the scrub reads every file again and compares it with its checksum.
//
// Nothing here talks to writers or queries. All meet in the catalog: whoever
// loses a race for a file gets catalog.ErrConflict and plans anew. A crash at any
// point leaves files that nobody names, or removed files whose objects are still
// there; both are found again from the catalog.
//
// Errors: a job that fails is tried again later and holds up no other. A file
// that is damaged is put in quarantine: it stays live, so that queries that need
// what is damaged in it fail by its name, and no job reads it. Only Run logs.
//
// Units: times are milliseconds since the Unix epoch, UTC, and ranges include
// both ends; sizes are bytes.
package compactor
