package format

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// pageRows is how many rows the pretty table lays out together.
const pageRows = 1000

// prettyEncoder draws a table for people, a page of rows at a time. Columns are
// as wide as the pages so far needed; when a page needs more, the table ends and
// a wider one begins, so that no number is ever cut.
type prettyEncoder struct {
	rows
	page   []table.Row
	widths []int
	open   bool // The table at hand has no bottom yet.
}

func newPretty(w io.Writer, schema *arrow.Schema, o Options) Encoder {
	if o.MaxWidth == 0 {
		o.MaxWidth = DefaultMaxWidth
	}
	e := &prettyEncoder{rows: newRows(w, schema, o), widths: make([]int, schema.NumFields())}
	if o.Expanded {
		return guard(&expandedEncoder{e.rows})
	}
	for i, f := range e.fields {
		e.widths[i] = text.StringWidth(e.header(f))
	}
	return guard(e)
}

// header returns a column's name as it is drawn.
func (r *rows) header(f arrow.Field) string { return r.cut(string(appendVisible(nil, f.Name))) }

func (r *rows) cut(s string) string {
	if r.o.MaxWidth > 0 {
		return text.Snip(s, r.o.MaxWidth, "…")
	}
	return s
}

// shown is the text of a value as it is drawn.
func (r *rows) shown(c *cell, i int) string {
	if c.null(i) {
		return "NULL"
	}
	r.buf = c.print(r.buf[:0], i)
	if c.spell != escaped && c.spell != nested {
		return string(r.buf)
	}
	return r.cut(string(appendVisible(nil, string(r.buf))))
}

func (e *prettyEncoder) Write(b arrow.RecordBatch) error {
	if err := e.bind(b, textCell); err != nil {
		return err
	}
	for i := range int(b.NumRows()) {
		row := make(table.Row, len(e.cells))
		for c := range e.cells {
			row[c] = e.shown(&e.cells[c], i)
		}
		e.page = append(e.page, row)
		if len(e.page) == pageRows {
			if err := e.draw(); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw writes the page and leaves the table open for the next.
func (e *prettyEncoder) draw() error {
	wider := false
	for _, row := range e.page {
		for c, v := range row {
			if w := text.StringWidth(v.(string)); w > e.widths[c] {
				e.widths[c], wider = w, true
			}
		}
	}
	if wider && e.open {
		if err := e.bottom(); err != nil {
			return err
		}
	}
	lines := e.render(e.page)
	from := 0
	if e.open {
		from = 3 // The top, the header and the line below it.
	}
	_, err := io.WriteString(e.w, strings.Join(lines[from:len(lines)-1], "\n")+"\n")
	e.open = true
	e.count += int64(len(e.page))
	e.page = e.page[:0]
	return err
}

func (e *prettyEncoder) bottom() error {
	e.open = false
	lines := e.render(nil)
	_, err := io.WriteString(e.w, lines[len(lines)-1]+"\n")
	return err
}

// render returns the lines of a whole table: top, header, line, rows, bottom.
func (e *prettyEncoder) render(page []table.Row) []string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	header, configs := make(table.Row, len(e.fields)), make([]table.ColumnConfig, len(e.fields))
	for i, f := range e.fields {
		header[i] = e.header(f)
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMin: e.widths[i], Align: text.AlignLeft}
		if rightAligned(f) {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	t.AppendRows(page)
	return strings.Split(t.Render(), "\n")
}

func rightAligned(f arrow.Field) bool {
	t, ext := unwrap(f)
	switch ext {
	case extHugeint, extUhugeint, extBignum:
		return true
	case extNone:
		return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
	}
	return false
}

func (e *prettyEncoder) Close() error {
	if len(e.fields) == 0 {
		return e.total(e.count)
	}
	if len(e.page) > 0 || !e.open {
		if err := e.draw(); err != nil {
			return err
		}
	}
	if err := e.bottom(); err != nil {
		return err
	}
	return e.total(e.count)
}

// total writes the row count, the end of a pretty result.
func (r *rows) total(n int64) error {
	unit := "rows"
	if n == 1 {
		unit = "row"
	}
	_, err := fmt.Fprintf(r.w, "(%d %s)\n", n, unit)
	return err
}

// expandedEncoder writes a line a value, for rows too wide for a screen.
type expandedEncoder struct{ rows }

func (e *expandedEncoder) Write(b arrow.RecordBatch) error {
	if err := e.bind(b, textCell); err != nil {
		return err
	}
	names, width := make([]string, len(e.fields)), 0
	for c, f := range e.fields {
		names[c] = e.header(f)
		width = max(width, text.StringWidth(names[c]))
	}
	var out []byte
	for i := range int(b.NumRows()) {
		e.count++
		out = append(out, text.Pad("─[ row "+strconv.FormatInt(e.count, 10)+" ]", width+20, '─')...)
		out = append(out, '\n')
		for c := range e.cells {
			out = append(out, text.Pad(names[c], width, ' ')...)
			out = append(out, " │ "...)
			out = append(out, e.shown(&e.cells[c], i)...)
			out = append(out, '\n')
		}
		if len(out) >= flushAt {
			if _, err := e.w.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	_, err := e.w.Write(out)
	return err
}

func (e *expandedEncoder) Close() error { return e.total(e.count) }

// appendVisible writes what a terminal would act on, or not show, as an escape.
func appendVisible(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case unicode.IsPrint(r):
			dst = utf8.AppendRune(dst, r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
	}
	return dst
}
