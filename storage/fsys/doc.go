// Package fsys is the little of a file system that durable code needs: files
// that are made once and appended to, renames that never replace, and a sync
// for each thing that can be lost.
//
// Life story: a file is created, written, synced (its bytes survive now), and
// its directory is synced (its name survives too). OS does this on the real
// disk. The package fsystest holds a file system in memory that forgets, at a
// simulated power loss, whatever was not synced; code that takes an FS can be
// crashed at every one of its operations.
//
// The package does not retry: what a failed sync leaves behind is unknown.
package fsys
