// Package deletes hides rows on a user's request.
//
// Life story of a delete: what is to be hidden is flushed, because a tombstone
// reaches files only; the rows that it hides are counted, by indexes where whole
// series lie inside its range; then the tombstone is committed while no flush can
// begin, and it is the receipt. Queries leave out the rows from then on; compaction
// takes them out of the files later.
package deletes
