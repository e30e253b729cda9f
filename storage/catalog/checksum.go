package catalog

import (
	"encoding/binary"
	"hash/crc32"
)

// checksum collects the fields of a row: texts with their length before them,
// numbers as varints, so that no two lists of fields have the same bytes.
type checksum struct{ bytes []byte }

// newChecksum has space for a usual file.
func newChecksum() checksum { return checksum{bytes: make([]byte, 0, 384)} }

func (c *checksum) text(values ...string) {
	for _, v := range values {
		c.bytes = binary.AppendUvarint(c.bytes, uint64(len(v)))
		c.bytes = append(c.bytes, v...)
	}
}

func (c *checksum) numbers(values ...int64) {
	for _, v := range values {
		c.bytes = binary.AppendVarint(c.bytes, v)
	}
}

// sum is the CRC-32C of what was collected.
func (c *checksum) sum() uint32 {
	return crc32.Checksum(c.bytes, crc32.MakeTable(crc32.Castagnoli))
}
