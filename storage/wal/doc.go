// Package wal keeps records so that they survive a crash.
//
// Life story: the log is a directory of segments, numbered files. One segment
// is Created, takes records by Enqueue (memory only) and makes them durable by
// Sync: all who wait share one write and one fdatasync. When the store has
// frozen the generation of memory that a segment belongs to, it Closes the
// segment and Creates the next. When the generation is in the catalog, the
// segment is Removed whole. A segment is never opened for writing again.
//
// After a crash, Replay gives back the records of a segment, oldest first. What
// cannot be read is copied to a file beside the segment and reported: the torn
// tail of the newest segment, which is then cut, and damage elsewhere, which
// stays where it is. Every record whose own bytes are whole is given back.
//
// A record is bytes; what they mean is the caller's. FORMAT.md draws the file.
// The package starts no goroutine and logs nothing.
package wal
