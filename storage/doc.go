// Package storage is one node's store: it makes writes durable, keeps them in memory
// until they are Parquet, and answers reads from memory and files together.
//
// A Store joins four parts over one catalog and one bucket:
//
//	ingester  log, memory, flush, replay: what is not in files yet
//	querier   select, labels, exemplars, aggregates: what reads
//	deletes   tombstones and their receipts
//	fsck      checks of a stopped node
//
// They meet in three packages below them: memory (generations), files (the cache of
// open files) and the catalog. No part imports another: a node can run the querier
// without a log.
package storage
