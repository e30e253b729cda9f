package block

import (
	"errors"
	"fmt"
	"hash/crc32"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
)

var errIndex = errors.New("series index does not parse")

// parseBlob undoes appendBlob. tail begins with the blob; pages must end before
// offset end of the file. It is safe for any bytes, and takes memory in
// proportion to them.
func parseBlob(f *form, tail []byte, end int64, z *encoding.Inflater) (*index, error) {
	c := &encoding.Cursor{Rest: tail}
	if string(c.Bytes(len(f.magic))) != f.magic {
		return nil, fmt.Errorf("no series index of %s", f.root)
	}
	head := c.Bytes(2)
	raw, size := c.Fixed64(), c.Fixed64()
	if c.Bad || size > uint64(len(c.Rest)) {
		return nil, errors.New("series index is cut short")
	}
	if head[0] != indexVersion && head[0] != oldIndexVersion {
		return nil, errors.New("series index has an unknown version")
	}
	stored := c.Bytes(int(size))
	if crc := c.Fixed32(); c.Bad || crc32.Checksum(tail[:len(tail)-len(c.Rest)-4], encoding.Castagnoli) != crc {
		return nil, errors.New("series index has a wrong checksum")
	}
	body, err := inflateIndex(head[1], stored, raw, z)
	if err != nil {
		return nil, err
	}
	return parseBody(f, head[0], body, end)
}

func inflateIndex(codec byte, stored []byte, raw uint64, z *encoding.Inflater) ([]byte, error) {
	switch {
	case codec == codecNone && raw == uint64(len(stored)):
		return stored, nil
	case codec == codecZstd && raw <= maxIndexRaw && raw <= maxGrowth*uint64(len(stored)):
		return z.Inflate(nil, stored, int(raw))
	default:
		return nil, errIndex
	}
}

func parseBody(f *form, version byte, body []byte, end int64) (*index, error) {
	c := &encoding.Cursor{Rest: body}
	x := &index{form: f}
	x.parseSymbols(c)
	x.parseShapes(c)
	x.parseSeries(c)
	x.parseGroups(c, version, end)
	if c.Bad || len(c.Rest) != 0 {
		return nil, errIndex
	}
	rows := int64(0)
	for _, g := range x.groups {
		rows += int64(g.rows)
	}
	if rows != x.rows() {
		return nil, errors.New("series and pages have different numbers of rows")
	}
	return x, nil
}

func (x *index) parseSymbols(c *encoding.Cursor) {
	sizes := make([]int, c.Count(1))
	total := 0
	for i := range sizes {
		sizes[i] = int(c.Limited(maxSymbol))
		total += sizes[i]
	}
	text := string(c.Bytes(total)) // One allocation for all symbols.
	if c.Bad {
		return
	}
	x.symbols = make([]string, len(sizes))
	for i, n := range sizes {
		x.symbols[i], text = text[:n], text[n:]
	}
}

func (x *index) parseShapes(c *encoding.Cursor) {
	x.shapes = make([][]uint32, c.Count(1))
	for i := range x.shapes {
		names := make([]uint32, c.Count(1))
		for k := range names {
			names[k] = x.parseSymbol(c.Uvarint(), c)
			if k > 0 && !c.Bad && x.symbols[names[k-1]] >= x.symbols[names[k]] {
				c.Fail()
			}
		}
		x.shapes[i] = names
		if !c.Bad && x.nameAt(uint32(i)) < 0 {
			c.Fail() // Every series has a metric name.
		}
	}
}

func (x *index) parseSymbol(v uint64, c *encoding.Cursor) uint32 {
	if v >= uint64(len(x.symbols)) {
		c.Fail()
		return 0
	}
	return uint32(v)
}

func (x *index) parseSeries(c *encoding.Cursor) {
	n := c.Count(4) // At least a byte each for shape, rows and times.
	x.shape = make([]uint32, n)
	width := 0
	for i := range x.shape {
		s := c.Uvarint()
		if s >= uint64(len(x.shapes)) {
			c.Fail()
			x.firstRow = []int64{0}
			return
		}
		x.shape[i] = uint32(s)
		width += len(x.shapes[s])
	}
	x.firstRow = make([]int64, n+1)
	for i := range n {
		rows := c.Limited(1 << 40)
		if rows == 0 {
			c.Fail()
		}
		x.firstRow[i+1] = x.firstRow[i] + int64(rows)
	}
	x.parseTimes(c, n)
	if width > len(c.Rest) { // At least a byte a value.
		c.Fail()
		return
	}
	x.parseValues(c, n, width)
}

func (x *index) parseTimes(c *encoding.Cursor, n int) {
	x.minT, x.maxT = make([]int64, n), make([]int64, n)
	last := int64(0)
	for i := range x.minT {
		last += c.Varint()
		x.minT[i] = last
	}
	for i := range x.maxT {
		x.maxT[i] = x.minT[i] + int64(c.Uvarint())
	}
}

func (x *index) parseValues(c *encoding.Cursor, n, width int) {
	x.firstVal = make([]uint32, n)
	x.values = make([]uint32, 0, width)
	for i := range n {
		first := len(x.values)
		x.firstVal[i] = uint32(first)
		same := i > 0 && x.shape[i-1] == x.shape[i]
		for k := range x.shapes[x.shape[i]] {
			var v uint64
			if same {
				v = uint64(int64(x.values[int(x.firstVal[i-1])+k]) + c.Varint())
			} else {
				v = c.Uvarint()
			}
			x.values = append(x.values, x.parseSymbol(v, c))
		}
		if c.Bad {
			return
		}
	}
}

func (x *index) parseGroups(c *encoding.Cursor, version byte, end int64) {
	kinds := len(x.form.read)
	x.groups = make([]pageGroup, c.Count(3+kinds))
	pages := make([]column.Page, len(x.groups)*kinds)
	ends := make([]int64, kinds)
	row := int64(0)
	for i := range x.groups {
		g := &x.groups[i]
		g.pages, pages = pages[:kinds:kinds], pages[kinds:]
		g.firstRow, g.rows = row, int(c.Limited(maxPageRows))
		row += int64(g.rows)
		g.minT = c.Varint()
		g.maxT = g.minT + int64(c.Uvarint())
		for kind := range g.pages {
			g.pages[kind] = parsePage(c, version, g.rows, &ends[kind], end)
		}
		if g.rows == 0 || g.pages[pageTime].Size == 0 {
			c.Fail()
		}
		if c.Bad {
			return
		}
	}
}

// parsePage reads where a page of the given rows is and checks that it lies
// before end and is not recorded as absurdly long when decompressed.
func parsePage(c *encoding.Cursor, version byte, rows int, last *int64, end int64) column.Page {
	p := column.Page{Size: int32(c.Limited(maxPageRaw))}
	if p.Size == 0 {
		return p
	}
	p.Offset = *last + c.Varint()
	p.Header = uint16(c.Limited(min(maxHeader, uint64(p.Size))))
	p.Raw = int32(c.Limited(min(maxPageRaw, uint64(64*(rows+64))+maxGrowth*uint64(p.Size))))
	p.Split = version >= 2 && c.Limited(1) == 1
	p.Crc = c.Fixed32()
	*last = p.Offset + int64(p.Size)
	if p.Offset < 0 || *last < 0 || *last > end {
		c.Fail()
	}
	return p
}
