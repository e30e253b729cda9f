package format

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// csvEncoder writes RFC 4180: a header, lines that end in CR LF, NULL as an
// empty field and empty text as "". A line of a single NULL is written "" too,
// since readers skip empty lines.
type csvEncoder struct{ rows }

func newCSV(w io.Writer, schema *arrow.Schema, o Options) Encoder {
	return guard(&csvEncoder{newRows(w, schema, o)})
}

func (e *csvEncoder) begin() {
	if e.begun {
		return
	}
	e.begun = true
	for i, f := range e.fields {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		start := len(e.buf)
		e.buf = append(e.buf, f.Name...)
		e.buf = quoteCSV(e.buf, start)
	}
	e.buf = append(e.buf, "\r\n"...)
}

func (e *csvEncoder) Write(b arrow.RecordBatch) error {
	if err := e.bind(b, textCell); err != nil {
		return err
	}
	e.begin()
	for i := range int(b.NumRows()) {
		e.row(i)
		if err := e.flush(flushAt); err != nil {
			return err
		}
	}
	return e.flush(0)
}

func (e *csvEncoder) row(i int) {
	for c := range e.cells {
		if c > 0 {
			e.buf = append(e.buf, ',')
		}
		cell := &e.cells[c]
		if cell.null(i) {
			if len(e.cells) == 1 {
				e.buf = append(e.buf, `""`...)
			}
			continue
		}
		start := len(e.buf)
		e.buf = cell.print(e.buf, i)
		if cell.spell == escaped || cell.spell == nested || start == len(e.buf) {
			e.buf = quoteCSV(e.buf, start)
		}
	}
	e.buf = append(e.buf, "\r\n"...)
}

func (e *csvEncoder) Close() error {
	e.begin()
	return e.flush(0)
}

// quoteCSV quotes the field dst[start:] if it needs it, in place.
func quoteCSV(dst []byte, start int) []byte {
	quotes, need := 0, start == len(dst) || dst[start] == ' ' || dst[len(dst)-1] == ' '
	for _, c := range dst[start:] {
		if c > ',' {
			continue
		}
		switch c {
		case '"':
			quotes++
			need = true
		case ',', '\r', '\n':
			need = true
		}
	}
	if !need {
		return dst
	}
	from := len(dst)
	for range quotes + 2 {
		dst = append(dst, '"')
	}
	// From the back, so that nothing is overwritten before it has moved.
	to := len(dst) - 2
	for from--; from >= start; from-- {
		dst[to] = dst[from]
		to--
		if dst[from] == '"' {
			dst[to] = '"'
			to--
		}
	}
	dst[start] = '"'
	return dst
}
