package block

// labelPageRows is how many rows share a page of a label column. Such pages are
// a few runs a series, so they may be far longer than pages of samples.
const labelPageRows = 1 << 17

// labelColumn writes one label (or __name__): its value is constant over a
// series, so the work is by series and not by row.
type labelColumn struct {
	chunk
	rows    int64 // Of the row group so far, in pages or not.
	inPage  int   // Rows of the page in the making.
	present []run // 1 where there is a value.
	codes   []run
	bounds  stringBounds
	body    []byte
}

func newLabelColumn(l leaf) *labelColumn {
	return &labelColumn{chunk: chunk{leaf: l, dictionary: newDictionary()}}
}

// add adds n rows of value. Rows of the row group before first that were not
// added yet are null.
func (c *labelColumn) add(p *press, first int64, value string, n int) error {
	if err := c.fill(p, first); err != nil {
		return err
	}
	code := c.dictionary.code(value)
	return c.split(p, n, func(n int) {
		c.present = addRun(c.present, 1, n)
		c.codes = addRun(c.codes, code, n)
		c.bounds.add(value)
	})
}

// fill adds nulls up to row end of the row group.
func (c *labelColumn) fill(p *press, end int64) error {
	return c.split(p, int(end-c.rows), func(n int) {
		c.present = addRun(c.present, 0, n)
		c.bounds.nulls += int64(n)
	})
}

// split cuts n rows at the ends of pages.
func (c *labelColumn) split(p *press, n int, add func(n int)) error {
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
func (c *labelColumn) flush(p *press) error {
	if c.inPage == 0 {
		return nil
	}
	c.body = c.body[:0]
	if c.optional {
		c.body = appendLevels(c.body, c.present)
	}
	if len(c.codes) > 0 {
		c.body = appendIndexes(c.body, c.codes, len(c.dictionary.codes))
	}
	err := c.addPage(p, c.body, c.inPage, c.inPage, c.bounds.take())
	c.present, c.codes, c.inPage = c.present[:0], c.codes[:0], 0
	return err
}

// finish completes the chunk of a row group of the given number of rows.
func (c *labelColumn) finish(p *press, rows int64) error {
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
func (b *stringBounds) take() bounds {
	out := bounds{nulls: b.nulls, empty: !b.any}
	if b.any {
		out.min, out.max = append([]byte{}, b.min...), append([]byte{}, b.max...)
	}
	*b = stringBounds{}
	return out
}
