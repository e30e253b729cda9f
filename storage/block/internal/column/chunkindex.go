package column

import "github.com/parquet-go/parquet-go/format"

// ChunkIndex is Parquet's page index of one column chunk.
type ChunkIndex struct {
	Column  *format.ColumnIndex // nil if some page has no known bounds.
	Offsets format.OffsetIndex
}

// Page is where one page is and what it must contain.
type Page struct {
	Offset int64
	Size   int32 // With header; 0 if no row of the group has a value.
	Raw    int32 // Bytes of the uncompressed body.
	Crc    uint32
	Header uint16 // Bytes of the Parquet page header.
	Split  bool   // Values are in Parquet's encoding BYTE_STREAM_SPLIT.
}

// Place is where page number at of c is in the file.
func (c *Chunk) Place(at int) Page {
	r := c.pages[at]
	return Page{c.Base + int64(r.offset), int32(r.size), int32(r.raw), r.crc, uint16(r.header), r.split}
}

// ColumnChunk describes c, which will stand at offset base.
func (c *Chunk) ColumnChunk(base int64) format.ColumnChunk {
	m := format.ColumnMetaData{
		Type:                  c.kind,
		Encoding:              []format.Encoding{format.RLE, format.Plain},
		PathInSchema:          c.Path,
		Codec:                 format.Zstd,
		NumValues:             c.entries,
		TotalUncompressedSize: c.Uncompressed,
		TotalCompressedSize:   int64(len(c.Buf)),
		DataPageOffset:        base + int64(c.dictionarySize()),
		Statistics:            statistics(c.total()),
	}
	if c.encoding != format.Plain {
		m.Encoding = append(m.Encoding, c.encoding)
	}
	if c.split {
		m.Encoding = append(m.Encoding, format.ByteStreamSplit)
	}
	if c.dictionarySize() > 0 {
		m.DictionaryPageOffset = base
	}
	return format.ColumnChunk{FileOffset: base, MetaData: m}
}

// PageIndex is Parquet's page index of c, which will stand at offset base.
func (c *Chunk) PageIndex(base int64) ChunkIndex {
	x := ChunkIndex{Column: &format.ColumnIndex{}}
	for _, p := range c.pages {
		x.Offsets.PageLocations = append(x.Offsets.PageLocations, format.PageLocation{
			Offset: base + int64(p.offset), CompressedPageSize: int32(p.size), FirstRowIndex: p.firstRow,
		})
		if x.Column == nil || (!p.empty && p.Min == nil) || len(p.Min) > maxBound || len(p.Max) > maxBound {
			x.Column = nil
			continue
		}
		x.Column.NullPages = append(x.Column.NullPages, p.empty)
		x.Column.NullCounts = append(x.Column.NullCounts, p.Nulls)
		x.Column.MinValues = append(x.Column.MinValues, p.Min)
		x.Column.MaxValues = append(x.Column.MaxValues, p.Max)
	}
	return x
}
