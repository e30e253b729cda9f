// Package block is one immutable Parquet file: many series of one partition,
// one row a sample, readable by any Parquet reader and, by the series index
// before the footer, readable by series without decoding label columns.
//
// Life story: the flush or the compactor makes a Writer, appends series in the
// order of series.Compare and closes it; the Meta it returns goes to the
// catalog. A query opens the file by what the catalog says of its tail, asks the
// Reader which series match (Select, answered from memory), and reads their
// samples with a Scan, page by page. Aggregates have files of a second form, one
// row a bucket, with a writer and a reader of their own over the same index, pages
// and checksums; exemplars have plain files.
//
// Who lets another program read the file asks for its Layout: columns, row
// groups, and what need not be looked for.
//
// Trust: the catalog holds the checksum of the tail, the tail holds the checksum
// of every page that reads need. A flipped bit is therefore an error that wraps
// series.ErrCorrupt, or it is in bytes that this package does not use; it is
// never a wrong number. FORMAT.md draws the bytes.
//
// Below it, internal/column makes the column chunks of a row group, and
// internal/encoding turns pages into numbers and back. Only these three packages
// know parquet-go.
package block
