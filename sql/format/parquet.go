package format

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"herringbone/storage/series"
)

// A row group is held in memory until it is full, whichever comes first.
const (
	rowGroupRows  = 64 << 10
	rowGroupBytes = 8 << 20
)

type parquetEncoder struct {
	recaster
	sink  *sink
	w     *pqarrow.FileWriter
	rows  int64 // Of the row group at hand.
	bytes int64

	perColumn []parquet.WriterProperty
}

// sink keeps the first error, as the Parquet writer drops some, and hides the
// Close of the writer below.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

// newParquet writes nothing yet: the Parquet writer does at once, so it is made
// at the first batch or the end; a schema that it refuses is found here.
func newParquet(w io.Writer, result *arrow.Schema) (Encoder, error) {
	e := &parquetEncoder{recaster: newRecaster(result, uniqueNames(result), true), sink: &sink{w: w}}
	columns, err := pqarrow.ToParquet(e.schema, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, fmt.Errorf("result as Parquet: %w: %w", err, series.ErrInvalid)
	}
	for i := range columns.NumColumns() {
		e.perColumn = append(e.perColumn, columnProperties(columns.Column(i))...)
	}
	return guard(e), nil
}

// columnProperties: the writer's dictionaries hold one NaN for all, so floats go
// without; integers and times, mostly rising, are smaller as differences. Its
// statistics of bytes point into the batch until the row group
// ends, when the batch was released or holds other rows, so bytes have none.
func columnProperties(c *schema.Column) []parquet.WriterProperty {
	switch c.PhysicalType() {
	case parquet.Types.Double, parquet.Types.Float:
		return []parquet.WriterProperty{parquet.WithDictionaryPath(c.ColumnPath(), false)}
	case parquet.Types.Int32, parquet.Types.Int64:
		return []parquet.WriterProperty{
			parquet.WithDictionaryPath(c.ColumnPath(), false),
			parquet.WithEncodingPath(c.ColumnPath(), parquet.Encodings.DeltaBinaryPacked),
		}
	case parquet.Types.ByteArray, parquet.Types.FixedLenByteArray:
		return []parquet.WriterProperty{parquet.WithStatsPath(c.ColumnPath(), false)}
	}
	return nil
}

func (e *parquetEncoder) begin() error {
	if e.w != nil {
		return nil
	}
	options := append([]parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1), // Windows of 4 MiB rather than 8: memory a result.
		parquet.WithMaxRowGroupLength(rowGroupRows),
		parquet.WithDictionaryPageSizeLimit(256 << 10),
		parquet.WithCreatedBy("herringbone"),
	}, e.perColumn...)
	var err error
	e.w, err = pqarrow.NewFileWriter(e.schema, e.sink, parquet.NewWriterProperties(options...),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	return err
}

func (e *parquetEncoder) Write(b arrow.RecordBatch) error {
	if err := e.begin(); err != nil {
		return err
	}
	out, err := e.batch(b)
	if err != nil {
		return err
	}
	defer out.Release()
	if e.rows > 0 && (e.rows+out.NumRows() > rowGroupRows || e.bytes >= rowGroupBytes) {
		e.w.NewBufferedRowGroup()
		e.rows, e.bytes = 0, 0
	}
	e.rows += out.NumRows()
	e.bytes += batchBytes(out)
	if err := e.w.WriteBuffered(out); err != nil {
		return err
	}
	return e.sink.err
}

func (e *parquetEncoder) Close() error {
	if err := e.begin(); err != nil {
		return err
	}
	if err := e.w.Close(); err != nil {
		return err
	}
	return e.sink.err
}

// batchBytes is the memory of a batch's values.
func batchBytes(b arrow.RecordBatch) int64 {
	var n int64
	for _, c := range b.Columns() {
		n += arrayBytes(c.Data())
	}
	return n
}

func arrayBytes(d arrow.ArrayData) int64 {
	var n int64
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range d.Children() {
		n += arrayBytes(c)
	}
	return n
}
