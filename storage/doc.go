// Package storage is one node's store: it makes writes durable, remembers them
// until they are Parquet, and answers reads from memory and files together.
//
// Life story of a batch: Append resolves its series in the active generation,
// logs it as one record of that generation's WAL segment, waits for the sync
// that it shares with all other writers, remembers the samples in columns, and
// returns. A generation is memory and its segment: when it is large or old
// enough it is frozen and a new one begins. Flush writes a frozen generation as
// level-0 Parquet files, one a partition, commits them and the WAL position to
// the catalog in one transaction, and only then forgets the memory and removes
// the segment. Replay, at start, puts the segments that the catalog does not
// yet hold back into memory.
//
// Reads take memory first and the catalog's snapshot second, so that a sample in
// motion between them is seen once or twice, never zero times; twice is removed
// by series.Merge.
//
// A delete flushes and then commits a tombstone, so that memory never holds what
// a tombstone hides; reads mask the rows of files that were written before it. A
// read takes its memory and its snapshot with no tombstone coming in between.
//
// Where compaction made aggregates, SelectAggregates returns them for the days in
// which they tell of all samples of a series, and samples elsewhere.
//
// SQL reads files by itself. For it the store tells which tables and columns
// there are (Tables), what is in memory only (Unflushed) and, after that, which
// files there are (Snapshot).
//
// References of series in a segment are local to the segment: it can be read
// and dropped without any other.
package storage
