package block

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// FormatVersion is the version of the file format that this package writes. It
// reads all versions up to this one.
const FormatVersion = 2

const createdBy = "herringbone version 1.0.0 (build 1)"

// chunkIndex is Parquet's page index of one column chunk.
type chunkIndex struct {
	column  *format.ColumnIndex // nil if some page has no known bounds.
	offsets format.OffsetIndex
}

// chunks are all columns in file order.
func (w *making) chunks() []*chunk {
	var all []*chunk
	for _, c := range w.labels {
		all = append(all, &c.chunk)
	}
	all = append(all, &w.rest.key, &w.rest.value)
	return append(all, w.columns.chunks()...)
}

// flushRowGroup writes the row group in the making, if it has rows.
func (w *making) flushRowGroup() error {
	if w.rows == 0 {
		return nil
	}
	if err := w.finishColumns(); err != nil {
		return err
	}
	group := format.RowGroup{
		NumRows:        w.rows,
		FileOffset:     w.out.size,
		Ordinal:        int16(min(len(w.groups), 1<<15-1)),
		SortingColumns: []format.SortingColumn{{ColumnIdx: 0}},
	}
	w.place()
	var indexes []chunkIndex
	for _, c := range w.chunks() {
		column := c.columnChunk(w.out.size)
		group.Columns = append(group.Columns, column)
		group.TotalByteSize += c.uncompressed
		group.TotalCompressedSize += int64(len(c.buf))
		indexes = append(indexes, c.pageIndex(w.out.size))
		if _, err := w.out.Write(c.buf); err != nil {
			return fmt.Errorf("write column %v: %w", c.path, err)
		}
		c.reset()
	}
	w.groups, w.pages = append(w.groups, group), append(w.pages, indexes)
	w.rows = 0
	return nil
}

func (w *making) finishColumns() error {
	if err := w.flushPage(); err != nil {
		return err
	}
	for _, c := range w.labels {
		if err := c.finish(w.press, w.rows); err != nil {
			return err
		}
	}
	if err := w.rest.finish(w.press); err != nil {
		return err
	}
	return w.columns.finish(w.press)
}

// place moves the open page groups to the index, now that the place of their
// chunks in the file is known.
func (w *making) place() {
	base := w.out.size
	for _, c := range w.chunks() {
		c.base = base
		base += int64(len(c.buf))
	}
	columns := w.columns.chunks()
	for _, g := range w.open {
		if n := len(w.index.groups); n > 0 {
			g.firstRow = w.index.groups[n-1].firstRow + int64(w.index.groups[n-1].rows)
		}
		for kind, at := range g.at {
			if at >= 0 {
				g.pages[kind] = columns[w.form.read[kind]].place(at)
			}
		}
		w.index.groups = append(w.index.groups, g.pageGroup)
	}
	w.open = w.open[:0]
}

// place is where page number at of c is in the file.
func (c *chunk) place(at int) page {
	r := c.pages[at]
	return page{c.base + int64(r.offset), int32(r.size), int32(r.raw), r.crc, uint16(r.header), r.split}
}

