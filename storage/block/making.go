package block

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/series"
)

// rowGroupBytes ends a row group early, at the next series or part of one: it
// bounds the writer's memory, which holds one row group's compressed pages.
const rowGroupBytes = 64 << 20

const parquetMagic = "PAR1"

// making is a file of either form while it is written: all but the columns that
// differ from row to row. It is used by one goroutine.
type making struct {
	form  *form
	out   *output
	opts  Options
	press *column.Press

	labelNames []string              // Of columns, without __name__.
	columnOf   map[string]int        // Label name → position in labels.
	labels     []*column.LabelColumn // The first is __name__.
	rest       *column.MapColumn
	columns    rowColumns
	resolution int64 // Milliseconds, of aggregates.

	index  *indexBuilder
	open   []openGroup // Page groups of the row group in the making.
	rows   int64       // Of the row group in the making.
	groups []format.RowGroup
	pages  [][]column.ChunkIndex // By row group and leaf, for Parquet's page index.

	last  labels.Labels
	lastT int64 // Time of the last thing in the last series.
	extra []labels.Label
	meta  Meta
	err   error
}

// rowColumns are the columns of a file that differ from row to row. Their pages
// break at the same rows.
type rowColumns interface {
	chunks() []*column.Chunk // In the order of the form's leaves.
	// flush ends the page and returns it for the series index; ok is false if there
	// was nothing to flush.
	flush(p *column.Press) (g openGroup, ok bool, err error)
	// finish completes the chunks of a row group. All pages must have been flushed.
	finish(p *column.Press) error
	pageLen() int // Rows of the page in the making.
}

// openGroup is a page group whose place in the file is not known yet: at says
// which page of each chunk it is, -1 for none.
type openGroup struct {
	pageGroup
	at []int
}

func newOpenGroup(f *form, rows int, minT, maxT int64) openGroup {
	g := openGroup{pageGroup: pageGroup{rows: rows, minT: minT, maxT: maxT, pages: make([]column.Page, len(f.read))}}
	g.at = make([]int, len(f.read))
	for i := range g.at {
		g.at[i] = -1
	}
	return g
}

// start begins the file on w.
func (w *making) start(out io.Writer, f *form, o Options, c rowColumns) error {
	if err := o.validate(); err != nil {
		return err
	}
	p, err := column.NewPress(o.zstdLevel())
	if err != nil {
		return err
	}
	w.form, w.out, w.opts, w.press, w.columns = f, newOutput(out), o, p, c
	w.labelNames = f.columns(o.Labels)
	w.columnOf = map[string]int{labels.MetricName: 0}
	w.labels = []*column.LabelColumn{column.NewLabelColumn(column.StringLeaf(false, labels.MetricName))}
	w.rest, w.index = column.NewMapColumn(columnLabels), newIndexBuilder(f)
	for _, name := range w.labelNames {
		w.columnOf[name] = len(w.labels)
		w.labels = append(w.labels, column.NewLabelColumn(column.StringLeaf(true, name)))
	}
	if _, err := w.out.Write([]byte(parquetMagic)); err != nil {
		return fmt.Errorf("write file header: %w", err)
	}
	return nil
}

// part is one call of Append: rows of a series and their times.
type part struct {
	ls          labels.Labels
	rows        int
	first, last int64 // Milliseconds.
	// add gives rows [from, to) to the columns and says how many they took; they
	// take less if their page is full.
	add func(from, to int) (n int, full bool, err error)
}

// append adds a series, or more of the last one.
func (w *making) append(p part) error {
	more, err := w.follows(p)
	if err != nil {
		return err
	}
	if err := w.endShared(p, more); err != nil {
		return err
	}
	for from := 0; from < p.rows; {
		take := min(p.rows-from, int(int64(w.opts.RowGroupRows)-w.rows))
		if err := w.addLabels(p.ls, take); err != nil {
			return err
		}
		if err := w.addRows(p, from, from+take); err != nil {
			return err
		}
		from += take
		w.rows += int64(take)
		if w.rows == int64(w.opts.RowGroupRows) {
			if err := w.flushRowGroup(); err != nil {
				return err
			}
		}
	}
	w.count(p, more)
	return nil
}

