package column

import (
	"fmt"
	"hash/crc32"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"herringbone/storage/block/internal/encoding"
)

// Chunk is one column of the row group in the making: finished pages in memory,
// because Parquet wants a column's pages to stand together.
type Chunk struct {
	Leaf
	Buf          []byte // Pages as they will stand in the file.
	pages        []pageRecord
	Rows         int64
	entries      int64 // Values and nulls.
	nulls        int64
	Uncompressed int64 // Bytes of pages before compression, with headers.
	split        bool  // Some page is in BYTE_STREAM_SPLIT.
	dictionary   *dictionary
	Base         int64 // Where buf will stand in the file, once that is known.
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
	Bounds
}

// AddPage compresses body and adds it as a data page.
func (c *Chunk) AddPage(p *Press, body []byte, rows, entries int, b Bounds) error {
	return c.addPacked(p, encoding.PackedPage{Bytes: p.Compress(body), RawSize: len(body), Encoding: c.pageEncoding(b)}, rows, entries, b)
}

// AddFloats adds a data page of doubles. present says which rows have one.
func (c *Chunk) AddFloats(p *Press, present []encoding.Run, values []float64, rows int) error {
	p.levels = p.levels[:0]
	if c.Optional {
		p.levels = encoding.AppendLevels(p.levels, present)
	}
	page, err := p.floats.Pack(p.levels, values, p.packed)
	if err != nil {
		return fmt.Errorf("compress page: %w", err)
	}
	if page.Encoding == format.Plain {
		p.packed = page.Bytes
	}
	b := floatBounds(values)
	b.Nulls = int64(rows - len(values))
	return c.addPacked(p, page, rows, rows, b)
}

// AddInts adds a data page of 64-bit integers, at least one. present says which
// rows have one.
func (c *Chunk) AddInts(p *Press, present []encoding.Run, values []int64, rows int) error {
	packed, err := new(delta.BinaryPackedEncoding).EncodeInt64(p.ints, values)
	if err != nil {
		return err
	}
	p.ints = packed
	p.levels = p.levels[:0]
	if c.Optional {
		p.levels = append(encoding.AppendLevels(p.levels, present), packed...)
		packed = p.levels
	}
	lo, hi := values[0], values[0]
	for _, v := range values {
		lo, hi = min(lo, v), max(hi, v)
	}
	b := Bounds{Min: AppendInt64(nil, lo), Max: AppendInt64(nil, hi), Nulls: int64(rows - len(values))}
	return c.AddPage(p, packed, rows, rows, b)
}

// addPacked adds a data page that is compressed already.
func (c *Chunk) addPacked(p *Press, page encoding.PackedPage, rows, entries int, b Bounds) error {
	header := format.PageHeader{
		Type: format.DataPage,
		DataPageHeader: thrift.New(format.DataPageHeader{
			NumValues:               int32(entries),
			Encoding:                page.Encoding,
			DefinitionLevelEncoding: format.RLE,
			RepetitionLevelEncoding: format.RLE,
			Statistics:              statistics(b),
		}),
	}
	record, err := c.append(p, &header, page.Bytes, page.RawSize)
	if err != nil {
		return err
	}
	record.firstRow, record.Bounds = c.Rows, b
	record.split = page.Encoding == format.ByteStreamSplit
	c.split = c.split || record.split
	c.pages = append(c.pages, record)
	c.Rows += int64(rows)
	c.entries += int64(entries)
	c.nulls += b.Nulls
	return nil
}

// FillNulls adds one page of nulls up to row end of the row group.
func (c *Chunk) FillNulls(p *Press, end int64) error {
	n := int(end - c.Rows)
	if n == 0 {
		return nil
	}
	p.levels = encoding.AppendLevels(p.levels[:0], []encoding.Run{{Value: 0, N: uint32(n)}})
	return c.AddPage(p, p.levels, n, n, Bounds{Nulls: int64(n), empty: true})
}

// pageEncoding: a page without a value is nothing but levels. It refers to no
// dictionary, which the chunk then may lack, and has no header of an encoding.
func (c *Chunk) pageEncoding(b Bounds) format.Encoding {
	if b.empty {
		return format.Plain
	}
	return c.Leaf.encoding
}

// append adds a page of the given size before compression.
func (c *Chunk) append(p *Press, header *format.PageHeader, packed []byte, raw int) (pageRecord, error) {
	header.UncompressedPageSize = int32(raw)
	header.CompressedPageSize = int32(len(packed))
	header.CRC = int32(crc32.ChecksumIEEE(packed))
	head, err := p.Encode(header)
	if err != nil {
		return pageRecord{}, fmt.Errorf("encode page header: %w", err)
	}
	r := pageRecord{offset: len(c.Buf), size: len(head) + len(packed), header: len(head), raw: raw}
	c.Buf = append(append(c.Buf, head...), packed...)
	c.Uncompressed += int64(len(head) + raw)
	r.crc = crc32.Checksum(c.Buf[r.offset:], encoding.Castagnoli)
	return r, nil
}

// addDictionary puts the dictionary page in front of the data pages.
func (c *Chunk) addDictionary(p *Press) error {
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
	data := c.Buf
	c.Buf = p.spare[:0]
	record, err := c.append(p, &header, p.Compress(c.dictionary.plain), len(c.dictionary.plain))
	if err != nil {
		return err
	}
	for i := range c.pages {
		c.pages[i].offset += record.size
	}
	c.Buf = append(c.Buf, data...)
	p.spare = data
	return nil
}

// dictionarySize is the length of the dictionary page; pages follow it.
func (c *Chunk) dictionarySize() int {
	if len(c.pages) == 0 {
		return 0
	}
	return c.pages[0].offset
}

// Bytes is the length of the finished pages, compressed.
func (c *Chunk) Bytes() int { return len(c.Buf) }

// PageCount is the number of finished pages.
func (c *Chunk) PageCount() int { return len(c.pages) }

// DictionaryBytes is the length of the dictionary before compression.
func (c *Chunk) DictionaryBytes() int { return len(c.dictionary.plain) }

// Reset empties c for the next row group and keeps its memory.
func (c *Chunk) Reset() {
	clear(c.pages)
	c.Buf, c.pages = c.Buf[:0], c.pages[:0]
	c.Rows, c.entries, c.nulls, c.Uncompressed, c.split = 0, 0, 0, 0, false
	if c.dictionary != nil {
		c.dictionary.reset()
	}
}
