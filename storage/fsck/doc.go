// Package fsck compares what a stopped node has on disk with its catalog: every
// object with its row, its checksum and its contents, files of a level with each
// other, the WAL with its position, and the bucket's listing with what is named.
//
// It changes nothing, but for recording orphan candidates if it is asked to.
package fsck
