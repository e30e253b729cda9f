package remote

import (
	"encoding/binary"
	"fmt"

	"herringbone/storage/series"
)

// Wire types of protobuf.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireGroup   = 3
	wireEnd     = 4
	wireFixed32 = 5
)

// A field's tag is its number and wire type. Every field that we know has a tag
// of one byte, so walkers switch on that byte; other bytes go to skipField.

// malformed says that message m breaks the wire format; it wraps
// series.ErrInvalid.
func malformed(m string) error {
	return fmt.Errorf("%s is not valid protobuf: %w", m, series.ErrInvalid)
}

// uvarint reads the varint at b[i:]. next is 0 if there is none.
func uvarint(b []byte, i int) (v uint64, next int) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1
	}
	return uvarintLong(b, i)
}

func uvarintLong(b []byte, i int) (v uint64, next int) {
	if i >= len(b) {
		return 0, 0
	}
	v, n := binary.Uvarint(b[i:])
	if n <= 0 {
		return 0, 0
	}
	return v, i + n
}

// shortUvarint is uvarint for numbers that have one or two bytes, as a rule, and
// 32 bits of meaning.
func shortUvarint(b []byte, i int) (v uint32, next int) {
	if b[i] < 0x80 {
		return uint32(b[i]), i + 1
	}
	if i+1 < len(b) && b[i+1] < 0x80 {
		return uint32(b[i]&0x7f) | uint32(b[i+1])<<7, i + 2
	}
	long, next := uvarintLong(b, i)
	return uint32(long), next
}

// lengthPrefixed returns the field whose length is at b[i:]. next is 0 if b ends
// inside it.
func lengthPrefixed(b []byte, i int) (field []byte, next int) {
	if i < len(b) && b[i] < 0x80 { // Short, as most are: without a call.
		from := i + 1
		end := from + int(b[i])
		if end > len(b) {
			return nil, 0
		}
		return b[from:end:end], end
	}
	n, i := uvarintLong(b, i)
	if i == 0 || n > uint64(len(b)-i) {
		return nil, 0
	}
	end := i + int(n)
	return b[i:end:end], end
}

// shortRun passes over the fields with this tag that follow each other at b[i:]
// and are shorter than 128 bytes. It stops where anything else begins.
func shortRun(b []byte, i int, tag byte) (next int) {
	for i+1 < len(b) && b[i] == tag && b[i+1] < 0x80 {
		end := i + 2 + int(b[i+1])
		if end > len(b) {
			break
		}
		i = end
	}
	return i
}

// skipField passes over the unknown field at b[i:], tag included. known is the
// set of field numbers, as bits, that the message has: one of them here has a
// wire type it should not have. next is 0 if the field is malformed.
func skipField(b []byte, i int, known uint64) (next int) {
	number, wire, i := tagAt(b, i)
	if i == 0 || (number < 64 && known&(1<<number) != 0) {
		return 0
	}
	if wire == wireGroup {
		return skipGroup(b, i)
	}
	return skipValue(b, i, wire)
}

func tagAt(b []byte, i int) (number uint64, wire int, next int) {
	tag, i := uvarint(b, i)
	number = tag >> 3
	if i == 0 || number == 0 || number >= 1<<29 {
		return 0, 0, 0
	}
	return number, int(tag & 7), i
}

func skipValue(b []byte, i, wire int) (next int) {
	switch wire {
	case wireVarint:
		_, i = uvarint(b, i)
		return i
	case wireFixed64:
		i += 8
	case wireFixed32:
		i += 4
	case wireBytes:
		_, i = lengthPrefixed(b, i)
		return i
	default:
		return 0
	}
	if i > len(b) {
		return 0
	}
	return i
}

// skipGroup passes over a group whose start tag ends at i. It counts depth
// instead of recursing: nesting is the sender's choice.
func skipGroup(b []byte, i int) (next int) {
	for depth := 1; depth > 0; {
		var wire int
		if _, wire, i = tagAt(b, i); i == 0 {
			return 0
		}
		switch wire {
		case wireGroup:
			depth++
		case wireEnd:
			depth--
		default:
			if i = skipValue(b, i, wire); i == 0 {
				return 0
			}
		}
	}
	return i
}
