package block

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"
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

// leaf describes one Parquet column.
type leaf struct {
	path     []string
	kind     format.Type
	optional bool
	logical  format.LogicalTypeValue
	encoding format.Encoding // Of data pages with at least one value.
}

func stringLeaf(optional bool, path ...string) leaf {
	return leaf{path, format.ByteArray, optional, new(format.StringType), format.RLEDictionary}
}

func timeLeaf(name string, optional bool) leaf {
	millis := &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MilliSeconds)}}
	return leaf{[]string{name}, format.Int64, optional, millis, format.DeltaBinaryPacked}
}

func deltaLeaf(name string, optional bool) leaf {
	return leaf{[]string{name}, format.Int64, optional, nil, format.DeltaBinaryPacked}
}

func plainLeaf(name string, kind format.Type, optional bool) leaf {
	return leaf{[]string{name}, kind, optional, nil, format.Plain}
}

// schema is the flat list of elements of a file with these label columns, as
// Parquet writes a tree: parents first.
func (f *form) schema(names []string) []format.SchemaElement {
	top := int32(len(names) + 2 + len(f.leaves)) // __name__ and __labels__.
	elements := []format.SchemaElement{{Name: f.root, NumChildren: thrift.New(top)}}
	elements = append(elements, element(stringLeaf(false, labels.MetricName)))
	for _, name := range names {
		elements = append(elements, element(stringLeaf(true, name)))
	}
	elements = append(elements,
		group(columnLabels, format.Required, 1, new(format.MapType), thrift.New(deprecated.Map)),
		group("key_value", format.Repeated, 2, nil, thrift.Null[deprecated.ConvertedType]{}),
		element(stringLeaf(false, "key")),
		element(stringLeaf(false, "value")),
	)
	for _, l := range f.leaves {
		elements = append(elements, element(l))
	}
	return elements
}

func element(l leaf) format.SchemaElement {
	e := format.SchemaElement{
		Name:           l.path[len(l.path)-1],
		Type:           thrift.New(l.kind),
		RepetitionType: thrift.New(format.Required),
		LogicalType:    format.LogicalType{Value: l.logical},
	}
	if l.optional {
		e.RepetitionType = thrift.New(format.Optional)
	}
	switch l.logical.(type) {
	case *format.StringType:
		e.ConvertedType = thrift.New(deprecated.UTF8)
	case *format.TimestampType:
		e.ConvertedType = thrift.New(deprecated.TimestampMillis)
	}
	return e
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
