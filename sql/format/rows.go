package format

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// flushAt is how many bytes of text are gathered before they are written.
const flushAt = 64 << 10

// cell is one column of a batch, ready to print.
type cell struct {
	arr   arrow.Array
	print printer
	nulls bool     // isNull must be asked.
	spell spelling // Of a text cell.
}

func (c *cell) null(i int) bool { return c.nulls && isNull(c.arr, i) }

// rows is what the text encoders share: the schema, the cells of the batch at
// hand and the bytes not yet written.
type rows struct {
	w      io.Writer
	fields []arrow.Field
	o      Options
	cells  []cell
	buf    []byte
	begun  bool
	count  int64
}

func newRows(w io.Writer, schema *arrow.Schema, o Options) rows {
	return rows{w: w, fields: schema.Fields(), o: o, cells: make([]cell, schema.NumFields())}
}

// bind makes the cells of a batch, by newCell.
func (r *rows) bind(b arrow.RecordBatch, newCell func(arrow.Field, arrow.Array, Options) (cell, error)) error {
	if err := checkColumns(len(r.fields), b); err != nil {
		return err
	}
	for i, f := range r.fields {
		c, err := newCell(f, b.Column(i), r.o)
		if err != nil {
			return err
		}
		r.cells[i] = c
	}
	return nil
}

// textCell prints for CSV and the pretty table; its caller asks for NULL.
func textCell(f arrow.Field, arr arrow.Array, o Options) (cell, error) {
	p, s, err := newPrinter(f, arr, o)
	return cell{arr: arr, print: p, nulls: hasNulls(arr), spell: s}, err
}

// jsonCell prints JSON, NULL included.
func jsonCell(f arrow.Field, arr arrow.Array, o Options) (cell, error) {
	p, err := jsonPrinter(f, arr, o)
	return cell{arr: arr, print: p}, err
}

// flush writes what is gathered if it is at least atLeast bytes.
func (r *rows) flush(atLeast int) error {
	if len(r.buf) < max(1, atLeast) {
		return nil
	}
	_, err := r.w.Write(r.buf)
	r.buf = r.buf[:0]
	return err
}
