package format

import (
	"io"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// jsonEncoder writes one object: columns, rows as arrays, and at the very end
// the row count, which tells a whole answer from a part of one.
type jsonEncoder struct{ rows }

func newJSON(w io.Writer, schema *arrow.Schema, o Options) Encoder {
	return guard(&jsonEncoder{newRows(w, schema, o)})
}

func (e *jsonEncoder) begin() {
	if e.begun {
		return
	}
	e.begun = true
	e.buf = append(e.buf, `{"columns":[`...)
	for i, f := range e.fields {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		name, _ := typeName(f)
		e.buf = appendJSONString(append(e.buf, `{"name":`...), f.Name)
		e.buf = appendJSONString(append(e.buf, `,"type":`...), name)
		e.buf = append(e.buf, '}')
	}
	e.buf = append(e.buf, "],\"rows\":["...)
}

func (e *jsonEncoder) Write(b arrow.RecordBatch) error {
	if err := e.bind(b, jsonCell); err != nil {
		return err
	}
	e.begin()
	for i := range int(b.NumRows()) {
		if e.count > 0 {
			e.buf = append(e.buf, ',')
		}
		e.count++
		e.buf = append(e.buf, '\n', '[')
		for c := range e.cells {
			if c > 0 {
				e.buf = append(e.buf, ',')
			}
			e.buf = e.cells[c].print(e.buf, i)
		}
		e.buf = append(e.buf, ']')
		if err := e.flush(flushAt); err != nil {
			return err
		}
	}
	return e.flush(0)
}

func (e *jsonEncoder) Close() error {
	e.begin()
	if e.count > 0 {
		e.buf = append(e.buf, '\n')
	}
	e.buf = append(e.buf, `],"row_count":`...)
	e.buf = strconv.AppendInt(e.buf, e.count, 10)
	e.buf = append(e.buf, "}\n"...)
	return e.flush(0)
}

// jsonlEncoder writes an object a row, its members in column order.
type jsonlEncoder struct {
	rows
	names [][]byte // {"a":  ,"b":  …
}

func newJSONL(w io.Writer, schema *arrow.Schema, o Options) Encoder {
	e := &jsonlEncoder{rows: newRows(w, schema, o)}
	for i, name := range uniqueNames(schema) {
		opening := []byte{','}
		if i == 0 {
			opening[0] = '{'
		}
		e.names = append(e.names, append(appendJSONString(opening, name), ':'))
	}
	return guard(e)
}

func (e *jsonlEncoder) Write(b arrow.RecordBatch) error {
	if err := e.bind(b, jsonCell); err != nil {
		return err
	}
	for i := range int(b.NumRows()) {
		for c := range e.cells {
			e.buf = append(e.buf, e.names[c]...)
			e.buf = e.cells[c].print(e.buf, i)
		}
		e.buf = append(e.buf, "}\n"...)
		if err := e.flush(flushAt); err != nil {
			return err
		}
	}
	return e.flush(0)
}

func (e *jsonlEncoder) Close() error { return nil }
