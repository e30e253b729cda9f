package format

import (
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// jsonPrinter returns what prints the values of arr as JSON, NULL as null.
func jsonPrinter(f arrow.Field, arr arrow.Array, o Options) (printer, error) {
	p, err := jsonValue(f, arr, o)
	if err != nil || !hasNulls(arr) {
		return p, err
	}
	return func(dst []byte, i int) []byte {
		if isNull(arr, i) {
			return append(dst, "null"...)
		}
		return p(dst, i)
	}, nil
}

func jsonValue(f arrow.Field, arr arrow.Array, o Options) (printer, error) {
	if a, ok := arr.(*array.Dictionary); ok {
		p, err := jsonValue(arrow.Field{Name: f.Name, Type: a.Dictionary().DataType()}, a.Dictionary(), o)
		return func(dst []byte, i int) []byte { return p(dst, a.GetValueIndex(i)) }, err
	}
	p, s, err := newPrinter(f, arr, o)
	if err != nil {
		return nil, err
	}
	switch {
	case s == escaped:
		at := stringsOf(stored(arr))
		return func(dst []byte, i int) []byte { return appendJSONString(dst, at(i)) }, nil
	case s == float:
		return jsonFloat(p, stored(arr)), nil
	case s == plain, s == wide && o.Int64AsString:
		return func(dst []byte, i int) []byte {
			dst = append(dst, '"')
			dst = p(dst, i)
			return append(dst, '"')
		}, nil
	}
	return p, nil
}

// jsonFloat quotes what JSON has no number for.
func jsonFloat(p printer, arr arrow.Array) printer {
	if a, ok := arr.(*array.Float64); ok {
		values := a.Values()
		return func(dst []byte, i int) []byte {
			if v := values[i]; math.IsNaN(v) || math.IsInf(v, 0) {
				return append(appendFloat(append(dst, '"'), v, 64), '"')
			}
			return appendFloat(dst, values[i], 64)
		}
	}
	return func(dst []byte, i int) []byte {
		start := len(dst)
		dst = p(dst, i)
		if last := dst[len(dst)-1]; last == 'N' || last == 'f' {
			return quoteJSON(dst, start)
		}
		return dst
	}
}

// quoteJSON turns dst[start:] into a JSON string.
func quoteJSON(dst []byte, start int) []byte {
	quoted := appendJSONString(nil, string(dst[start:]))
	return append(dst[:start], quoted...)
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, as JSON cannot hold them.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendJSONEscape(dst, c)
		i += size
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c >= utf8.RuneSelf {
		return append(dst, `\ufffd`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
