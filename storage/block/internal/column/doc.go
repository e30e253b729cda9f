// Package column makes the column chunks of one row group of a Parquet file.
//
// Life story: a Leaf says what a column is. A Chunk collects its pages, each
// encoded and compressed by the file's one Press, until the row group ends; then
// its bytes, its metadata (ColumnChunk) and its page index (PageIndex) are
// written, and Reset makes it empty for the next. LabelColumn and MapColumn fill
// chunks with labels, by series and not by row. Place says where a page came to
// stand, for the series index.
//
// Nothing here writes to a file. A chunk is used by one goroutine.
package column
