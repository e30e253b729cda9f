package block

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/column"
)

// Names of the columns that every file of samples has …
const (
	columnLabels    = "__labels__"
	columnTime      = "time" // Of aggregates, the end of the bucket.
	columnValue     = "value"
	columnStale     = "__stale__"
	columnStart     = "__start_time__"
	columnHistogram = "__histogram__"
	columnHistCount = "__hist_count__"
	columnHistSum   = "__hist_sum__"
)

// … and, beside labels and time, every file of aggregates.
const (
	columnCount     = "count"
	columnMin       = "min"
	columnMax       = "max"
	columnSum       = "sum"
	columnFirst     = "first"
	columnLast      = "last"
	columnFirstTime = "first_time"
	columnLastTime  = "last_time"
	columnIncrease  = "increase"
	columnStaleTime = "__stale_time__"
)

// schema is the flat list of elements of a file with these label columns, as
// Parquet writes a tree: parents first.
func (f *form) schema(names []string) []format.SchemaElement {
	top := int32(len(names) + 2 + len(f.leaves)) // __name__ and __labels__.
	elements := []format.SchemaElement{{Name: f.root, NumChildren: thrift.New(top)}}
	elements = append(elements, column.StringLeaf(false, labels.MetricName).Element())
	for _, name := range names {
		elements = append(elements, column.StringLeaf(true, name).Element())
	}
	elements = append(elements,
		group(columnLabels, format.Required, 1, new(format.MapType), thrift.New(deprecated.Map)),
		group("key_value", format.Repeated, 2, nil, thrift.Null[deprecated.ConvertedType]{}),
		column.StringLeaf(false, "key").Element(),
		column.StringLeaf(false, "value").Element(),
	)
	for _, l := range f.leaves {
		elements = append(elements, l.Element())
	}
	return elements
}

func group(name string, rep format.FieldRepetitionType, children int32, logical format.LogicalTypeValue, converted thrift.Null[deprecated.ConvertedType]) format.SchemaElement {
	return format.SchemaElement{
		Name:           name,
		RepetitionType: thrift.New(rep),
		NumChildren:    thrift.New(children),
		ConvertedType:  converted,
		LogicalType:    format.LogicalType{Value: logical},
	}
}
