package encoding

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// Pages of doubles come in one of two encodings, page by page, whichever is
// shorter when compressed.
//
// PLAIN suits numbers that repeat, all or in part: constants, gauges of few
// values, decimal fractions (whose low bytes come round again).
//
// BYTE_STREAM_SPLIT suits what never repeats, such as counters of bytes: first
// the lowest byte of every number, then the second, and so on. The bytes of one
// such plane are alike, and those of two planes are not, so each plane is a zstd
// block of its own, with its own code. That is what makes this encoding worth
// while: with one code for all planes it is worse than PLAIN nearly always.

// A page is compressed in PLAIN, and once more in BYTE_STREAM_SPLIT if the entropy
// of the planes promises less.

// sampled is of how many numbers of a page the entropy is computed.
const sampled = 1024

// planarWindow is how far back, in bytes, matches in planes may be: the encoder
// keeps twice that in memory.
const planarWindow = 1 << 17

// FloatPages compresses pages of doubles. It keeps its memory.
type FloatPages struct {
	zstd         *zstd.Encoder // Of the writer: for PLAIN.
	planar       *zstd.Encoder // For planes: finds no matches there, so need not look long.
	plain, split []byte
	packed       packed

	bits   []float64      // n log2 n.
	counts [8][256]uint16 // Of each byte in each plane.
}

// packed is a slice as an io.Writer.
type packed []byte

func (p *packed) Write(b []byte) (int, error) {
	*p = append(*p, b...)
	return len(b), nil
}

// PackedPage is one page, compressed. Its memory is valid until the next page.
type PackedPage struct {
	Bytes    []byte
	RawSize  int // Bytes before compression.
	Encoding format.Encoding
}

// NewFloatPages returns a compressor of pages that uses z for PLAIN.
func NewFloatPages(z *zstd.Encoder) (FloatPages, error) {
	planar, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(planarWindow))
	if err != nil {
		return FloatPages{}, fmt.Errorf("make compressor: %w", err)
	}
	f := FloatPages{zstd: z, planar: planar, bits: make([]float64, sampled+1)}
	for n := 1; n <= sampled; n++ {
		f.bits[n] = float64(n) * math.Log2(float64(n))
	}
	return f, nil
}

// Pack compresses levels, which Parquet puts in front, and values. spare is
// memory that it may use.
func (f *FloatPages) Pack(levels []byte, values []float64, spare []byte) (PackedPage, error) {
	f.plain = AppendFloats(append(f.plain[:0], levels...), values)
	page := PackedPage{f.zstd.EncodeAll(f.plain, spare[:0]), len(f.plain), format.Plain}
	if f.splitSize(values) >= len(page.Bytes) {
		return page, nil
	}
	if err := f.packSplit(levels, f.plain[len(levels):]); err != nil {
		return PackedPage{}, err
	}
	if len(f.packed) < len(page.Bytes) {
		page.Bytes, page.Encoding = f.packed, format.ByteStreamSplit
	}
	return page, nil
}

// splitSize estimates, in bytes, what packSplit will make of values, from the
// entropy of each plane in some of them.
func (f *FloatPages) splitSize(values []float64) int {
	clear(f.counts[:])
	step := (len(values) + sampled - 1) / sampled
	n := 0
	for i := 0; i < len(values); i += step {
		v := math.Float64bits(values[i])
		f.counts[0][byte(v)]++
		f.counts[1][byte(v>>8)]++
		f.counts[2][byte(v>>16)]++
		f.counts[3][byte(v>>24)]++
		f.counts[4][byte(v>>32)]++
		f.counts[5][byte(v>>40)]++
		f.counts[6][byte(v>>48)]++
		f.counts[7][byte(v>>56)]++
		n++
	}
	bits := 0.0
	for plane := range f.counts {
		bits += f.bits[n]
		for _, c := range f.counts[plane] {
			bits -= f.bits[c]
		}
	}
	return int(bits / 8 * float64(step))
}

// packSplit compresses values in BYTE_STREAM_SPLIT into f.packed.
func (f *FloatPages) packSplit(levels, values []byte) error {
	n := len(values) / 8
	f.split = slices.Grow(f.split[:0], 8*n)[:8*n]
	splitBytes(f.split, values)
	f.packed = f.packed[:0]
	f.planar.ResetContentSize(&f.packed, int64(len(levels)+len(values)))
	if _, err := f.planar.Write(levels); err != nil {
		return err
	}
	for plane := range 8 {
		if _, err := f.planar.Write(f.split[plane*n : (plane+1)*n]); err != nil {
			return err
		}
		if plane == 7 {
			break // Close ends the last block.
		}
		if err := f.planar.Flush(); err != nil {
			return err
		}
	}
	return f.planar.Close()
}

// splitBytes puts the bytes of the numbers in src into eight planes, lowest byte
// first.
func splitBytes(dst, src []byte) {
	n := len(src) / 8
	p0, p1, p2, p3 := dst[:n], dst[n:][:n], dst[2*n:][:n], dst[3*n:][:n]
	p4, p5, p6, p7 := dst[4*n:][:n], dst[5*n:][:n], dst[6*n:][:n], dst[7*n:][:n]
	for i := range n {
		v := binary.LittleEndian.Uint64(src[8*i:])
		p0[i], p1[i], p2[i], p3[i] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		p4[i], p5[i], p6[i], p7[i] = byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56)
	}
}

// JoinBytes undoes splitBytes.
func JoinBytes(dst, src []byte) {
	n := len(src) / 8
	p0, p1, p2, p3 := src[:n], src[n:][:n], src[2*n:][:n], src[3*n:][:n]
	p4, p5, p6, p7 := src[4*n:][:n], src[5*n:][:n], src[6*n:][:n], src[7*n:][:n]
	for i := range n {
		low := uint64(p0[i]) | uint64(p1[i])<<8 | uint64(p2[i])<<16 | uint64(p3[i])<<24
		high := uint64(p4[i]) | uint64(p5[i])<<8 | uint64(p6[i])<<16 | uint64(p7[i])<<24
		binary.LittleEndian.PutUint64(dst[8*i:], low|high<<32)
	}
}

// AppendFloats adds values in PLAIN encoding.
func AppendFloats(b []byte, values []float64) []byte {
	n := len(b)
	b = append(b, make([]byte, 8*len(values))...)
	for i, v := range values {
		binary.LittleEndian.PutUint64(b[n+8*i:], math.Float64bits(v))
	}
	return b
}

// CopyFloats decodes the first len(dst) doubles of src.
func CopyFloats(dst []float64, src []byte) {
	src = src[:8*len(dst)]
	for i := range dst {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
	}
}

// AppendFromBytes appends the doubles that b holds.
func AppendFromBytes(dst []float64, b []byte) []float64 {
	n := len(dst)
	dst = slices.Grow(dst, len(b)/8)[:n+len(b)/8]
	CopyFloats(dst[n:], b)
	return dst
}
