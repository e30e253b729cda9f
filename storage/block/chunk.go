package block

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Page-level bounds longer than this are left out: they would only make the
// footer large.
const maxBound = 256

// chunk is one column of the row group in the making: finished pages in memory,
// because Parquet wants a column's pages to stand together.
type chunk struct {
	leaf
	buf          []byte // Pages as they will stand in the file.
	pages        []pageRecord
	rows         int64
	entries      int64 // Values and nulls.
	nulls        int64
	uncompressed int64 // Bytes of pages before compression, with headers.
	split        bool  // Some page is in BYTE_STREAM_SPLIT.
	dictionary   *dictionary
	base         int64 // Where buf will stand in the file, once that is known.
}

// pageRecord is what the indexes say of one page.
type pageRecord struct {
	offset   int // In buf.
	size     int // With header.
	header   int // Bytes of the header.
	raw      int // Bytes of the uncompressed body.
	split    bool
	firstRow int64
	crc      uint32 // CRC-32C of header and body.
	bounds
}

// bounds are a page's least and greatest value as Parquet encodes them, and its
// nulls. nil min and max: no bounds are known, or there is no value.
type bounds struct {
	min, max []byte
	nulls    int64
	empty    bool // There is no value.
}

// addPage compresses body and adds it as a data page.
func (c *chunk) addPage(p *press, body []byte, rows, entries int, b bounds) error {
	return c.addPacked(p, packedPage{p.compress(body), len(body), c.pageEncoding(b)}, rows, entries, b)
}

// addFloats adds a data page of doubles. present says which rows have one.
func (c *chunk) addFloats(p *press, present []run, values []float64, rows int) error {
	p.levels = p.levels[:0]
	if c.optional {
		p.levels = appendLevels(p.levels, present)
	}
	page, err := p.floats.pack(p.levels, values, p.packed)
	if err != nil {
		return fmt.Errorf("compress page: %w", err)
	}
	if page.encoding == format.Plain {
		p.packed = page.packed
	}
	b := floatBounds(values)
	b.nulls = int64(rows - len(values))
	return c.addPacked(p, page, rows, rows, b)
}

// addInts adds a data page of 64-bit integers, at least one. present says which
// rows have one.
func (c *chunk) addInts(p *press, present []run, values []int64, rows int) error {
	packed, err := new(delta.BinaryPackedEncoding).EncodeInt64(p.ints, values)
	if err != nil {
		return err
	}
	p.ints = packed
	p.levels = p.levels[:0]
	if c.optional {
		p.levels = append(appendLevels(p.levels, present), packed...)
		packed = p.levels
	}
	lo, hi := values[0], values[0]
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	b := bounds{min: appendInt64(nil, lo), max: appendInt64(nil, hi), nulls: int64(rows - len(values))}
	return c.addPage(p, packed, rows, rows, b)
}

// addPacked adds a data page that is compressed already.
func (c *chunk) addPacked(p *press, page packedPage, rows, entries int, b bounds) error {
	header := format.PageHeader{
		Type: format.DataPage,
		DataPageHeader: thrift.New(format.DataPageHeader{
			NumValues:               int32(entries),
			Encoding:                page.encoding,
			DefinitionLevelEncoding: format.RLE,
			RepetitionLevelEncoding: format.RLE,
			Statistics:              statistics(b),
		}),
	}
	record, err := c.append(p, &header, page.packed, page.raw)
	if err != nil {
		return err
	}
	record.firstRow, record.bounds = c.rows, b
	record.split = page.encoding == format.ByteStreamSplit
	c.split = c.split || record.split
	c.pages = append(c.pages, record)
	c.rows += int64(rows)
	c.entries += int64(entries)
	c.nulls += b.nulls
	return nil
}

// fillNulls adds one page of nulls up to row end of the row group.
func (c *chunk) fillNulls(p *press, end int64) error {
	n := int(end - c.rows)
	if n == 0 {
		return nil
	}
	p.levels = appendLevels(p.levels[:0], []run{{0, uint32(n)}})
	return c.addPage(p, p.levels, n, n, bounds{nulls: int64(n), empty: true})
}

// pageEncoding: a page without a value is nothing but levels. It refers to no
// dictionary, which the chunk then may lack, and has no header of an encoding.
func (c *chunk) pageEncoding(b bounds) format.Encoding {
	if b.empty {
		return format.Plain
	}
	return c.leaf.encoding
}

