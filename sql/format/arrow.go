package format

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// recaster makes the batches of an Arrow or Parquet result.
type recaster struct {
	schema  *arrow.Schema
	casters []caster
}

func newRecaster(schema *arrow.Schema, names []string, parquet bool) recaster {
	r := recaster{casters: make([]caster, schema.NumFields())}
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		fields[i], r.casters[i] = recast(f, parquet)
		fields[i].Name = names[i]
	}
	r.schema = arrow.NewSchema(fields, nil)
	return r
}

// batch returns b in the schema of the result; the caller releases it.
func (r *recaster) batch(b arrow.RecordBatch) (arrow.RecordBatch, error) {
	if err := checkColumns(len(r.casters), b); err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, len(r.casters))
	for i, c := range r.casters {
		columns[i] = b.Column(i)
		if c == nil {
			continue
		}
		made, err := c(b.Column(i))
		if err != nil {
			return nil, err
		}
		defer made.Release()
		columns[i] = made
	}
	return array.NewRecordBatch(r.schema, columns, b.NumRows()), nil
}

// AsIs reports whether DuckDB's rows of this schema are the Arrow format's rows
// already: no column is recast.
func AsIs(schema *arrow.Schema) bool {
	for _, f := range schema.Fields() {
		if _, c := recast(f, false); c != nil {
			return false
		}
	}
	return true
}

// arrowEncoder writes the Arrow IPC stream format. Its end-of-stream marker tells a whole
// stream from a part of one.
type arrowEncoder struct {
	recaster
	w *ipc.Writer
}

func newArrow(w io.Writer, schema *arrow.Schema) (Encoder, error) {
	names := make([]string, schema.NumFields())
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	r := newRecaster(schema, names, false)
	return guard(&arrowEncoder{recaster: r, w: ipc.NewWriter(w, ipc.WithSchema(r.schema))}), nil
}

func (e *arrowEncoder) Write(b arrow.RecordBatch) error {
	out, err := e.batch(b)
	if err != nil {
		return err
	}
	defer out.Release()
	return e.w.Write(out)
}

func (e *arrowEncoder) Close() error { return e.w.Close() }
