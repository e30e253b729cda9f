package block

import (
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/column"
)

// form is a sort of block file: one of samples or one of aggregates.
type form struct {
	magic  string        // Of the series index, so that one is never taken for the other.
	root   string        // Of the Parquet schema.
	leaves []column.Leaf // Columns after the labels, in file order.
	read   []int         // Those of them that reads need: their positions in pageGroup.pages.
}

var samplesForm = form{
	magic: "HBIX",
	root:  "samples",
	leaves: []column.Leaf{
		column.TimeLeaf(columnTime, false),
		column.PlainLeaf(columnValue, format.Double, true),
		column.PlainLeaf(columnStale, format.Boolean, false),
		column.TimeLeaf(columnStart, true),
		column.PlainLeaf(columnHistogram, format.ByteArray, true),
		column.PlainLeaf(columnHistCount, format.Double, true),
		column.PlainLeaf(columnHistSum, format.Double, true),
	},
	read: []int{pageTime: 0, pageValue: 1, pageStart: 3, pageHistogram: 4},
}

// The columns that reads of samples need, as positions in pageGroup.pages.
const (
	pageTime = iota
	pageValue
	pageStart
	pageHistogram
	pageKinds
)

var aggregatesForm = form{
	magic: "HBAX",
	root:  "aggregates",
	leaves: []column.Leaf{
		column.TimeLeaf(columnTime, false),
		column.DeltaLeaf(columnCount, false),
		column.PlainLeaf(columnMin, format.Double, true),
		column.PlainLeaf(columnMax, format.Double, true),
		column.PlainLeaf(columnSum, format.Double, true),
		column.PlainLeaf(columnFirst, format.Double, true),
		column.PlainLeaf(columnLast, format.Double, true),
		column.TimeLeaf(columnFirstTime, true),
		column.TimeLeaf(columnLastTime, true),
		column.PlainLeaf(columnIncrease, format.Double, true),
		column.TimeLeaf(columnStaleTime, true),
	},
	read: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, // All of them.
}

// The columns of aggregates, as positions in pageGroup.pages.
const (
	pageEnd = iota
	pageCount
	pageMin
	pageMax
	pageSum
	pageFirst
	pageLast
	pageFirstTime
	pageLastTime
	pageIncrease
	pageStaleTime
)

// fixed are the names of the columns that every file has.
func (f *form) fixed() []string {
	names := []string{labels.MetricName, columnLabels}
	for _, l := range f.leaves {
		names = append(names, l.Path[0])
	}
	return names
}

// name is the column at a position in pageGroup.pages.
func (f *form) name(page int) string { return f.leaves[f.read[page]].Path[0] }

// chunks makes one empty chunk a column.
func (f *form) chunks() []*column.Chunk {
	all := make([]*column.Chunk, len(f.leaves))
	for i, l := range f.leaves {
		all[i] = &column.Chunk{Leaf: l}
	}
	return all
}
