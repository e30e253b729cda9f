package worker

import (
	"encoding/binary"
	"errors"
)

// The Arrow library believes the metadata of a message: a vector of a declared
// length is allocated before it is read, and tables that refer to each other in
// a tangle are followed. verify looks at all vectors first. Metadata is a
// FlatBuffer (Message.fbs and Schema.fbs of Arrow); slots are the fields of a
// table in the order of those files.

var errMetadata = errors.New("metadata of rows make no sense")

const (
	headerSchema     = 1
	headerDictionary = 2
	headerBatch      = 3

	typeUnion = 14

	maxFields = 100_000 // All columns with what is nested in them.
	maxNested = 64
	maxRows   = 1 << 20 // A batch; a child sends at most some 34,000 rows in one.
)

// verify checks that the metadata of a message declare no more than they hold.
func verify(meta []byte) (err error) {
	defer func() {
		if recover() != nil { // An offset that leaves the metadata.
			err = errMetadata
		}
	}()
	v := &verifier{buf: meta}
	message := v.at(0)
	v.vector(message, 4, 4)
	header := v.table(message, 2)
	switch kind := message.field(1); {
	case kind == 0 || header.pos == 0:
		v.bad = true
	case meta[kind] == headerSchema:
		v.schema(header)
	case meta[kind] == headerDictionary:
		v.batch(v.table(header, 1))
	case meta[kind] == headerBatch:
		v.batch(header)
	default:
		v.bad = true
	}
	if v.bad {
		return errMetadata
	}
	return nil
}

type verifier struct {
	buf    []byte
	fields int
	bad    bool
}

// table is a table of a FlatBuffer; its position is 0 if it is absent.
type table struct {
	buf []byte
	pos int
}

func (v *verifier) u32(pos int) int { return int(binary.LittleEndian.Uint32(v.buf[pos:])) }

// at returns the table that the offset at pos leads to.
func (v *verifier) at(pos int) table { return table{v.buf, pos + v.u32(pos)} }

// field returns where a slot's value is, 0 if it is absent.
func (t table) field(slot int) int {
	vtable := t.pos - int(int32(binary.LittleEndian.Uint32(t.buf[t.pos:])))
	if size := int(binary.LittleEndian.Uint16(t.buf[vtable:])); 4+2*slot >= size {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(t.buf[vtable+4+2*slot:]))
	if offset == 0 {
		return 0
	}
	return t.pos + offset
}

// table returns the table in a slot.
func (v *verifier) table(t table, slot int) table {
	pos := t.field(slot)
	if pos == 0 {
		return table{v.buf, 0}
	}
	return v.at(pos)
}

// vector checks that the elements of a vector are there, and returns where they
// begin and how many they are.
func (v *verifier) vector(t table, slot, size int) (pos, n int) {
	p := t.field(slot)
	if p == 0 {
		return 0, 0
	}
	p += v.u32(p)
	n = v.u32(p)
	if n > (len(v.buf)-p-4)/size {
		v.bad = true
		return 0, 0
	}
	return p + 4, n
}

func (v *verifier) schema(t table) {
	v.vector(t, 2, 4)
	v.vector(t, 3, 8)
	v.children(t, 1, 0)
}

// children checks a vector of columns.
func (v *verifier) children(t table, slot, nested int) {
	pos, n := v.vector(t, slot, 4)
	for i := range n {
		if v.fields++; v.bad || v.fields > maxFields || nested > maxNested {
			v.bad = true
			return
		}
		column := v.at(pos + 4*i)
		v.vector(column, 0, 1)
		v.vector(column, 6, 4)
		if kind := column.field(2); kind != 0 && v.buf[kind] == typeUnion {
			v.vector(v.table(column, 3), 1, 4)
		}
		v.children(column, 5, nested+1)
	}
}

func (v *verifier) batch(t table) {
	if t.pos == 0 {
		v.bad = true
		return
	}
	v.vector(t, 1, 16)
	v.vector(t, 2, 16)
	v.vector(t, 4, 8)
	if p := t.field(0); p != 0 && binary.LittleEndian.Uint64(v.buf[p:]) > maxRows {
		v.bad = true
	}
}

// rowsOf is the number of rows that verified metadata of a batch declare; 0 for
// other messages.
func rowsOf(meta []byte) int64 {
	v := &verifier{buf: meta}
	message := v.at(0)
	if kind := message.field(1); kind == 0 || meta[kind] != headerBatch {
		return 0
	}
	p := v.table(message, 2).field(0)
	if p == 0 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(meta[p:]))
}
