package block

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"herringbone/storage/block/internal/column"
)

// FormatVersion is the version of the file format that this package writes. It
// reads all versions up to this one.
const FormatVersion = 2

const createdBy = "herringbone version 1.0.0 (build 1)"

// chunks are all columns in file order.
func (w *making) chunks() []*column.Chunk {
	var all []*column.Chunk
	for _, c := range w.labels {
		all = append(all, &c.Chunk)
	}
	all = append(all, &w.rest.Key, &w.rest.Value)
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
	var indexes []column.ChunkIndex
	for _, c := range w.chunks() {
		column := c.ColumnChunk(w.out.size)
		group.Columns = append(group.Columns, column)
		group.TotalByteSize += c.Uncompressed
		group.TotalCompressedSize += int64(c.Bytes())
		indexes = append(indexes, c.PageIndex(w.out.size))
		if _, err := w.out.Write(c.Buf); err != nil {
			return fmt.Errorf("write column %v: %w", c.Path, err)
		}
		c.Reset()
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
		if err := c.Finish(w.press, w.rows); err != nil {
			return err
		}
	}
	if err := w.rest.Finish(w.press); err != nil {
		return err
	}
	return w.columns.finish(w.press)
}

// place moves the open page groups to the index, now that the place of their
// chunks in the file is known.
func (w *making) place() {
	base := w.out.size
	for _, c := range w.chunks() {
		c.Base = base
		base += int64(c.Bytes())
	}
	columns := w.columns.chunks()
	for _, g := range w.open {
		if n := len(w.index.groups); n > 0 {
			g.firstRow = w.index.groups[n-1].firstRow + int64(w.index.groups[n-1].rows)
		}
		for kind, at := range g.at {
			if at >= 0 {
				g.pages[kind] = columns[w.form.read[kind]].Place(at)
			}
		}
		w.index.groups = append(w.index.groups, g.pageGroup)
	}
	w.open = w.open[:0]
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
	footer, err := w.press.Encode(w.fileMetaData(len(blob)))
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
			if x.Column == nil {
				continue
			}
			c := &w.groups[g].Columns[i]
			c.ColumnIndexOffset = w.out.size
			n, err := w.writeThrift(x.Column)
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
			n, err := w.writeThrift(&indexes[i].Offsets)
			if err != nil {
				return err
			}
			c.OffsetIndexLength = n
		}
	}
	return nil
}

func (w *making) writeThrift(v any) (int32, error) {
	b, err := w.press.Encode(v)
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
