package block

import "herringbone/storage/block/internal/column"

// index is the series index of a file: which series there are and at which rows,
// and where the pages are that hold their samples. A Reader keeps it in memory;
// a Writer builds it. FORMAT.md draws its bytes.
type index struct {
	symbols []string   // Label names and values, each once.
	shapes  [][]uint32 // The different lists of label names, as symbols.

	// One element a series, in file order.
	shape    []uint32
	firstVal []uint32 // Where its label values begin in values.
	firstRow []int64  // One element more: the number of rows.
	minT     []int64
	maxT     []int64

	values []uint32 // Label values of all series, as symbols.
	groups []pageGroup
	form   *form
}

// pageGroup is one stretch of rows, the same in all columns that reads need.
type pageGroup struct {
	firstRow   int64
	rows       int
	minT, maxT int64
	pages      []column.Page // By column; see form.
}

// Bounds for parsing, so that a damaged index asks for no absurd memory.
const (
	maxPageRaw  = 1 << 30
	maxHeader   = 1<<16 - 1
	maxIndexRaw = 1 << 32
	maxSymbol   = 1<<24 - 1
	// maxGrowth is by how much decompression may lengthen an index, or a page
	// beyond 64 bytes a row. The writer does not compress an index that would
	// exceed it.
	maxGrowth = 1000
)

// Versions of the series index. Version 1 says nothing of the encoding of pages,
// which is the column's usual one; it is read but not written any more.
const (
	indexVersion    = 2
	oldIndexVersion = 1
)

const (
	codecNone = 0
	codecZstd = 1
)

func (x *index) series() int { return len(x.shape) }

func (x *index) rows() int64 { return x.firstRow[len(x.firstRow)-1] }
