// Package memory holds what was written and is not in files yet.
//
// Life story: an ingester makes a Generation and gives every tenant that writes a
// Tenant in it, which finds the series of a write by the raw bytes of its labels
// (Resolve). Samples are appended to a Series in short columns without pointers.
// Queries find series by a label index that is built when the first one asks, and
// read them beside the writers. When the generation is full it is flushed, and its
// memory is freed as one.
//
// Nothing here does I/O: what makes a write durable is the ingester's log.
//
// Concurrency: all methods may be called from any goroutine.
package memory
