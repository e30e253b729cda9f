package column

import "herringbone/storage/block/internal/encoding"

// labelPageRows is how many rows share a page of a label column. Such pages are
// a few runs a series, so they may be far longer than pages of samples.
const labelPageRows = 1 << 17

// LabelColumn writes one label (or __name__): its value is constant over a
// series, so the work is by series and not by row.
type LabelColumn struct {
	Chunk
	rows    int64          // Of the row group so far, in pages or not.
	inPage  int            // Rows of the page in the making.
	present []encoding.Run // 1 where there is a value.
	codes   []encoding.Run
	bounds  stringBounds
	body    []byte
}

// NewLabelColumn makes the column of one label.
func NewLabelColumn(l Leaf) *LabelColumn {
	return &LabelColumn{Chunk: Chunk{Leaf: l, dictionary: newDictionary()}}
}

// Add adds n rows of value. Rows of the row group before first that were not
// added yet are null.
func (c *LabelColumn) Add(p *Press, first int64, value string, n int) error {
	if err := c.fill(p, first); err != nil {
		return err
	}
	code := c.dictionary.code(value)
	return c.split(p, n, func(n int) {
		c.present = encoding.AddRun(c.present, 1, n)
		c.codes = encoding.AddRun(c.codes, code, n)
		c.bounds.add(value)
	})
}

// fill adds nulls up to row end of the row group.
func (c *LabelColumn) fill(p *Press, end int64) error {
	return c.split(p, int(end-c.rows), func(n int) {
		c.present = encoding.AddRun(c.present, 0, n)
		c.bounds.nulls += int64(n)
	})
}

// split cuts n rows at the ends of pages.
func (c *LabelColumn) split(p *Press, n int, add func(n int)) error {
	for n > 0 {
		take := min(n, labelPageRows-c.inPage)
		add(take)
		n -= take
		c.inPage += take
		c.rows += int64(take)
		if c.inPage == labelPageRows {
			if err := c.flush(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush ends the page.
func (c *LabelColumn) flush(p *Press) error {
	if c.inPage == 0 {
		return nil
	}
	c.body = c.body[:0]
	if c.Optional {
		c.body = encoding.AppendLevels(c.body, c.present)
	}
	if len(c.codes) > 0 {
		c.body = encoding.AppendIndexes(c.body, c.codes, len(c.dictionary.codes))
	}
	err := c.AddPage(p, c.body, c.inPage, c.inPage, c.bounds.take())
	c.present, c.codes, c.inPage = c.present[:0], c.codes[:0], 0
	return err
}

// Finish completes the chunk of a row group of the given number of rows.
func (c *LabelColumn) Finish(p *Press, rows int64) error {
	if err := c.fill(p, rows); err != nil {
		return err
	}
	if err := c.flush(p); err != nil {
		return err
	}
	c.rows = 0
	return c.addDictionary(p)
}

// stringBounds collects the bounds of a page of strings.
type stringBounds struct {
	min, max string
	any      bool
	nulls    int64
}

func (b *stringBounds) add(value string) {
	if !b.any {
		b.min, b.max, b.any = value, value, true
		return
	}
	b.min, b.max = min(b.min, value), max(b.max, value)
}

// take returns the bounds and begins anew.
func (b *stringBounds) take() Bounds {
	out := Bounds{Nulls: b.nulls, empty: !b.any}
	if b.any {
		out.Min, out.Max = append([]byte{}, b.min...), append([]byte{}, b.max...)
	}
	*b = stringBounds{}
	return out
}
