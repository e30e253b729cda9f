package block

import (
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

// pageHistogramBytes ends a page of samples early, because histograms are long.
const pageHistogramBytes = 1 << 20

// sampleColumns writes the columns that differ from row to row. Their pages
// break at the same rows, except that stretches without any value (of the four
// columns that mostly have none) are one long page.
type sampleColumns struct {
	pageRows int

	time, value, stale          chunk
	start, hist, count, histSum chunk

	// The page in the making.
	times      []int64
	values     []float64 // Of rows that are floats.
	floats     []run     // 1 where the row is a float.
	starts     []int64
	started    []run
	histograms []byte
	counts     []float64
	sums       []float64
	marks      []int32 // Rows that are staleness markers.

	body []byte
	bits []byte
}

func newSampleColumns(pageRows int) *sampleColumns {
	leaves := sampleLeaves()
	c := &sampleColumns{pageRows: pageRows}
	for i, chunk := range c.chunks() {
		chunk.leaf = leaves[i]
	}
	return c
}

// chunks are the columns in file order.
func (c *sampleColumns) chunks() []*chunk {
	return []*chunk{&c.time, &c.value, &c.stale, &c.start, &c.hist, &c.count, &c.histSum}
}

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
	c.floats = addRun(c.floats, 1, to-from)
	for i, v := range s.Values[from:to] {
		if v != v && value.IsStaleNaN(v) {
			c.marks = append(c.marks, int32(base+i))
		}
	}
	if s.Starts == nil {
		c.started = addRun(c.started, 0, to-from)
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
			c.floats = addRun(c.floats, 1, 1)
			c.values = append(c.values, s.Values[i])
		} else if err := c.addHistogram(h); err != nil {
			return 0, err
		}
		if s.IsStale(i) {
			c.marks = append(c.marks, int32(len(c.times)))
		}
		c.times = append(c.times, s.Times[i])
		c.addStart(s.StartAt(i))
	}
	return to - from, nil
}

func (c *sampleColumns) addHistogram(h *series.Histogram) error {
	at := len(c.histograms)
	b, err := appendHistogram(append(c.histograms, 0, 0, 0, 0), h)
	if err != nil {
		return err
	}
	c.histograms = b
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	count, sum := countAndSum(h)
	c.counts, c.sums = append(c.counts, count), append(c.sums, sum)
	c.floats = addRun(c.floats, 0, 1)
	return nil
}

func (c *sampleColumns) addStart(start int64) {
	if start == 0 {
		c.started = addRun(c.started, 0, 1)
		return
	}
	c.started = addRun(c.started, 1, 1)
	c.starts = append(c.starts, start)
}

// full reports whether the page must be flushed before more rows are added.
func (c *sampleColumns) full() bool {
	return len(c.times) >= c.pageRows || len(c.histograms) >= pageHistogramBytes
}

// openGroup is a page group whose place in the file is not known yet: at says
// which page of each chunk it is, -1 for none.
type openGroup struct {
	pageGroup
	at [pageKinds]int
}

// flush ends the page and returns it for the series index; ok is false if there
// was nothing to flush.
func (c *sampleColumns) flush(p *press) (openGroup, bool, error) {
	rows := len(c.times)
	if rows == 0 {
		return openGroup{}, false, nil
	}
	g := openGroup{pageGroup: pageGroup{rows: rows, minT: c.times[0], maxT: c.times[0]}, at: [pageKinds]int{-1, -1, -1, -1}}
	for _, t := range c.times {
		g.minT, g.maxT = min(g.minT, t), max(g.maxT, t)
	}
	err := c.flushAll(p, &g)
	c.times, c.values, c.floats = c.times[:0], c.values[:0], c.floats[:0]
	c.starts, c.started, c.marks = c.starts[:0], c.started[:0], c.marks[:0]
	c.histograms, c.counts, c.sums = c.histograms[:0], c.counts[:0], c.sums[:0]
	return g, true, err
}

func (c *sampleColumns) flushAll(p *press, g *openGroup) error {
	steps := []func(*press, *openGroup) error{c.flushTime, c.flushValue, c.flushStale, c.flushStart, c.flushHistogram}
	for _, step := range steps {
		if err := step(p, g); err != nil {
			return err
		}
	}
	return nil
}

func (c *sampleColumns) flushTime(p *press, g *openGroup) error {
	body, err := new(delta.BinaryPackedEncoding).EncodeInt64(c.body, c.times)
	if err != nil {
		return err
	}
	c.body = body
	b := bounds{min: appendInt64(nil, g.minT), max: appendInt64(nil, g.maxT)}
	g.at[pageTime] = len(c.time.pages)
	return c.time.addPage(p, body, g.rows, g.rows, b)
}

func (c *sampleColumns) flushValue(p *press, g *openGroup) error {
	if len(c.values) > 0 {
		g.at[pageValue] = len(c.value.pages)
	}
	return c.addFloatPage(p, &c.value, c.floats, c.values, g.rows)
}

// flushStale delays pages without a marker: see fillStale.
func (c *sampleColumns) flushStale(p *press, g *openGroup) error {
	if len(c.marks) == 0 {
		return nil
	}
	if err := c.fillStale(p, c.time.rows-int64(g.rows)); err != nil {
		return err
	}
	c.bits = appendZeros(c.bits[:0], (g.rows+7)/8)
	for _, i := range c.marks {
		c.bits[i/8] |= 1 << (i % 8)
	}
	b := bounds{min: []byte{0}, max: []byte{1}}
	if len(c.marks) == g.rows {
		b.min[0] = 1
	}
	return c.stale.addPage(p, c.bits, g.rows, g.rows, b)
}