// follows checks the order of series and times; more says that p goes on with
// the last series.
func (w *making) follows(p part) (more bool, err error) {
	if !p.ls.Has(labels.MetricName) {
		return false, fmt.Errorf("series %v has no %s: %w", p.ls, labels.MetricName, series.ErrInvalid)
	}
	if w.meta.Series == 0 {
		return false, nil
	}
	switch order := series.Compare(w.last, p.ls); {
	case order > 0:
		return false, fmt.Errorf("series %v does not come after %v: %w", p.ls, w.last, series.ErrInvalid)
	case order == 0 && p.first <= w.lastT:
		return true, fmt.Errorf("series %v goes on at time %d, which is not after %d: %w", p.ls, p.first, w.lastT, series.ErrInvalid)
	default:
		return order == 0, nil
	}
}

// endShared ends what p should not share: the row group in front of a new
// metric, if it is at least half full, or in any case if it is large in bytes;
// the page in front of a series that fills half a page, if it is half full.
func (w *making) endShared(p part, more bool) error {
	half := w.rows >= int64(w.opts.RowGroupRows)/2
	switch {
	case half && !more && p.ls.Get(labels.MetricName) != w.last.Get(labels.MetricName):
		return w.flushRowGroup()
	case w.pageBytes() > rowGroupBytes || w.labelBytes() > rowGroupBytes:
		return w.flushRowGroup()
	case !more && min(p.rows, w.columns.pageLen()) >= w.opts.PageRows/2:
		return w.flushPage()
	default:
		return nil
	}
}

// pageBytes is the size of the finished pages.
func (w *making) pageBytes() int {
	n := 0
	for _, c := range w.columns.chunks() {
		n += c.Bytes()
	}
	return n
}

func (w *making) labelBytes() int {
	n := w.rest.Key.DictionaryBytes() + w.rest.Value.DictionaryBytes()
	for _, c := range w.labels {
		n += c.DictionaryBytes()
	}
	return n
}

func (w *making) addLabels(ls labels.Labels, rows int) (err error) {
	w.extra = w.extra[:0]
	ls.Range(func(l labels.Label) {
		i, ok := w.columnOf[l.Name]
		if !ok {
			w.extra = append(w.extra, l)
		} else if err == nil {
			err = w.labels[i].Add(w.press, w.rows, l.Value, rows)
		}
	})
	if err != nil {
		return err
	}
	return w.rest.Add(w.press, w.extra, rows)
}

func (w *making) addRows(p part, from, to int) error {
	for from < to {
		n, full, err := p.add(from, to)
		if err != nil {
			return err
		}
		from += n
		if full {
			if err := w.flushPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *making) flushPage() error {
	g, ok, err := w.columns.flush(w.press)
	if ok {
		w.open = append(w.open, g)
	}
	return err
}

func (w *making) count(p part, more bool) {
	m := &w.meta
	name := p.ls.Get(labels.MetricName)
	if m.Series == 0 {
		m.MinT, m.MaxT, m.MinName = p.first, p.last, name
	}
	m.MinT, m.MaxT, m.MaxName = min(m.MinT, p.first), max(m.MaxT, p.last), name
	m.Rows += int64(p.rows)
	w.last, w.lastT = p.ls, p.last
	if more {
		w.index.extend(p.rows, p.last)
		return
	}
	m.Series++
	w.index.add(p.ls, p.rows, p.first, p.last)
}

// close completes the file and says what is in it.
func (w *making) close() (Meta, error) {
	if w.err != nil {
		return Meta{}, w.err
	}
	w.err = fmt.Errorf("file is closed: %w", series.ErrInvalid)
	if err := w.flushRowGroup(); err != nil {
		return Meta{}, err
	}
	if err := w.writeTail(); err != nil {
		return Meta{}, err
	}
	if err := w.out.buf.Flush(); err != nil {
		return Meta{}, fmt.Errorf("write end of file: %w", err)
	}
	w.meta.Size = w.out.size
	w.out.sum.Sum(w.meta.SHA256[:0])
	w.meta.TailCRC = w.out.tail
	return w.meta, nil
}
