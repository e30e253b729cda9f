package block

import (
	"encoding/binary"

	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// pageHistogramBytes ends a page of samples early, because histograms are long.
const pageHistogramBytes = 1 << 20

// sampleColumns writes the columns that differ from row to row. Their pages
// break at the same rows, except that stretches without any value (of the four
// columns that mostly have none) are one long page.
type sampleColumns struct {
	pageRows int

	all                         []*column.Chunk // In file order.
	time, value, stale          *column.Chunk
	start, hist, count, histSum *column.Chunk

	// The page in the making.
	times      []int64
	values     []float64      // Of rows that are floats.
	floats     []encoding.Run // 1 where the row is a float.
	starts     []int64
	started    []encoding.Run
	histograms []byte
	counts     []float64
	sums       []float64
	staleRows  []int32 // Rows that are staleness markers.

	body []byte
	bits []byte
}

func newSampleColumns(pageRows int) *sampleColumns {
	c := &sampleColumns{pageRows: pageRows, all: samplesForm.chunks()}
	c.time, c.value, c.stale = c.all[0], c.all[1], c.all[2]
	c.start, c.hist, c.count, c.histSum = c.all[3], c.all[4], c.all[5], c.all[6]
	return c
}

func (c *sampleColumns) chunks() []*column.Chunk { return c.all }

func (c *sampleColumns) pageLen() int { return len(c.times) }

// add takes rows [from, to) of s until the page is full, and says how many.
func (c *sampleColumns) add(s *series.Samples, from, to int) (int, error) {
	to = min(to, from+c.pageRows-len(c.times))
	if s.Histograms != nil {
		return c.addMixed(s, from, to)
	}
	c.addFloats(s, from, to)
	return to - from, nil
}

func (c *sampleColumns) addFloats(s *series.Samples, from, to int) {
	base := len(c.times)
	c.times = append(c.times, s.Times[from:to]...)
	c.values = append(c.values, s.Values[from:to]...)
	c.floats = encoding.AddRun(c.floats, 1, to-from)
	for i, v := range s.Values[from:to] {
		if v != v && value.IsStaleNaN(v) {
			c.staleRows = append(c.staleRows, int32(base+i))
		}
	}
	if s.Starts == nil {
		c.started = encoding.AddRun(c.started, 0, to-from)
		return
	}
	for _, start := range s.Starts[from:to] {
		c.addStart(start)
	}
}

func (c *sampleColumns) addMixed(s *series.Samples, from, to int) (int, error) {
	for i := from; i < to; i++ {
		if len(c.histograms) >= pageHistogramBytes {
			return i - from, nil
		}
		h := s.HistogramAt(i)
		if h == nil {
			c.floats = encoding.AddRun(c.floats, 1, 1)
			c.values = append(c.values, s.Values[i])
		} else if err := c.addHistogram(h); err != nil {
			return 0, err
		}
		if s.IsStale(i) {
			c.staleRows = append(c.staleRows, int32(len(c.times)))
		}
		c.times = append(c.times, s.Times[i])
		c.addStart(s.StartAt(i))
	}
	return to - from, nil
}

func (c *sampleColumns) addHistogram(h *series.Histogram) error {
	at := len(c.histograms)
	b, err := encoding.AppendHistogram(append(c.histograms, 0, 0, 0, 0), h)
	if err != nil {
		return err
	}
	c.histograms = b
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	count, sum := encoding.CountAndSum(h)
	c.counts, c.sums = append(c.counts, count), append(c.sums, sum)
	c.floats = encoding.AddRun(c.floats, 0, 1)
	return nil
}

func (c *sampleColumns) addStart(start int64) {
	if start == 0 {
		c.started = encoding.AddRun(c.started, 0, 1)
		return
	}
	c.started = encoding.AddRun(c.started, 1, 1)
	c.starts = append(c.starts, start)
}

// full reports whether the page must be flushed before more rows are added.
func (c *sampleColumns) full() bool {
	return len(c.times) >= c.pageRows || len(c.histograms) >= pageHistogramBytes
}

// flush ends the page and returns it for the series index; ok is false if there
// was nothing to flush.
func (c *sampleColumns) flush(p *column.Press) (openGroup, bool, error) {
	rows := len(c.times)
	if rows == 0 {
		return openGroup{}, false, nil
	}
	g := newOpenGroup(&samplesForm, rows, c.times[0], c.times[0])
	for _, t := range c.times {
		g.minT, g.maxT = min(g.minT, t), max(g.maxT, t)
	}
	err := c.flushAll(p, &g)
	c.times, c.values, c.floats = c.times[:0], c.values[:0], c.floats[:0]
	c.starts, c.started, c.staleRows = c.starts[:0], c.started[:0], c.staleRows[:0]
	c.histograms, c.counts, c.sums = c.histograms[:0], c.counts[:0], c.sums[:0]
	return g, true, err
}

func (c *sampleColumns) flushAll(p *column.Press, g *openGroup) error {
	steps := []func(*column.Press, *openGroup) error{c.flushTime, c.flushValue, c.flushStale, c.flushStart, c.flushHistogram}
	for _, step := range steps {
		if err := step(p, g); err != nil {
			return err
		}
	}
	return nil
}

func (c *sampleColumns) flushTime(p *column.Press, g *openGroup) error {
	g.at[pageTime] = c.time.PageCount()
	return c.time.AddInts(p, nil, c.times, g.rows)
}

func (c *sampleColumns) flushValue(p *column.Press, g *openGroup) error {
	if len(c.values) > 0 {
		g.at[pageValue] = c.value.PageCount()
	}
	return c.value.AddFloats(p, c.floats, c.values, g.rows)
}

// flushStale delays pages without a marker: see fillStale.
func (c *sampleColumns) flushStale(p *column.Press, g *openGroup) error {
	if len(c.staleRows) == 0 {
		return nil
	}
	if err := c.fillStale(p, c.time.Rows-int64(g.rows)); err != nil {
		return err
	}
	c.bits = appendZeros(c.bits[:0], (g.rows+7)/8)
	for _, i := range c.staleRows {
		c.bits[i/8] |= 1 << (i % 8)
	}
	b := column.Bounds{Min: []byte{0}, Max: []byte{1}}
	if len(c.staleRows) == g.rows {
		b.Min[0] = 1
	}
	return c.stale.AddPage(p, c.bits, g.rows, g.rows, b)
}

// fillStale adds rows without a marker, up to row end of the row group.
func (c *sampleColumns) fillStale(p *column.Press, end int64) error {
	n := int(end - c.stale.Rows)
	if n == 0 {
		return nil
	}
	c.bits = appendZeros(c.bits[:0], (n+7)/8)
	return c.stale.AddPage(p, c.bits, n, n, column.Bounds{Min: []byte{0}, Max: []byte{0}})
}

func (c *sampleColumns) flushStart(p *column.Press, g *openGroup) error {
	if len(c.starts) == 0 {
		return nil
	}
	if err := c.start.FillNulls(p, c.time.Rows-int64(g.rows)); err != nil {
		return err
	}
	g.at[pageStart] = c.start.PageCount()
	return c.start.AddInts(p, c.started, c.starts, g.rows)
}

func (c *sampleColumns) flushHistogram(p *column.Press, g *openGroup) error {
	if len(c.counts) == 0 {
		return nil
	}
	for _, chunk := range []*column.Chunk{c.hist, c.count, c.histSum} {
		if err := chunk.FillNulls(p, c.time.Rows-int64(g.rows)); err != nil {
			return err
		}
	}
	nulls := int64(g.rows - len(c.counts))
	present := encoding.Invert(c.floats)
	g.at[pageHistogram] = c.hist.PageCount()
	c.body = append(encoding.AppendLevels(c.body[:0], present), c.histograms...)
	if err := c.hist.AddPage(p, c.body, g.rows, g.rows, column.Bounds{Nulls: nulls}); err != nil {
		return err
	}
	if err := c.count.AddFloats(p, present, c.counts, g.rows); err != nil {
		return err
	}
	return c.histSum.AddFloats(p, present, c.sums, g.rows)
}

// finish completes the chunks of a row group. All pages must have been flushed.
func (c *sampleColumns) finish(p *column.Press) error {
	if err := c.fillStale(p, c.time.Rows); err != nil {
		return err
	}
	for _, chunk := range []*column.Chunk{c.start, c.hist, c.count, c.histSum} {
		if err := chunk.FillNulls(p, c.time.Rows); err != nil {
			return err
		}
	}
	return nil
}

func appendZeros(b []byte, n int) []byte {
	return append(b, make([]byte, n)...)
}