// append adds a page of the given size before compression.
func (c *chunk) append(p *press, header *format.PageHeader, packed []byte, raw int) (pageRecord, error) {
	header.UncompressedPageSize = int32(raw)
	header.CompressedPageSize = int32(len(packed))
	header.CRC = int32(crc32.ChecksumIEEE(packed))
	head, err := p.encode(header)
	if err != nil {
		return pageRecord{}, fmt.Errorf("encode page header: %w", err)
	}
	r := pageRecord{offset: len(c.buf), size: len(head) + len(packed), header: len(head), raw: raw}
	c.buf = append(append(c.buf, head...), packed...)
	c.uncompressed += int64(len(head) + raw)
	r.crc = crc32.Checksum(c.buf[r.offset:], castagnoli)
	return r, nil
}

// addDictionary puts the dictionary page in front of the data pages.
func (c *chunk) addDictionary(p *press) error {
	if c.dictionary == nil || len(c.dictionary.codes) == 0 {
		return nil
	}
	header := format.PageHeader{
		Type: format.DictionaryPage,
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{
			NumValues: int32(len(c.dictionary.codes)),
			Encoding:  format.Plain,
		}),
	}
	data := c.buf
	c.buf = p.spare[:0]
	record, err := c.append(p, &header, p.compress(c.dictionary.plain), len(c.dictionary.plain))
	if err != nil {
		return err
	}
	for i := range c.pages {
		c.pages[i].offset += record.size
	}
	c.buf = append(c.buf, data...)
	p.spare = data
	return nil
}

// dictionarySize is the length of the dictionary page; pages follow it.
func (c *chunk) dictionarySize() int {
	if len(c.pages) == 0 {
		return 0
	}
	return c.pages[0].offset
}

// reset empties c for the next row group and keeps its memory.
func (c *chunk) reset() {
	clear(c.pages)
	c.buf, c.pages = c.buf[:0], c.pages[:0]
	c.rows, c.entries, c.nulls, c.uncompressed, c.split = 0, 0, 0, 0, false
	if c.dictionary != nil {
		c.dictionary.reset()
	}
}

// dictionary is the distinct values of a column of strings.
type dictionary struct {
	codes map[string]uint32
	plain []byte // The values in PLAIN encoding.
}

func newDictionary() *dictionary { return &dictionary{codes: map[string]uint32{}} }

func (d *dictionary) code(value string) uint32 {
	code, ok := d.codes[value]
	if !ok {
		code = uint32(len(d.codes))
		d.codes[value] = code
		d.plain = appendByteArray(d.plain, value)
	}
	return code
}

func (d *dictionary) reset() {
	clear(d.codes)
	d.plain = d.plain[:0]
}

func appendByteArray[S string | []byte](b []byte, value S) []byte {
	n := len(value)
	return append(append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24)), value...)
}

// press is the compressor and encoder of one Writer, with its scratch memory.
type press struct {
	zstd    *zstd.Encoder
	packed  []byte
	spare   []byte
	floats  floatPages
	levels  []byte
	ints    []byte
	head    bytes.Buffer
	encoder *thrift.Encoder
}

func newPress(level zstd.EncoderLevel) (*press, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	floats, err := newFloatPages(z)
	if err != nil {
		return nil, err
	}
	p := &press{zstd: z, floats: floats}
	p.encoder = thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&p.head))
	return p, nil
}

// compress returns body compressed; valid until the next call.
func (p *press) compress(body []byte) []byte {
	p.packed = p.zstd.EncodeAll(body, p.packed[:0])
	return p.packed
}

// encode returns v in Thrift's compact protocol; valid until the next call.
func (p *press) encode(v any) ([]byte, error) {
	p.head.Reset()
	if err := p.encoder.Encode(v); err != nil {
		return nil, err
	}
	return p.head.Bytes(), nil
}

func statistics(b bounds) format.Statistics {
	s := format.Statistics{NullCount: b.nulls}
	if b.min != nil && b.max != nil && len(b.min) <= maxBound && len(b.max) <= maxBound {
		s.MinValue, s.MaxValue = b.min, b.max
	}
	return s
}

// less compares two bounds in the order of the column's type.
func (c *chunk) less(a, b []byte) bool {
	switch c.kind {
	case format.Int64:
		return int64(binary.LittleEndian.Uint64(a)) < int64(binary.LittleEndian.Uint64(b))
	case format.Double:
		return math.Float64frombits(binary.LittleEndian.Uint64(a)) < math.Float64frombits(binary.LittleEndian.Uint64(b))
	default:
		return bytes.Compare(a, b) < 0
	}
}
