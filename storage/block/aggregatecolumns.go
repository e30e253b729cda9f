package block

import (
	"herringbone/storage/aggregate"
	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
)

// aggregateColumns writes the columns of aggregates. Their pages break at the same
// rows, except that stretches without any staleness marker are one long page of
// that column.
type aggregateColumns struct {
	pageRows int
	all      []*column.Chunk // In file order, which is that of pageGroup.pages.

	// The page in the making. Columns other than ends, counts and stales have no
	// element for a bucket without a sample.
	rows   aggregate.Buckets
	filled []encoding.Run // 1 where a bucket has a sample.
	stale  []encoding.Run // 1 where it has a marker.
}

func newAggregateColumns(pageRows int) *aggregateColumns {
	return &aggregateColumns{pageRows: pageRows, all: aggregatesForm.chunks()}
}

func (c *aggregateColumns) chunks() []*column.Chunk { return c.all }

func (c *aggregateColumns) pageLen() int { return len(c.rows.Ends) }

func (c *aggregateColumns) full() bool { return c.pageLen() >= c.pageRows }

// intColumns and floatColumns are the columns by position in pageGroup.pages; nil
// for one of the other type.
func intColumns(a *aggregate.Buckets) [pageStaleTime + 1]*[]int64 {
	return [...]*[]int64{
		pageEnd: &a.Ends, pageCount: &a.Counts, pageFirstTime: &a.FirstTimes, pageLastTime: &a.LastTimes, pageStaleTime: &a.Stales,
	}
}

func floatColumns(a *aggregate.Buckets) [pageStaleTime + 1]*[]float64 {
	return [...]*[]float64{
		pageMin: &a.Mins, pageMax: &a.Maxs, pageSum: &a.Sums, pageFirst: &a.Firsts, pageLast: &a.Lasts,
		pageIncrease: &a.Increases, pageStaleTime: nil,
	}
}

// isInts says of which of the two a column is.
func isInts(kind int) bool {
	switch kind {
	case pageEnd, pageCount, pageFirstTime, pageLastTime, pageStaleTime:
		return true
	default:
		return false
	}
}

// add takes rows [from, to) of a until the page is full, and says how many.
func (c *aggregateColumns) add(a *aggregate.Buckets, from, to int) int {
	to = min(to, from+c.pageRows-c.pageLen())
	for i := from; i < to; i++ {
		c.rows.Ends = append(c.rows.Ends, a.Ends[i])
		c.rows.Counts = append(c.rows.Counts, a.Counts[i])
		c.addStale(a.Stales[i])
		if a.Counts[i] == 0 {
			c.filled = encoding.AddRun(c.filled, 0, 1)
			continue
		}
		c.filled = encoding.AddRun(c.filled, 1, 1)
		c.addFilled(a, i)
	}
	return to - from
}

func (c *aggregateColumns) addFilled(a *aggregate.Buckets, i int) {
	r := &c.rows
	r.Mins = append(r.Mins, a.Mins[i])
	r.Maxs = append(r.Maxs, a.Maxs[i])
	r.Sums = append(r.Sums, a.Sums[i])
	r.Firsts = append(r.Firsts, a.Firsts[i])
	r.Lasts = append(r.Lasts, a.Lasts[i])
	r.FirstTimes = append(r.FirstTimes, a.FirstTimes[i])
	r.LastTimes = append(r.LastTimes, a.LastTimes[i])
	r.Increases = append(r.Increases, a.Increases[i])
}

func (c *aggregateColumns) addStale(t int64) {
	if t == 0 {
		c.stale = encoding.AddRun(c.stale, 0, 1)
		return
	}
	c.stale = encoding.AddRun(c.stale, 1, 1)
	c.rows.Stales = append(c.rows.Stales, t)
}

// flush is that of rowColumns.
func (c *aggregateColumns) flush(p *column.Press) (openGroup, bool, error) {
	rows := c.pageLen()
	if rows == 0 {
		return openGroup{}, false, nil
	}
	lo, hi := c.rows.Ends[0], c.rows.Ends[0]
	for _, t := range c.rows.Ends {
		lo, hi = min(lo, t), max(hi, t)
	}
	g := newOpenGroup(&aggregatesForm, rows, lo, hi)
	for kind, column := range intColumns(&c.rows) { // The ends come first.
		if column != nil {
			if err := c.flushInts(p, &g, kind, *column); err != nil {
				return openGroup{}, false, err
			}
			*column = (*column)[:0]
		}
	}
	for kind, column := range floatColumns(&c.rows) {
		if column != nil {
			if err := c.flushFloats(p, &g, kind, *column); err != nil {
				return openGroup{}, false, err
			}
			*column = (*column)[:0]
		}
	}
	c.filled, c.stale = c.filled[:0], c.stale[:0]
	return g, true, nil
}

func (c *aggregateColumns) flushFloats(p *column.Press, g *openGroup, kind int, values []float64) error {
	if len(values) > 0 {
		g.at[kind] = c.all[kind].PageCount()
	}
	return c.all[kind].AddFloats(p, c.filled, values, g.rows)
}

// flushInts delays pages without a value: finish makes one of them all.
func (c *aggregateColumns) flushInts(p *column.Press, g *openGroup, kind int, values []int64) error {
	if len(values) == 0 {
		return nil
	}
	chunk, present := c.all[kind], c.filled
	switch kind {
	case pageStaleTime:
		present = c.stale
	case pageEnd, pageCount:
		present = nil // All are.
	}
	if chunk.Optional {
		if err := chunk.FillNulls(p, c.all[pageEnd].Rows-int64(g.rows)); err != nil {
			return err
		}
	}
	g.at[kind] = chunk.PageCount()
	return chunk.AddInts(p, present, values, g.rows)
}

// finish is that of rowColumns.
func (c *aggregateColumns) finish(p *column.Press) error {
	for _, kind := range []int{pageFirstTime, pageLastTime, pageStaleTime} {
		if err := c.all[kind].FillNulls(p, c.all[pageEnd].Rows); err != nil {
			return err
		}
	}
	return nil
}
