package encoding

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Inflater decompresses. It is used by one goroutine at a time.
type Inflater struct {
	zstd *zstd.Decoder
}

// inflaters keeps decompressors, which are dear to make and hold no state
// between calls.
var inflaters sync.Pool

// TakeInflater returns an Inflater of the pool, or a new one. Release gives it back.
func TakeInflater() (*Inflater, error) {
	if z, ok := inflaters.Get().(*Inflater); ok {
		return z, nil
	}
	// The limit to the capacity makes a wrong size an error instead of memory.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &Inflater{d}, nil
}

// Release gives z back to the pool.
func (z *Inflater) Release() { inflaters.Put(z) }

var errSize = errors.New("decompressed size is not as recorded")

// Slack is how much longer than the result the memory for it has to be for the
// decompressor to take its fast path, which writes 16 bytes at a time.
const Slack = 16

// Inflate decompresses src, which must come to exactly size bytes, into the
// memory of dst if it is large enough.
func (z *Inflater) Inflate(dst, src []byte, size int) ([]byte, error) {
	if cap(dst) < size+Slack {
		dst = make([]byte, 0, size+Slack)
	}
	dst, err := z.zstd.DecodeAll(src, dst[:0:size+Slack])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(dst) != size {
		return nil, errSize
	}
	return dst, nil
}