// columnChunk describes c, which will stand at offset base.
func (c *chunk) columnChunk(base int64) format.ColumnChunk {
	m := format.ColumnMetaData{
		Type:                  c.kind,
		Encoding:              []format.Encoding{format.RLE, format.Plain},
		PathInSchema:          c.path,
		Codec:                 format.Zstd,
		NumValues:             c.entries,
		TotalUncompressedSize: c.uncompressed,
		TotalCompressedSize:   int64(len(c.buf)),
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

// total are the bounds of the whole chunk.
func (c *chunk) total() bounds {
	out := bounds{nulls: c.nulls, empty: true}
	for _, p := range c.pages {
		switch {
		case p.empty:
		case p.min == nil:
			return bounds{nulls: c.nulls}
		case out.empty:
			out.min, out.max, out.empty = p.min, p.max, false
		default:
			if c.less(p.min, out.min) {
				out.min = p.min
			}
			if c.less(out.max, p.max) {
				out.max = p.max
			}
		}
	}
	return out
}

// pageIndex is Parquet's page index of c, which will stand at offset base.
func (c *chunk) pageIndex(base int64) chunkIndex {
	x := chunkIndex{column: &format.ColumnIndex{}}
	for _, p := range c.pages {
		x.offsets.PageLocations = append(x.offsets.PageLocations, format.PageLocation{
			Offset: base + int64(p.offset), CompressedPageSize: int32(p.size), FirstRowIndex: p.firstRow,
		})
		if x.column == nil || (!p.empty && p.min == nil) || len(p.min) > maxBound || len(p.max) > maxBound {
			x.column = nil
			continue
		}
		x.column.NullPages = append(x.column.NullPages, p.empty)
		x.column.NullCounts = append(x.column.NullCounts, p.nulls)
		x.column.MinValues = append(x.column.MinValues, p.min)
		x.column.MaxValues = append(x.column.MaxValues, p.max)
	}
	return x
}

// writeTail writes what follows the row groups: Parquet's page index, then the
// tail, which is the series index and the footer.
func (w *making) writeTail() error {
	if err := w.writePageIndexes(); err != nil {
		return fmt.Errorf("write page index: %w", err)
	}
	w.meta.Tail = w.out.size
	w.out.beginTail()
	blob := w.index.appendBlob(nil, w.press)
	if _, err := w.out.Write(blob); err != nil {
		return fmt.Errorf("write series index: %w", err)
	}
	footer, err := w.press.encode(w.fileMetaData(len(blob)))
	if err != nil {
		return fmt.Errorf("encode footer: %w", err)
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	if _, err := w.out.Write(append(footer, parquetMagic...)); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	return nil
}

func (w *making) writePageIndexes() error {
	for g, indexes := range w.pages {
		for i, x := range indexes {
			if x.column == nil {
				continue
			}
			c := &w.groups[g].Columns[i]
			c.ColumnIndexOffset = w.out.size
			n, err := w.writeThrift(x.column)
			if err != nil {
				return err
			}
			c.ColumnIndexLength = n
		}
	}
	for g, indexes := range w.pages {
		for i := range indexes {
			c := &w.groups[g].Columns[i]
			c.OffsetIndexOffset = w.out.size
			n, err := w.writeThrift(&indexes[i].offsets)
			if err != nil {
				return err
			}
			c.OffsetIndexLength = n
		}
	}
	return nil
}

func (w *making) writeThrift(v any) (int32, error) {
	b, err := w.press.encode(v)
	if err != nil {
		return 0, err
	}
	_, err = w.out.Write(b)
	return int32(len(b)), err
}

func (w *making) fileMetaData(indexSize int) *format.FileMetaData {
	leaves := len(w.chunks())
	m := &format.FileMetaData{
		Version:   1,
		Schema:    w.form.schema(w.labelNames),
		NumRows:   w.meta.Rows,
		RowGroups: thrift.Slice[format.RowGroup](w.groups),
		CreatedBy: createdBy,
	}
	for range leaves {
		m.ColumnOrders = append(m.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	number := func(key string, v int64) {
		m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: "herringbone." + key, Value: strconv.FormatInt(v, 10)})
	}
	number("format", FormatVersion)
	m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: "herringbone.writer", Value: w.opts.Writer})
	number("level", int64(w.opts.Level))
	number("sequence", w.opts.Sequence)
	number("min_time", w.meta.MinT)
	number("max_time", w.meta.MaxT)
	number("rows", w.meta.Rows)
	number("series", w.meta.Series)
	number("index_offset", w.meta.Tail)
	number("index_length", int64(indexSize))
	if w.resolution > 0 {
		number("resolution", w.resolution)
	}
	return m
}
