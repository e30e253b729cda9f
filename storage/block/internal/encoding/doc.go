// Package encoding turns the contents of a Parquet page into numbers and back:
// runs of levels and dictionary indexes, deltas, doubles in PLAIN and in
// BYTE_STREAM_SPLIT, native histograms, zstd.
//
// Life story: the columns of a file in the making append encoded values to a
// page's body and compress it (FloatPages). A scan inflates the body, reads its
// levels (ParseLevels) and decodes the values into memory of its own. A Cursor
// reads numbers off bytes that may be damaged. DecodeDelta, ParseLevels and Cursor
// are safe for any bytes: what does not parse is an error or false, never a panic.
// CopyFloats and JoinBytes rely on lengths that their callers have checked.
//
// The package knows no file, no column and no series index. It does no I/O and
// starts no goroutine.
package encoding
