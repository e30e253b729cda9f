// Package retention turns rules of how long to keep what into what the catalog has to
// change: tombstones for rows that are too old, and files that are too old as a
// whole. It is pure but for IDs.
//
// Life story: a Policy knows the rules; its Horizons are what each hides of a tenant
// by now; Expiry compares them with the catalog's snapshot and leaves out what a
// Guard finds too much at once.
package retention