// fillStale adds rows without a marker, up to row end of the row group.
func (c *sampleColumns) fillStale(p *press, end int64) error {
	n := int(end - c.stale.rows)
	if n == 0 {
		return nil
	}
	c.bits = appendZeros(c.bits[:0], (n+7)/8)
	return c.stale.addPage(p, c.bits, n, n, bounds{min: []byte{0}, max: []byte{0}})
}

func (c *sampleColumns) flushStart(p *press, g *openGroup) error {
	if len(c.starts) == 0 {
		return nil
	}
	if err := c.fillNulls(p, &c.start, c.time.rows-int64(g.rows)); err != nil {
		return err
	}
	packed, err := new(delta.BinaryPackedEncoding).EncodeInt64(c.bits, c.starts)
	if err != nil {
		return err
	}
	c.bits = packed
	c.body = append(appendLevels(c.body[:0], c.started), packed...)
	b := bounds{nulls: int64(g.rows - len(c.starts))}
	lo, hi := c.starts[0], c.starts[0]
	for _, t := range c.starts {
		lo, hi = min(lo, t), max(hi, t)
	}
	b.min, b.max = appendInt64(nil, lo), appendInt64(nil, hi)
	g.at[pageStart] = len(c.start.pages)
	return c.start.addPage(p, c.body, g.rows, g.rows, b)
}

func (c *sampleColumns) flushHistogram(p *press, g *openGroup) error {
	if len(c.counts) == 0 {
		return nil
	}
	for _, chunk := range []*chunk{&c.hist, &c.count, &c.histSum} {
		if err := c.fillNulls(p, chunk, c.time.rows-int64(g.rows)); err != nil {
			return err
		}
	}
	nulls := int64(g.rows - len(c.counts))
	present := invert(c.floats)
	g.at[pageHistogram] = len(c.hist.pages)
	c.body = append(appendLevels(c.body[:0], present), c.histograms...)
	if err := c.hist.addPage(p, c.body, g.rows, g.rows, bounds{nulls: nulls}); err != nil {
		return err
	}
	if err := c.addFloatPage(p, &c.count, present, c.counts, g.rows); err != nil {
		return err
	}
	return c.addFloatPage(p, &c.histSum, present, c.sums, g.rows)
}

func (c *sampleColumns) addFloatPage(p *press, to *chunk, present []run, values []float64, rows int) error {
	c.body = appendFloats(appendLevels(c.body[:0], present), values)
	b := floatBounds(values)
	b.nulls = int64(rows - len(values))
	return to.addPage(p, c.body, rows, rows, b)
}

// fillNulls adds one page of nulls up to row end of the row group.
func (c *sampleColumns) fillNulls(p *press, chunk *chunk, end int64) error {
	n := int(end - chunk.rows)
	if n == 0 {
		return nil
	}
	c.body = appendLevels(c.body[:0], []run{{0, uint32(n)}})
	return chunk.addPage(p, c.body, n, n, bounds{nulls: int64(n), empty: true})
}

// finish completes the chunks of a row group. All pages must have been flushed.
func (c *sampleColumns) finish(p *press) error {
	if err := c.fillStale(p, c.time.rows); err != nil {
		return err
	}
	for _, chunk := range []*chunk{&c.start, &c.hist, &c.count, &c.histSum} {
		if err := c.fillNulls(p, chunk, c.time.rows); err != nil {
			return err
		}
	}
	return nil
}

func invert(runs []run) []run {
	out := make([]run, len(runs))
	for i, r := range runs {
		out[i] = run{1 - r.value, r.n}
	}
	return out
}

func appendInt64(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) }

func appendFloats(b []byte, values []float64) []byte {
	n := len(b)
	b = appendZeros(b, 8*len(values))
	for i, v := range values {
		binary.LittleEndian.PutUint64(b[n+8*i:], math.Float64bits(v))
	}
	return b
}

func appendZeros(b []byte, n int) []byte {
	return append(b, make([]byte, n)...)
}

// floatBounds are the bounds of a page of doubles. A page with a NaN has none:
// Parquet leaves NaN out of the order, but readers (and DuckDB) that take NaN
// for the greatest number would skip such a page wrongly.
func floatBounds(values []float64) bounds {
	if len(values) == 0 {
		return bounds{empty: true}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v != v {
			return bounds{}
		}
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo == 0 { // A zero bound stands for both zeros.
		lo = math.Copysign(0, -1)
	}
	if hi == 0 {
		hi = 0
	}
	return bounds{min: appendFloats(nil, []float64{lo}), max: appendFloats(nil, []float64{hi})}
}

// read returns the columns that reads need, by position in pageGroup.pages.
func (c *sampleColumns) read() [pageKinds]*chunk {
	return [pageKinds]*chunk{pageTime: &c.time, pageValue: &c.value, pageStart: &c.start, pageHistogram: &c.hist}
}

// bytes is the size of the finished pages.
func (c *sampleColumns) bytes() int {
	n := 0
	for _, chunk := range c.chunks() {
		n += len(chunk.buf)
	}
	return n
}
