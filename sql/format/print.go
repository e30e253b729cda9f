package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"herringbone/storage/series"
)

// printer appends the text of value i of the array it was made for.
type printer func(dst []byte, i int) []byte

// spelling is what JSON makes of a printed text.
type spelling uint8

const (
	bare    spelling = iota // A literal or a number of at most 53 bits.
	wide                    // A number of more bits: a string if the options ask for it.
	float                   // A number, or a string if it is NaN or infinite.
	plain                   // A string in which nothing needs escaping.
	escaped                 // A string.
	nested                  // JSON already; unlike the others it prints NULL itself.
)

// newPrinter returns what prints the values of arr as CSV and the pretty table
// show them, and how JSON spells that. Values that are NULL must not be asked
// for, except of a nested printer.
func newPrinter(f arrow.Field, arr arrow.Array, o Options) (printer, spelling, error) {
	t, ext := unwrap(f)
	arr = stored(arr)
	if arr.DataType().ID() != t.ID() {
		return nil, 0, fmt.Errorf("column %q holds %s, its schema says %s: %w", f.Name, arr.DataType(), t, series.ErrCorrupt)
	}
	switch ext {
	case extNone, extOther, extJSON:
	default:
		p, s := extensionPrinter(ext, arr)
		return p, s, nil
	}
	if p, s := numberPrinter(arr); p != nil {
		return p, s, nil
	}
	if p := timePrinter(arr); p != nil {
		return p, plain, nil
	}
	if at := stringsOf(arr); at != nil {
		return func(dst []byte, i int) []byte { return append(dst, at(i)...) }, escaped, nil
	}
	if at := bytesOf(arr); at != nil {
		return func(dst []byte, i int) []byte { return base64.StdEncoding.AppendEncode(dst, at(i)) }, plain, nil
	}
	switch arr := arr.(type) {
	case *array.Null:
		return func(dst []byte, _ int) []byte { return append(dst, "null"...) }, nested, nil
	case *array.Dictionary:
		p, s, err := newPrinter(arrow.Field{Name: f.Name, Type: arr.Dictionary().DataType()}, arr.Dictionary(), o)
		if err != nil {
			return nil, 0, err
		}
		return func(dst []byte, i int) []byte { return p(dst, arr.GetValueIndex(i)) }, s, nil
	}
	p, err := nestedPrinter(f, arr, o)
	return p, nested, err
}

func numberPrinter(arr arrow.Array) (printer, spelling) {
	switch a := arr.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }, bare
	case *array.Int8:
		return signed(a.Values()), bare
	case *array.Int16:
		return signed(a.Values()), bare
	case *array.Int32:
		return signed(a.Values()), bare
	case *array.Int64:
		return signed(a.Values()), wide
	case *array.Uint8:
		return unsigned(a.Values()), bare
	case *array.Uint16:
		return unsigned(a.Values()), bare
	case *array.Uint32:
		return unsigned(a.Values()), bare
	case *array.Uint64:
		return unsigned(a.Values()), wide
	case *array.Float16:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(a.Value(i).Float32()), 32) }, float
	case *array.Float32:
		return func(dst []byte, i int) []byte { return appendFloat(dst, float64(a.Value(i)), 32) }, float
	case *array.Float64:
		values := a.Values()
		return func(dst []byte, i int) []byte { return appendFloat(dst, values[i], 64) }, float
	}
	return decimalPrinter(arr)
}

func signed[T int8 | int16 | int32 | int64](values []T) printer {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(values[i]), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](values []T) printer {
	return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, uint64(values[i]), 10) }
}

// appendFloat writes the shortest text that reads back as v, and NaN and the
// infinities as Prometheus' API does.
func appendFloat(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-Inf"...)
	}
	form := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(dst, v, form, -1, bits)
}

// stringsOf returns the values of a column of text, nil for any other.
func stringsOf(arr arrow.Array) func(int) string {
	switch a := arr.(type) {
	case *array.String:
		return a.Value
	case *array.LargeString:
		return a.Value
	case *array.StringView:
		return a.Value
	}
	return nil
}

// bytesOf returns the values of a column of bytes, nil for any other.
func bytesOf(arr arrow.Array) func(int) []byte {
	switch a := arr.(type) {
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.BinaryView:
		return a.Value
	case *array.FixedSizeBinary:
		return a.Value
	}
	return nil
}

// isNull knows the NULLs that an array's own bitmap does not tell.
func isNull(arr arrow.Array, i int) bool {
	switch a := arr.(type) {
	case array.ExtensionArray:
		return isNull(a.Storage(), i)
	case *array.Null:
		return true
	case *array.Dictionary:
		return a.IsNull(i) || a.Dictionary().IsNull(a.GetValueIndex(i))
	case array.Union:
		child, at := member(a, i)
		return child < 0 || isNull(a.Field(child), at)
	}
	return arr.IsNull(i)
}

// hasNulls says whether isNull must be asked.
func hasNulls(arr arrow.Array) bool {
	switch a := stored(arr).(type) {
	case *array.Null, *array.Dictionary, array.Union:
		return true
	default:
		return a.NullN() > 0
	}
}
