package format

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"herringbone/storage/series"
)

// nestedPrinter prints lists as JSON arrays, structs and maps as JSON objects
// (a struct without names as an array), unions as an object of the one member.
func nestedPrinter(f arrow.Field, arr arrow.Array, o Options) (printer, error) {
	switch a := arr.(type) {
	case *array.Map:
		return mapPrinter(f, a, o)
	case array.ListLike:
		return listPrinter(f, a, o)
	case *array.Struct:
		return structPrinter(a, o)
	case array.Union:
		return unionPrinter(a, o)
	}
	return nil, fmt.Errorf("column %q: results of type %s are not supported: %w", f.Name, arr.DataType(), series.ErrInvalid)
}

func listPrinter(f arrow.Field, a array.ListLike, o Options) (printer, error) {
	t, _ := unwrap(f)
	elem, err := jsonPrinter(t.(arrow.ListLikeType).ElemField(), a.ListValues(), o)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, i int) []byte {
		if a.IsNull(i) {
			return append(dst, "null"...)
		}
		dst = append(dst, '[')
		from, to := a.ValueOffsets(i)
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			dst = elem(dst, int(k))
		}
		return append(dst, ']')
	}, nil
}

// mapPrinter writes keys that are not text as text.
func mapPrinter(f arrow.Field, a *array.Map, o Options) (printer, error) {
	t, _ := unwrap(f)
	key, err := jsonPrinter(t.(*arrow.MapType).KeyField(), a.Keys(), o)
	if err != nil {
		return nil, err
	}
	value, err := jsonPrinter(t.(*arrow.MapType).ItemField(), a.Items(), o)
	if err != nil {
		return nil, err
	}
	return func(dst []byte, i int) []byte {
		if a.IsNull(i) {
			return append(dst, "null"...)
		}
		dst = append(dst, '{')
		from, to := a.ValueOffsets(i)
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			start := len(dst)
			dst = key(dst, int(k))
			if dst[start] != '"' {
				dst = quoteJSON(dst, start)
			}
			dst = append(dst, ':')
			dst = value(dst, int(k))
		}
		return append(dst, '}')
	}, nil
}

func structPrinter(a *array.Struct, o Options) (printer, error) {
	fields := a.DataType().(*arrow.StructType).Fields()
	members, names := make([]printer, len(fields)), make([][]byte, len(fields))
	opening, closing := byte('{'), byte('}')
	for i, f := range fields {
		var err error
		if members[i], err = jsonPrinter(f, a.Field(i), o); err != nil {
			return nil, err
		}
		names[i] = append(appendJSONString(nil, f.Name), ':')
		if f.Name == "" {
			opening, closing = '[', ']'
		}
	}
	return func(dst []byte, i int) []byte {
		if a.IsNull(i) {
			return append(dst, "null"...)
		}
		dst = append(dst, opening)
		for m, member := range members {
			if m > 0 {
				dst = append(dst, ',')
			}
			if opening == '{' {
				dst = append(dst, names[m]...)
			}
			dst = member(dst, i)
		}
		return append(dst, closing)
	}, nil
}

func unionPrinter(a array.Union, o Options) (printer, error) {
	fields := a.UnionType().Fields()
	members, names := make([]printer, len(fields)), make([][]byte, len(fields))
	for i, f := range fields {
		var err error
		if members[i], err = jsonPrinter(f, a.Field(i), o); err != nil {
			return nil, err
		}
		names[i] = append(appendJSONString(nil, f.Name), ':')
	}
	return func(dst []byte, i int) []byte {
		if isNull(a, i) {
			return append(dst, "null"...)
		}
		m, at := member(a, i)
		dst = append(dst, '{')
		dst = append(dst, names[m]...)
		dst = members[m](dst, at)
		return append(dst, '}')
	}, nil
}

// member returns which member of a union has value i, and where; -1 when the
// stream names one that the type has not.
func member(a array.Union, i int) (child, at int) {
	ids, code := a.UnionType().ChildIDs(), int(a.TypeCode(i))
	if code < 0 || code >= len(ids) || ids[code] < 0 {
		return -1, 0
	}
	if d, ok := a.(*array.DenseUnion); ok {
		return ids[code], int(d.ValueOffset(i))
	}
	return ids[code], i
}
