package block

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"

	"herringbone/storage/block/internal/encoding"
)

// output counts and checksums what is written.
type output struct {
	buf  *bufio.Writer
	size int64
	sum  hash.Hash
	tail uint32 // CRC-32C since the last beginTail.
}

func newOutput(w io.Writer) *output {
	return &output{buf: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
}

func (o *output) beginTail() { o.tail = 0 }

func (o *output) Write(b []byte) (int, error) {
	n, err := o.buf.Write(b)
	o.size += int64(n)
	o.sum.Write(b[:n])
	o.tail = crc32.Update(o.tail, encoding.Castagnoli, b[:n])
	return n, err
}
