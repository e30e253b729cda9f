// Package catalog is the list of files that exist. A Parquet object is nothing
// until the catalog names it, however complete its bytes are, and it is nothing
// again when the catalog has dropped it.
//
// Life story: Open brings the tables up to date, checks the database, and reads
// every live file into a Snapshot. Flush, compaction and retention call Commit
// with an Edit: files in, files out and how far the write-ahead log is held, in
// one transaction. Commit then puts a new Snapshot, which shares almost all of
// its memory with the one before, in place of the old. Queries take the current
// Snapshot without a lock and without I/O, and ask it for the files that may hold
// an answer. A file that an edit removes stays as a row with the time of its
// removal; after a grace period the garbage collector asks for it with Deleted,
// removes the object, and then the row with Purge.
//
// The catalog also knows, for SQL, what tables a tenant has: a Table is a metric
// and the labels that its series ever had. The edit that adds files tells what is
// in them; news become rows in the same transaction.
//
// Deletes and retention hide rows before compaction takes them out: a Tombstone
// says which, a Snapshot has the live ones, and its Mask says which of them may
// hide rows of a file. Edits add them, tell what compaction has purged, and lift
// those with nothing left to hide; then they stay for a while as receipts.
//
// Two lists are not in the snapshot: live files that were found damaged
// (Quarantine), and objects that nothing names (AddOrphanCandidates), which no commit can add
// any more and which are removed when they have been candidates for long enough.
//
// Metadata of metrics (type, help, unit) lives here too. It is remembered in
// memory, so that telling the catalog what it knows costs no I/O.
//
// The catalog's own tables are SQL that SQLite and PostgreSQL both understand; what only
// SQLite understands is in sqlite.go. FORMAT.md describes them. Every row that
// decides what exists carries a checksum, and the state row the number and the
// sum of all live rows, so that a damaged or vanished row is an error wrapping
// series.ErrCorrupt and never a shorter answer.
//
// Units: times are milliseconds since the Unix epoch, UTC, and ranges include
// both ends; sizes are bytes. The package starts no goroutine and does not log.
package catalog
