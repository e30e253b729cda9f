package block

import (
	"errors"
	"fmt"
	"hash/crc32"
)

var errIndex = errors.New("series index does not parse")

// parseBlob undoes appendBlob. tail begins with the blob; pages must end before
// offset end of the file. It is safe for any bytes, and takes memory in
// proportion to them.
func parseBlob(f *form, tail []byte, end int64, z *inflater) (*index, error) {
	c := &cursor{b: tail}
	if string(c.bytes(len(f.magic))) != f.magic {
		return nil, fmt.Errorf("no series index of %s", f.root)
	}
	head := c.bytes(2)
	raw, size := c.fixed64(), c.fixed64()
	if c.bad || size > uint64(len(c.b)) {
		return nil, errors.New("series index is cut short")
	}
	if head[0] != indexVersion && head[0] != oldIndexVersion {
		return nil, errors.New("series index has an unknown version")
	}
	stored := c.bytes(int(size))
	if crc := c.fixed32(); c.bad || crc32.Checksum(tail[:len(tail)-len(c.b)-4], castagnoli) != crc {
		return nil, errors.New("series index has a wrong checksum")
	}
	body, err := inflateIndex(head[1], stored, raw, z)
	if err != nil {
		return nil, err
	}
	return parseBody(f, head[0], body, end)
}

func inflateIndex(codec byte, stored []byte, raw uint64, z *inflater) ([]byte, error) {
	switch {
	case codec == codecNone && raw == uint64(len(stored)):
		return stored, nil
	case codec == codecZstd && raw <= maxIndexRaw && raw <= maxGrowth*uint64(len(stored)):
		return z.inflate(nil, stored, int(raw))
	default:
		return nil, errIndex
	}
}

func parseBody(f *form, version byte, body []byte, end int64) (*index, error) {
	c := &cursor{b: body}
	x := &index{form: f}
	x.parseSymbols(c)
	x.parseShapes(c)
	x.parseSeries(c)
	x.parseGroups(c, version, end)
	if c.bad || len(c.b) != 0 {
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

func (x *index) parseSymbols(c *cursor) {
	sizes := make([]int, c.count(1))
	total := 0
	for i := range sizes {
		sizes[i] = int(c.limited(maxSymbol))
		total += sizes[i]
	}
	text := string(c.bytes(total)) // One allocation for all symbols.
	if c.bad {
		return
	}
	x.symbols = make([]string, len(sizes))
	for i, n := range sizes {
		x.symbols[i], text = text[:n], text[n:]
	}
}

func (x *index) parseShapes(c *cursor) {
	x.shapes = make([][]uint32, c.count(1))
	for i := range x.shapes {
		names := make([]uint32, c.count(1))
		for k := range names {
			names[k] = x.parseSymbol(c.uvarint(), c)
			if k > 0 && !c.bad && x.symbols[names[k-1]] >= x.symbols[names[k]] {
				c.fail()
			}
		}
		x.shapes[i] = names
		if !c.bad && x.nameAt(uint32(i)) < 0 {
			c.fail() // Every series has a metric name.
		}
	}
}

func (x *index) parseSymbol(v uint64, c *cursor) uint32 {
	if v >= uint64(len(x.symbols)) {
		c.fail()
		return 0
	}
	return uint32(v)
}

func (x *index) parseSeries(c *cursor) {
	n := c.count(4) // At least a byte each for shape, rows and times.
	x.shape = make([]uint32, n)
	width := 0
	for i := range x.shape {
		s := c.uvarint()
		if s >= uint64(len(x.shapes)) {
			c.fail()
			x.firstRow = []int64{0}
			return
		}
		x.shape[i] = uint32(s)
		width += len(x.shapes[s])
	}
	x.firstRow = make([]int64, n+1)
	for i := range n {
		rows := c.limited(1 << 40)
		if rows == 0 {
			c.fail()
		}
		x.firstRow[i+1] = x.firstRow[i] + int64(rows)
	}
	x.parseTimes(c, n)
	if width > len(c.b) { // At least a byte a value.
		c.fail()
		return
	}
	x.parseValues(c, n, width)
}

func (x *index) parseTimes(c *cursor, n int) {
	x.minT, x.maxT = make([]int64, n), make([]int64, n)
	last := int64(0)
	for i := range x.minT {
		last += c.varint()
		x.minT[i] = last
	}
	for i := range x.maxT {
		x.maxT[i] = x.minT[i] + int64(c.uvarint())
	}
}

func (x *index) parseValues(c *cursor, n, width int) {
	x.firstVal = make([]uint32, n)
	x.values = make([]uint32, 0, width)
	for i := range n {
		first := len(x.values)
		x.firstVal[i] = uint32(first)
		same := i > 0 && x.shape[i-1] == x.shape[i]
		for k := range x.shapes[x.shape[i]] {
			var v uint64
			if same {
				v = uint64(int64(x.values[int(x.firstVal[i-1])+k]) + c.varint())
			} else {
				v = c.uvarint()
			}
			x.values = append(x.values, x.parseSymbol(v, c))
		}
		if c.bad {
			return
		}
	}
}

func (x *index) parseGroups(c *cursor, version byte, end int64) {
	kinds := len(x.form.read)
	x.groups = make([]pageGroup, c.count(3+kinds))
	pages := make([]page, len(x.groups)*kinds)
	ends := make([]int64, kinds)
	row := int64(0)
	for i := range x.groups {
		g := &x.groups[i]
		g.pages, pages = pages[:kinds:kinds], pages[kinds:]
		g.firstRow, g.rows = row, int(c.limited(maxPageRows))
		row += int64(g.rows)
		g.minT = c.varint()
		g.maxT = g.minT + int64(c.uvarint())
		for kind := range g.pages {
			g.pages[kind] = parsePage(c, version, g.rows, &ends[kind], end)
		}
		if g.rows == 0 || g.pages[pageTime].size == 0 {
			c.fail()
		}
		if c.bad {
			return
		}
	}
}

// parsePage reads where a page of the given rows is and checks that it lies
// before end and does not declare an absurd length when decompressed.
func parsePage(c *cursor, version byte, rows int, last *int64, end int64) page {
	p := page{size: int32(c.limited(maxPageRaw))}
	if p.size == 0 {
		return p
	}
	p.offset = *last + c.varint()
	p.header = uint16(c.limited(min(maxHeader, uint64(p.size))))
	p.raw = int32(c.limited(min(maxPageRaw, uint64(64*(rows+64))+maxGrowth*uint64(p.size))))
	p.split = version >= 2 && c.limited(1) == 1
	p.crc = c.fixed32()
	*last = p.offset + int64(p.size)
	if p.offset < 0 || *last < 0 || *last > end {
		c.fail()
	}
	return p
}
