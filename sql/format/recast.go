package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/storage/series"
)

// caster makes another array of an array; the caller releases it.
type caster func(arrow.Array) (arrow.Array, error)

// recast returns the field that stands for f in an Arrow or Parquet result and
// what makes its arrays, nil if they stay as they are: DuckDB's own types become
// ones that every reader knows, and for Parquet also what Parquet has not.
func recast(f arrow.Field, parquet bool) (arrow.Field, caster) {
	t, ext := unwrap(f)
	out := arrow.Field{Name: f.Name, Nullable: true}
	switch ext {
	case extNone, extOther, extJSON:
	case extBool:
		out.Type = arrow.FixedWidthTypes.Boolean
		return out, castBool
	case extHugeint, extUhugeint:
		out.Type = &arrow.Decimal128Type{Precision: 38}
		return out, castHugeint(f.Name, ext)
	case extUUID:
		out.Type = extensions.NewUUIDType()
		return out, castUUID
	default:
		out.Type = arrow.BinaryTypes.String
		return out, castText(f)
	}
	if parquet && onlyAsText(t) {
		out.Type = arrow.BinaryTypes.String
		return out, castText(f)
	}
	if ts, ok := t.(*arrow.TimestampType); ok && parquet && ts.Unit == arrow.Second {
		out.Type = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: ts.TimeZone}
		return out, castSeconds(f.Name, out.Type)
	}
	if made, c := recastNested(t, parquet); c != nil {
		out.Type, out.Nullable = made, f.Nullable
		return out, c
	}
	return f, nil
}

// onlyAsText: what Parquet has no type for, and text views and dictionaries,
// which the Parquet writer does not take at every depth and encodes anew anyway.
func onlyAsText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.INTERVAL_MONTHS, arrow.INTERVAL_DAY_TIME, arrow.INTERVAL_MONTH_DAY_NANO,
		arrow.SPARSE_UNION, arrow.DENSE_UNION, arrow.STRING_VIEW, arrow.DICTIONARY:
		return true
	}
	return false
}

// recastNested recasts the members of a nested type; nil if none of them
// changes.
func recastNested(t arrow.DataType, parquet bool) (arrow.DataType, caster) {
	nested, ok := t.(arrow.NestedType)
	if !ok {
		return t, nil
	}
	fields, casters, changed := nested.Fields(), make([]caster, nested.NumFields()), false
	made := make([]arrow.Field, len(fields))
	for i, f := range fields {
		made[i], casters[i] = recast(f, parquet)
		changed = changed || casters[i] != nil
		if parquet && f.Name == "" && t.ID() == arrow.STRUCT {
			made[i].Name, changed = "f"+strconv.Itoa(i+1), true
		}
	}
	if !changed {
		return t, nil
	}
	out := rebuild(t, made)
	if out == nil {
		return t, nil
	}
	return out, castMembers(out, casters)
}

// rebuild returns the type like t with other members; nil for a type whose
// members DuckDB never hands out.
func rebuild(t arrow.DataType, fields []arrow.Field) arrow.DataType {
	switch t := t.(type) {
	case *arrow.MapType:
		entry := fields[0].Type.(*arrow.StructType).Fields()
		entry[0].Nullable = false
		return arrow.MapOfFields(entry[0], entry[1])
	case *arrow.ListType:
		return arrow.ListOfField(fields[0])
	case *arrow.LargeListType:
		return arrow.LargeListOfField(fields[0])
	case *arrow.FixedSizeListType:
		return arrow.FixedSizeListOfField(t.Len(), fields[0])
	case *arrow.StructType:
		return arrow.StructOf(fields...)
	case *arrow.SparseUnionType:
		return arrow.SparseUnionOf(fields, t.TypeCodes())
	case *arrow.DenseUnionType:
		return arrow.DenseUnionOf(fields, t.TypeCodes())
	}
	return nil
}

// castMembers keeps the array's own buffers and casts its children whole.
func castMembers(out arrow.DataType, casters []caster) caster {
	return func(arr arrow.Array) (arrow.Array, error) {
		from := arr.Data()
		children := make([]arrow.ArrayData, len(casters))
		for i, child := range from.Children() {
			a := array.MakeFromData(child)
			defer a.Release()
			if casters[i] != nil {
				c, err := casters[i](a)
				if err != nil {
					return nil, err
				}
				defer c.Release()
				a = c
			}
			children[i] = a.Data()
		}
		made := array.NewData(out, from.Len(), from.Buffers(), children, from.NullN(), from.Offset())
		defer made.Release()
		return array.MakeFromData(made), nil
	}
}

func castBool(arr arrow.Array) (arrow.Array, error) {
	a := stored(arr).(*array.Int8)
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(a.Len())
	for i, v := range a.Values() {
		if a.IsNull(i) {
			b.UnsafeAppendBoolToBitmap(false)
			continue
		}
		b.UnsafeAppend(v != 0)
	}
	return b.NewArray(), nil
}

// castHugeint: 38 digits are what Arrow's decimal holds, and what DuckDB's own
// export says. The few larger values are an error rather than another number.
func castHugeint(name string, ext extension) caster {
	return func(arr arrow.Array) (arrow.Array, error) {
		a := stored(arr).(*array.FixedSizeBinary)
		b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 38})
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			hi, lo := binary.LittleEndian.Uint64(a.Value(i)[8:]), binary.LittleEndian.Uint64(a.Value(i))
			v := decimal128.New(int64(hi), lo)
			if !v.FitsInPrecision(38) || (ext == extUhugeint && v.Sign() < 0) {
				text := appendInt128(nil, hi, lo, ext == extHugeint, 0)
				return nil, fmt.Errorf("column %q: %s %s has more than 38 digits, cast it to VARCHAR: %w", name, ext.name(), text, series.ErrInvalid)
			}
			b.Append(v)
		}
		return b.NewArray(), nil
	}
}

func castUUID(arr arrow.Array) (arrow.Array, error) {
	return array.NewExtensionArrayWithStorage(extensions.NewUUIDType(), stored(arr)), nil
}

func castText(f arrow.Field) caster {
	return func(arr arrow.Array) (arrow.Array, error) {
		p, _, err := newPrinter(f, arr, Options{})
		if err != nil {
			return nil, err
		}
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		b.Reserve(arr.Len())
		var buf []byte
		for i := range arr.Len() {
			if isNull(arr, i) {
				b.AppendNull()
				continue
			}
			buf = p(buf[:0], i)
			b.BinaryBuilder.Append(buf)
		}
		return b.NewArray(), nil
	}
}

// castSeconds: Parquet's coarsest unit is the millisecond.
func castSeconds(name string, out arrow.DataType) caster {
	return func(arr arrow.Array) (arrow.Array, error) {
		a := arr.(*array.Timestamp)
		b := array.NewTimestampBuilder(memory.DefaultAllocator, out.(*arrow.TimestampType))
		defer b.Release()
		b.Reserve(a.Len())
		for i, v := range a.Values() {
			switch {
			case a.IsNull(i):
				b.AppendNull()
			case v > math.MaxInt64/1000 || v < math.MinInt64/1000:
				text := appendTimestamp(nil, int64(v), 1, false)
				return nil, fmt.Errorf("column %q: %s does not fit Parquet's milliseconds, cast it to VARCHAR: %w", name, text, series.ErrInvalid)
			default:
				b.Append(v * 1000)
			}
		}
		return b.NewArray(), nil
	}
}
