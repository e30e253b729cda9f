// Package simulate runs a node's write path, store, compactor and query engine in
// one process under a clock of its own, so that what takes a node weeks is
// measured in minutes: bytes written for a byte received, CPU time a sample,
// files at the fixed point, queries before and after.
//
// Nothing is left out but the network and the waiting: requests go through the
// remote-write handler, the log is synced, files are flushed, compacted and
// collected when a node would have done so.
package simulate
