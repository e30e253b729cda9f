package format

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// decimalPrinter prints exact digits; nil if arr is no decimal.
func decimalPrinter(arr arrow.Array) (printer, spelling) {
	switch a := arr.(type) {
	case *array.Decimal32:
		scale := int(a.DataType().(arrow.DecimalType).GetScale())
		return func(dst []byte, i int) []byte { return appendScaled(dst, int64(a.Value(i)), scale) }, wide
	case *array.Decimal64:
		scale := int(a.DataType().(arrow.DecimalType).GetScale())
		return func(dst []byte, i int) []byte { return appendScaled(dst, int64(a.Value(i)), scale) }, wide
	case *array.Decimal128:
		scale := int(a.DataType().(arrow.DecimalType).GetScale())
		return func(dst []byte, i int) []byte {
			v := a.Value(i)
			return appendInt128(dst, uint64(v.HighBits()), v.LowBits(), true, scale)
		}, wide
	case *array.Decimal256:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		return func(dst []byte, i int) []byte { return append(dst, a.Value(i).ToString(scale)...) }, wide
	}
	return nil, bare
}

func appendScaled(dst []byte, v int64, scale int) []byte {
	return appendInt128(dst, uint64(v>>63), uint64(v), true, scale)
}

const tenTo19 = 10_000_000_000_000_000_000 // The highest power of ten in 64 bits.

// appendInt128 appends the integer hi·2⁶⁴+lo, in two's complement if isSigned,
// with a point before the last scale digits.
func appendInt128(dst []byte, hi, lo uint64, isSigned bool, scale int) []byte {
	if isSigned && int64(hi) < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	start := len(dst)
	hi, lo, low := divTenTo19(hi, lo)
	_, top, middle := divTenTo19(hi, lo)
	switch {
	case top > 0:
		dst = appendPadded(strconv.AppendUint(dst, top, 10), middle)
		dst = appendPadded(dst, low)
	case middle > 0:
		dst = appendPadded(strconv.AppendUint(dst, middle, 10), low)
	default:
		dst = strconv.AppendUint(dst, low, 10)
	}
	if scale > 0 {
		dst = appendPoint(dst, start, scale)
	}
	return dst
}

func divTenTo19(hi, lo uint64) (qhi, qlo, rem uint64) {
	qhi = hi / tenTo19
	qlo, rem = bits.Div64(hi%tenTo19, lo, tenTo19)
	return qhi, qlo, rem
}

// appendPadded appends v with 19 digits.
func appendPadded(dst []byte, v uint64) []byte {
	for p := uint64(tenTo19 / 10); p > 1 && v < p; p /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, v, 10)
}

// appendPoint puts a point before the last scale digits of dst[start:], with a
// digit before it.
func appendPoint(dst []byte, start, scale int) []byte {
	for len(dst)-start <= scale {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '0'
	}
	at := len(dst) - scale
	dst = append(dst, 0)
	copy(dst[at+1:], dst[at:])
	dst[at] = '.'
	return dst
}

// extensionPrinter prints what Arrow has no type for.
func extensionPrinter(ext extension, arr arrow.Array) (printer, spelling) {
	if a, ok := arr.(*array.Int8); ok && ext == extBool {
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i) != 0) }, bare
	}
	at := bytesOf(arr)
	switch ext {
	case extHugeint, extUhugeint:
		return func(dst []byte, i int) []byte {
			v := at(i)
			return appendInt128(dst, binary.LittleEndian.Uint64(v[8:]), binary.LittleEndian.Uint64(v), ext == extHugeint, 0)
		}, wide
	case extUUID:
		return func(dst []byte, i int) []byte { return appendUUID(dst, at(i)) }, plain
	case extTimeTZ:
		return func(dst []byte, i int) []byte { return appendTimeTZ(dst, binary.LittleEndian.Uint64(at(i))) }, plain
	case extBit:
		return func(dst []byte, i int) []byte { return appendBits(dst, at(i)) }, plain
	}
	return func(dst []byte, i int) []byte { return appendBignum(dst, at(i)) }, wide
}

func appendUUID(dst, v []byte) []byte {
	for i, b := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// appendBits: the first byte says how many bits of the second are padding.
func appendBits(dst, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	for i := int(v[0]); i < (len(v)-1)*8; i++ {
		dst = append(dst, '0'+v[1+i/8]>>(7-i%8)&1)
	}
	return dst
}

// appendBignum: three bytes of header, the magnitude with its highest byte
// first; all bits are inverted if the number is negative.
func appendBignum(dst, v []byte) []byte {
	if len(v) < 3 {
		return append(dst, '0')
	}
	magnitude := append([]byte(nil), v[3:]...)
	if v[0]&0x80 == 0 {
		dst = append(dst, '-')
		for i := range magnitude {
			magnitude[i] = ^magnitude[i]
		}
	}
	return new(big.Int).SetBytes(magnitude).Append(dst, 10)
}
