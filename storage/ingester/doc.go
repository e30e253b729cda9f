// Package ingester makes a node's writes durable and turns them into files.
//
// Life story of a batch: Append resolves its series in the active generation
// (append.go), logs it as one record of that generation's WAL segment (record.go),
// waits for the sync that it shares with all other writers, adds the samples to
// memory, and returns. A generation is memory and its segment (generation.go): when
// it is large or old enough it is frozen and a new one begins. A flush (flush.go)
// writes a frozen generation as level-0 Parquet files, one a partition, commits
// them and the WAL position to the catalog in one transaction, and only then
// forgets the memory and removes the segment. Replay (replay.go), at start, puts
// the segments that the catalog does not hold yet back into memory.
//
// References of series in a segment are local to the segment: it can be read and
// dropped without any other.
package ingester
