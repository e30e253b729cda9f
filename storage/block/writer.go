package block

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/format"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// rowGroupBytes ends a row group early, at the next series: it bounds the
// writer's memory, which holds one row group's compressed pages.
const rowGroupBytes = 64 << 20

const parquetMagic = "PAR1"

// Writer writes one file. It is used by one goroutine. After an error it can
// only be dropped, and so can what it wrote.
type Writer struct {
	out   *output
	opts  Options
	press *press

	labelNames []string       // Of columns, without __name__.
	columnOf   map[string]int // Label name → position in labels.
	labels     []*labelColumn // The first is __name__.
	rest       *mapColumn
	samples    *sampleColumns

	index  *indexBuilder
	open   []openGroup // Page groups of the row group in the making.
	rows   int64       // Of the row group in the making.
	groups []format.RowGroup
	pages  [][]chunkIndex // By row group and leaf, for Parquet's page index.

	last  labels.Labels
	extra []labels.Label
	meta  Meta
	err   error
}

// NewWriter begins a file on w. Errors wrap series.ErrInvalid or are w's.
func NewWriter(w io.Writer, o Options) (*Writer, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	p, err := newPress(o.zstdLevel())
	if err != nil {
		return nil, err
	}
	b := &Writer{
		out: newOutput(w), opts: o, press: p,
		labelNames: columns(o.Labels),
		columnOf:   map[string]int{labels.MetricName: 0},
		labels:     []*labelColumn{newLabelColumn(stringLeaf(false, labels.MetricName))},
		rest:       newMapColumn(),
		samples:    newSampleColumns(o.PageRows),
		index:      newIndexBuilder(),
	}
	for _, name := range b.labelNames {
		b.columnOf[name] = len(b.labels)
		b.labels = append(b.labels, newLabelColumn(stringLeaf(true, name)))
	}
	if _, err := b.out.Write([]byte(parquetMagic)); err != nil {
		return nil, fmt.Errorf("write file header: %w", err)
	}
	return b, nil
}

// Columns returns the labels that have a column, __name__ not counted.
func (w *Writer) Columns() []string { return w.labelNames }

// Append adds all samples of one series. Series come in the order of
// series.Compare, each once, and their samples in the order of time, one a
// millisecond; an error that wraps series.ErrInvalid says that they did not. A
// series without samples is left out. w keeps neither s nor what it points to.
func (w *Writer) Append(ls labels.Labels, s *series.Samples) error {
	if w.err == nil && s.Len() > 0 {
		w.err = w.append(ls, s)
	}
	return w.err
}

func (w *Writer) append(ls labels.Labels, s *series.Samples) error {
	if err := w.check(ls, s); err != nil {
		return err
	}
	if err := w.breakRowGroup(ls); err != nil {
		return err
	}
	for from, n := 0, s.Len(); from < n; {
		take := min(n-from, int(int64(w.opts.RowGroupRows)-w.rows))
		if err := w.addLabels(ls, take); err != nil {
			return err
		}
		if err := w.addSamples(s, from, from+take); err != nil {
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
	w.index.add(ls, s.Len(), s.Times[0], s.Times[s.Len()-1])
	w.count(ls, s)
	return nil
}

func (w *Writer) check(ls labels.Labels, s *series.Samples) error {
	if !ls.Has(labels.MetricName) {
		return fmt.Errorf("series %v has no %s: %w", ls, labels.MetricName, series.ErrInvalid)
	}
	if w.meta.Series > 0 && series.Compare(w.last, ls) >= 0 {
		return fmt.Errorf("series %v does not come after %v: %w", ls, w.last, series.ErrInvalid)
	}
	for i := 1; i < len(s.Times); i++ {
		if s.Times[i] <= s.Times[i-1] {
			return fmt.Errorf("series %v: time %d follows %d: %w", ls, s.Times[i], s.Times[i-1], series.ErrInvalid)
		}
	}
	return nil
}

// breakRowGroup ends the row group in front of a new metric, if it is at least
// half full, or in front of any series if it is large in bytes.
func (w *Writer) breakRowGroup(ls labels.Labels) error {
	half := w.rows >= int64(w.opts.RowGroupRows)/2
	if half && ls.Get(labels.MetricName) != w.last.Get(labels.MetricName) {
		return w.flushRowGroup()
	}
	if w.samples.bytes() > rowGroupBytes || w.labelBytes() > rowGroupBytes {
		return w.flushRowGroup()
	}
	return nil
}

func (w *Writer) labelBytes() int {
	n := len(w.rest.key.dictionary.plain) + len(w.rest.value.dictionary.plain)
	for _, c := range w.labels {
		n += len(c.dictionary.plain)
	}
	return n
}

func (w *Writer) addLabels(ls labels.Labels, rows int) (err error) {
	w.extra = w.extra[:0]
	ls.Range(func(l labels.Label) {
		i, ok := w.columnOf[l.Name]
		if !ok {
			w.extra = append(w.extra, l)
		} else if err == nil {
			err = w.labels[i].add(w.press, w.rows, l.Value, rows)
		}
	})
	if err != nil {
		return err
	}
	return w.rest.add(w.press, w.extra, rows)
}

func (w *Writer) addSamples(s *series.Samples, from, to int) error {
	for from < to {
		n, err := w.samples.add(s, from, to)
		if err != nil {
			return err
		}
		from += n
		if w.samples.full() {
			if err := w.flushPage(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *Writer) flushPage() error {
	g, ok, err := w.samples.flush(w.press)
	if ok {
		w.open = append(w.open, g)
	}
	return err
}

func (w *Writer) count(ls labels.Labels, s *series.Samples) {
	m := &w.meta
	first, last := s.Times[0], s.Times[s.Len()-1]
	name := ls.Get(labels.MetricName)
	if m.Series == 0 {
		m.MinT, m.MaxT, m.MinName = first, last, name
	}
	m.MinT, m.MaxT, m.MaxName = min(m.MinT, first), max(m.MaxT, last), name
	m.Series++
	m.Rows += int64(s.Len())
	w.last = ls
}

// Close completes the file and says what is in it. It does not close the
// underlying writer, nor sync it.
func (w *Writer) Close() (Meta, error) {
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

// output counts and checksums what is written.
type output struct {
	buf  *bufio.Writer
	size int64
	sum  hash.Hash
	tail uint32 // CRC-32C since the last beginTail.
}

func newOutput(w io.Writer) *output {
	return &output{buf: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
}

func (o *output) beginTail() { o.tail = 0 }

func (o *output) Write(b []byte) (int, error) {
	n, err := o.buf.Write(b)
	o.size += int64(n)
	o.sum.Write(b[:n])
	o.tail = crc32.Update(o.tail, castagnoli, b[:n])
	return n, err
}
