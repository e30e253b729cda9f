package block

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// inflater decompresses. It is used by one goroutine at a time.
type inflater struct {
	zstd *zstd.Decoder
}

// inflaters keeps decompressors, which are dear to make and hold no state
// between calls.
var inflaters sync.Pool

func takeInflater() (*inflater, error) {
	if z, ok := inflaters.Get().(*inflater); ok {
		return z, nil
	}
	// The limit to the capacity makes a wrong size an error instead of memory.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	return &inflater{d}, nil
}

func (z *inflater) release() { inflaters.Put(z) }

var errSize = errors.New("decompressed size is not as recorded")

// slack is how much longer than the result the memory for it has to be for the
// decompressor to take its fast path, which writes 16 bytes at a time.
const slack = 16

// inflate decompresses src, which must come to exactly size bytes, into the
// memory of dst if it is large enough.
func (z *inflater) inflate(dst, src []byte, size int) ([]byte, error) {
	if cap(dst) < size+slack {
		dst = make([]byte, 0, size+slack)
	}
	dst, err := z.zstd.DecodeAll(src, dst[:0:size+slack])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(dst) != size {
		return nil, errSize
	}
	return dst, nil
}
