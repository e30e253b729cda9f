package encoding

import "encoding/binary"

// Cursor reads numbers off bytes that may be damaged. After the first fault it
// returns zeros, and bad tells.
type Cursor struct {
	Rest []byte
	Bad  bool
}

// Uvarint reads an unsigned varint.
func (c *Cursor) Uvarint() uint64 {
	v, n := binary.Uvarint(c.Rest)
	if n <= 0 {
		c.Fail()
		return 0
	}
	c.Rest = c.Rest[n:]
	return v
}

// Varint reads a signed varint.
func (c *Cursor) Varint() int64 {
	v, n := binary.Varint(c.Rest)
	if n <= 0 {
		c.Fail()
		return 0
	}
	c.Rest = c.Rest[n:]
	return v
}

// Limited reads a number that must not exceed limit.
func (c *Cursor) Limited(limit uint64) uint64 {
	v := c.Uvarint()
	if v > limit {
		c.Fail()
		return 0
	}
	return v
}

// Count reads the number of things that take at least size bytes each.
func (c *Cursor) Count(size int) int {
	return int(c.Limited(uint64(len(c.Rest) / size)))
}

// Bytes reads n bytes, which are those of the input.
func (c *Cursor) Bytes(n int) []byte {
	if n > len(c.Rest) {
		c.Fail()
		return nil
	}
	b := c.Rest[:n]
	c.Rest = c.Rest[n:]
	return b
}

// Fixed32 reads four bytes, little-endian.
func (c *Cursor) Fixed32() uint32 {
	b := c.Bytes(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// Fixed64 reads eight bytes, little-endian.
func (c *Cursor) Fixed64() uint64 {
	b := c.Bytes(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// Fail makes every further read give zero.
func (c *Cursor) Fail() { c.Rest, c.Bad = nil, true }
