package block

import (
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"
)

// form is a sort of block file: one of samples or one of aggregates.
type form struct {
	magic  string // Of the series index, so that one is never taken for the other.
	root   string // Of the Parquet schema.
	leaves []leaf // Columns after the labels, in file order.
	read   []int  // Those of them that reads need: their positions in pageGroup.pages.
}

var samplesForm = form{
	magic: "HBIX",
	root:  "samples",
	leaves: []leaf{
		timeLeaf(columnTime, false),
		plainLeaf(columnValue, format.Double, true),
		plainLeaf(columnStale, format.Boolean, false),
		timeLeaf(columnStart, true),
		plainLeaf(columnHistogram, format.ByteArray, true),
		plainLeaf(columnHistCount, format.Double, true),
		plainLeaf(columnHistSum, format.Double, true),
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
	leaves: []leaf{
		timeLeaf(columnTime, false),
		deltaLeaf(columnCount, false),
		plainLeaf(columnMin, format.Double, true),
		plainLeaf(columnMax, format.Double, true),
		plainLeaf(columnSum, format.Double, true),
		plainLeaf(columnFirst, format.Double, true),
		plainLeaf(columnLast, format.Double, true),
		timeLeaf(columnFirstTime, true),
		timeLeaf(columnLastTime, true),
		plainLeaf(columnIncrease, format.Double, true),
		timeLeaf(columnStaleTime, true),
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
		names = append(names, l.path[0])
	}
	return names
}

// name is the column at a position in pageGroup.pages.
func (f *form) name(page int) string { return f.leaves[f.read[page]].path[0] }

// chunks makes one empty chunk a column.
func (f *form) chunks() []*chunk {
	all := make([]*chunk, len(f.leaves))
	for i, l := range f.leaves {
		all[i] = &chunk{leaf: l}
	}
	return all
}
