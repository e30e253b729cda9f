package encoding

import (
	"encoding/binary"
	"errors"
)

var errDelta = errors.New("times do not parse")

// DecodeDelta decodes exactly len(dst) integers in DELTA_BINARY_PACKED encoding
// with any block size. It is safe for any src.
func DecodeDelta(dst []int64, src []byte) error {
	c := Cursor{Rest: src}
	block, minis, n := c.Uvarint(), c.Uvarint(), c.Uvarint()
	value := c.Varint()
	if c.Bad || n != uint64(len(dst)) || block == 0 || block > 1<<16 || minis == 0 || block%minis != 0 || block/minis%32 != 0 {
		return errDelta
	}
	if len(dst) == 0 {
		return nil
	}
	dst[0] = value
	dst = dst[1:]
	mini := int(block / minis)
	for len(dst) > 0 {
		least := c.Varint()
		widths := c.Bytes(int(minis))
		if c.Bad {
			return errDelta
		}
		for _, width := range widths {
			if len(dst) == 0 {
				break
			}
			size := mini / 8 * int(width)
			if width > 64 || size > len(c.Rest) {
				return errDelta
			}
			take := min(mini, len(dst))
			value = unpackDeltas(dst[:take], c.Rest, size, uint(width), value, least)
			dst, c.Rest = dst[take:], c.Rest[size:]
		}
	}
	return nil
}

// maxQuadWidth is the greatest width of which four fit in a word of 64 bits that
// begins up to seven bits early.
const maxQuadWidth = 14

// unpackDeltas adds up deltas of width bits, which are the first size bytes of
// src (more bytes may follow and may be looked at), onto value.
func unpackDeltas(dst []int64, src []byte, size int, width uint, value, least int64) int64 {
	switch {
	case width == 0:
		for i := range dst {
			value += least
			dst[i] = value
		}
		return value
	case width > 56 || size+8 > len(src):
		return unpackSlowly(dst, src[:size], width, value, least)
	}
	mask := uint64(1)<<width - 1
	i, bit := 0, uint(0)
	if width <= maxQuadWidth {
		for ; i+4 <= len(dst); i += 4 {
			// One load holds four deltas, whatever bit they begin at.
			word := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
			four := (*[4]int64)(dst[i:])
			a := value + least + int64(word&mask)
			b := a + least + int64(word>>width&mask)
			c := b + least + int64(word>>(2*width)&mask)
			value = c + least + int64(word>>(3*width)&mask)
			four[0], four[1], four[2], four[3] = a, b, c, value
			bit += 4 * width
		}
	}
	for ; i < len(dst); i++ {
		word := binary.LittleEndian.Uint64(src[bit>>3:])
		value += least + int64(word>>(bit&7)&mask)
		dst[i] = value
		bit += width
	}
	return value
}

// unpackSlowly is unpackDeltas for wide deltas and for the end of the input.
func unpackSlowly(dst []int64, src []byte, width uint, value, least int64) int64 {
	bit := uint(0)
	for i := range dst {
		delta := uint64(0)
		for k := uint(0); k < width; {
			at := bit + k
			take := min(8-at&7, width-k)
			part := uint64(src[at>>3]) >> (at & 7) & (1<<take - 1)
			delta |= part << k
			k += take
		}
		value += least + int64(delta)
		dst[i] = value
		bit += width
	}
	return value
}
