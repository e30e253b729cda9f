package column

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Leaf describes one Parquet column.
type Leaf struct {
	Path     []string
	kind     format.Type
	Optional bool
	logical  format.LogicalTypeValue
	encoding format.Encoding // Of data pages with at least one value.
}

// StringLeaf is a column of strings.
func StringLeaf(optional bool, path ...string) Leaf {
	return Leaf{path, format.ByteArray, optional, new(format.StringType), format.RLEDictionary}
}

// TimeLeaf is a column of times in milliseconds.
func TimeLeaf(name string, optional bool) Leaf {
	millis := &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MilliSeconds)}}
	return Leaf{[]string{name}, format.Int64, optional, millis, format.DeltaBinaryPacked}
}

// DeltaLeaf is a column of integers that are packed as differences.
func DeltaLeaf(name string, optional bool) Leaf {
	return Leaf{[]string{name}, format.Int64, optional, nil, format.DeltaBinaryPacked}
}

// PlainLeaf is a column of values as they are.
func PlainLeaf(name string, kind format.Type, optional bool) Leaf {
	return Leaf{[]string{name}, kind, optional, nil, format.Plain}
}

// Element describes l in a schema.
func (l Leaf) Element() format.SchemaElement {
	e := format.SchemaElement{
		Name:           l.Path[len(l.Path)-1],
		Type:           thrift.New(l.kind),
		RepetitionType: thrift.New(format.Required),
		LogicalType:    format.LogicalType{Value: l.logical},
	}
	if l.Optional {
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
