package column

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"

	"herringbone/storage/block/internal/encoding"
)

// Press is the compressor and encoder of one Writer, with its scratch memory.
type Press struct {
	zstd    *zstd.Encoder
	packed  []byte
	spare   []byte
	floats  encoding.FloatPages
	levels  []byte
	ints    []byte
	head    bytes.Buffer
	encoder *thrift.Encoder
}

// NewPress makes a Press of a level of zstd.
func NewPress(level zstd.EncoderLevel) (*Press, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	floats, err := encoding.NewFloatPages(z)
	if err != nil {
		return nil, err
	}
	p := &Press{zstd: z, floats: floats}
	p.encoder = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&p.head))
	return p, nil
}

// Compress returns body compressed; valid until the next call.
func (p *Press) Compress(body []byte) []byte {
	p.packed = p.zstd.EncodeAll(body, p.packed[:0])
	return p.packed
}

// Encode returns v in Thrift's compact protocol; valid until the next call.
func (p *Press) Encode(v any) ([]byte, error) {
	p.head.Reset()
	if err := p.encoder.Encode(v); err != nil {
		return nil, err
	}
	return p.head.Bytes(), nil
}
