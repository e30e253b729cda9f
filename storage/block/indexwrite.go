package block

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
)

// indexBuilder makes the index of a file that is being written.
type indexBuilder struct {
	index
	symbolOf map[string]uint32
	shapeOf  map[string]uint32
	shapeKey []byte
	names    []uint32
}

func newIndexBuilder(f *form) *indexBuilder {
	return &indexBuilder{
		index:    index{form: f, firstRow: []int64{0}},
		symbolOf: map[string]uint32{},
		shapeOf:  map[string]uint32{},
	}
}

// add adds a series with the given rows behind the last one.
func (x *indexBuilder) add(ls labels.Labels, rows int, minT, maxT int64) {
	x.firstVal = append(x.firstVal, uint32(len(x.values)))
	x.names = x.names[:0]
	ls.Range(func(l labels.Label) {
		x.names = append(x.names, x.symbol(l.Name))
		x.values = append(x.values, x.symbol(l.Value))
	})
	x.shape = append(x.shape, x.shapeNumber())
	x.firstRow = append(x.firstRow, x.rows()+int64(rows))
	x.minT = append(x.minT, minT)
	x.maxT = append(x.maxT, maxT)
}

// extend adds rows, up to time maxT, to the series that was added last.
func (x *indexBuilder) extend(rows int, maxT int64) {
	last := x.series() - 1
	x.firstRow[last+1] += int64(rows)
	x.maxT[last] = maxT
}

func (x *indexBuilder) symbol(s string) uint32 {
	n, ok := x.symbolOf[s]
	if !ok {
		n = uint32(len(x.symbols))
		x.symbolOf[s] = n
		x.symbols = append(x.symbols, s)
	}
	return n
}

func (x *indexBuilder) shapeNumber() uint32 {
	x.shapeKey = x.shapeKey[:0]
	for _, n := range x.names {
		x.shapeKey = binary.LittleEndian.AppendUint32(x.shapeKey, n)
	}
	n, ok := x.shapeOf[string(x.shapeKey)]
	if !ok {
		n = uint32(len(x.shapes))
		x.shapeOf[string(x.shapeKey)] = n
		x.shapes = append(x.shapes, append([]uint32(nil), x.names...))
	}
	return n
}

// appendBlob adds the whole index as it stands in the file: magic, version,
// codec, lengths, body, checksum.
func (x *index) appendBlob(b []byte, p *column.Press) []byte {
	body := x.appendBody(nil)
	codec, stored := byte(codecZstd), p.Compress(body)
	if len(body) > maxGrowth*len(stored) {
		codec, stored = codecNone, body
	}
	start := len(b)
	b = append(b, x.form.magic...)
	b = append(b, indexVersion, codec)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(body)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(stored)))
	b = append(b, stored...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], encoding.Castagnoli))
}

func (x *index) appendBody(b []byte) []byte {
	b = x.appendSymbols(b)
	b = binary.AppendUvarint(b, uint64(len(x.shapes)))
	for _, names := range x.shapes {
		b = binary.AppendUvarint(b, uint64(len(names)))
		for _, n := range names {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	b = x.appendSeries(b)
	return x.appendGroups(b)
}

func (x *index) appendSymbols(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(x.symbols)))
	for _, s := range x.symbols {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	for _, s := range x.symbols {
		b = append(b, s...)
	}
	return b
}

// appendSeries writes the series column by column: what repeats stands together.
func (x *index) appendSeries(b []byte) []byte {
	n := x.series()
	b = binary.AppendUvarint(b, uint64(n))
	for _, s := range x.shape {
		b = binary.AppendUvarint(b, uint64(s))
	}
	for i := range n {
		b = binary.AppendUvarint(b, uint64(x.firstRow[i+1]-x.firstRow[i]))
	}
	last := int64(0)
	for _, t := range x.minT {
		b = binary.AppendVarint(b, t-last)
		last = t
	}
	for i, t := range x.maxT {
		b = binary.AppendUvarint(b, uint64(t-x.minT[i]))
	}
	return x.appendValues(b)
}

// appendValues writes each label value as the difference to that of the series
// before, if both have the same label names.
func (x *index) appendValues(b []byte) []byte {
	for i := range x.series() {
		width := len(x.shapes[x.shape[i]])
		cur := x.values[x.firstVal[i]:][:width]
		if i == 0 || x.shape[i-1] != x.shape[i] {
			for _, v := range cur {
				b = binary.AppendUvarint(b, uint64(v))
			}
			continue
		}
		prev := x.values[x.firstVal[i-1]:][:width]
		for k, v := range cur {
			b = binary.AppendVarint(b, int64(v)-int64(prev[k]))
		}
	}
	return b
}

func (x *index) appendGroups(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(x.groups)))
	ends := make([]int64, len(x.form.read))
	for _, g := range x.groups {
		b = binary.AppendUvarint(b, uint64(g.rows))
		b = binary.AppendVarint(b, g.minT)
		b = binary.AppendUvarint(b, uint64(g.maxT-g.minT))
		for k, p := range g.pages {
			b = binary.AppendUvarint(b, uint64(p.Size))
			if p.Size == 0 {
				continue
			}
			b = binary.AppendVarint(b, p.Offset-ends[k])
			b = binary.AppendUvarint(b, uint64(p.Header))
			b = binary.AppendUvarint(b, uint64(p.Raw))
			if p.Split {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
			b = binary.LittleEndian.AppendUint32(b, p.Crc)
			ends[k] = p.Offset + int64(p.Size)
		}
	}
	return b
}
