package rows

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Column is one column of a table of Rs.
type Column[R any] struct {
	Name   string
	Type   arrow.DataType
	Append func(array.Builder, R)
}

// The columns that tables are made of. Zero times and empty texts of Maybe
// columns are null.

// Text is a column of strings.
func Text[R any](name string, of func(R) string) Column[R] {
	return Column[R]{name, arrow.BinaryTypes.String, func(b array.Builder, r R) { b.(*array.StringBuilder).Append(of(r)) }}
}

// Maybe is a column of strings in which an empty one is null.
func Maybe[R any](name string, of func(R) string) Column[R] {
	return Column[R]{name, arrow.BinaryTypes.String, func(b array.Builder, r R) {
		if s := of(r); s != "" {
			b.(*array.StringBuilder).Append(s)
		} else {
			b.AppendNull()
		}
	}}
}

// Int is a column of integers.
func Int[R any](name string, of func(R) int64) Column[R] {
	return Column[R]{name, arrow.PrimitiveTypes.Int64, func(b array.Builder, r R) { b.(*array.Int64Builder).Append(of(r)) }}
}

// Float is a column of doubles.
func Float[R any](name string, of func(R) float64) Column[R] {
	return Column[R]{name, arrow.PrimitiveTypes.Float64, func(b array.Builder, r R) { b.(*array.Float64Builder).Append(of(r)) }}
}

// Millis is a column of times, in milliseconds since the epoch.
func Millis[R any](name string, of func(R) int64) Column[R] {
	return Column[R]{name, timestamp, func(b array.Builder, r R) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(of(r))) }}
}

// Days is a column of dates, in days since the epoch.
func Days[R any](name string, of func(R) int64) Column[R] {
	return Column[R]{name, arrow.FixedWidthTypes.Date32, func(b array.Builder, r R) { b.(*array.Date32Builder).Append(arrow.Date32(of(r))) }}
}

// Map is a column of maps of strings. of calls add for each pair.
func Map[R any](name string, of func(r R, add func(key, value string))) Column[R] {
	return Column[R]{name, arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String), func(b array.Builder, r R) {
		m := b.(*array.MapBuilder)
		m.Append(true)
		of(r, func(k, v string) {
			m.KeyBuilder().(*array.StringBuilder).Append(k)
			m.ItemBuilder().(*array.StringBuilder).Append(v)
		})
	}}
}

// Write writes list as an Arrow IPC stream.
func Write[R any](w io.Writer, columns []Column[R], list []R) error {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type, Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	for from := 0; from == 0 || from < len(list); from += batchRows {
		for _, r := range list[from:min(len(list), from+batchRows)] {
			for i, c := range columns {
				c.Append(b.Field(i), r)
			}
		}
		batch := b.NewRecordBatch()
		err := out.Write(batch)
		batch.Release()
		if err != nil {
			return fmt.Errorf("write Arrow batch: %w", err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("end Arrow stream: %w", err)
	}
	return nil
}
