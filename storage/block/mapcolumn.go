package block

import "github.com/prometheus/prometheus/model/labels"

// mapPageEntries bounds a page of the map column, which costs a few bytes a row
// before compression where a series has more than one entry.
const mapPageEntries = 1 << 16

// mapColumn writes __labels__, the labels without a column of their own, as the
// two Parquet columns of keys and values.
type mapColumn struct {
	key, value chunk
	rows       int // Of the page in the making.
	entries    int // Including the empty maps.
	repeated   []run
	defined    []run
	keys       []run
	values     []run
	body       []byte
	nulls      int64
}

func newMapColumn() *mapColumn {
	return &mapColumn{
		key:   chunk{leaf: stringLeaf(false, columnLabels, "key_value", "key"), dictionary: newDictionary()},
		value: chunk{leaf: stringLeaf(false, columnLabels, "key_value", "value"), dictionary: newDictionary()},
	}
}

// add adds n rows whose map has these entries.
func (c *mapColumn) add(p *press, entries []labels.Label, n int) error {
	each := max(1, len(entries))
	for n > 0 {
		take := min(n, labelPageRows-c.rows, max(1, (mapPageEntries-c.entries)/each))
		if len(entries) == 0 {
			take = min(n, labelPageRows-c.rows)
		}
		c.addRows(entries, take)
		n -= take
		c.rows += take
		if c.rows == labelPageRows || c.entries >= mapPageEntries {
			if err := c.flush(p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *mapColumn) addRows(entries []labels.Label, n int) {
	if len(entries) == 0 {
		c.repeated = addRun(c.repeated, 0, n)
		c.defined = addRun(c.defined, 0, n)
		c.nulls += int64(n)
		return
	}
	c.entries += n * len(entries)
	c.defined = addRun(c.defined, 1, n*len(entries))
	if len(entries) == 1 {
		c.repeated = addRun(c.repeated, 0, n)
		c.keys = addRun(c.keys, c.key.dictionary.code(entries[0].Name), n)
		c.values = addRun(c.values, c.value.dictionary.code(entries[0].Value), n)
		return
	}
	for range n {
		c.repeated = addRun(c.repeated, 0, 1)
		c.repeated = addRun(c.repeated, 1, len(entries)-1)
		for _, e := range entries {
			c.keys = addRun(c.keys, c.key.dictionary.code(e.Name), 1)
			c.values = addRun(c.values, c.value.dictionary.code(e.Value), 1)
		}
	}
}

// flush ends the page of both columns.
func (c *mapColumn) flush(p *press) error {
	if c.rows == 0 {
		return nil
	}
	if err := c.flushOne(p, &c.key, c.keys); err != nil {
		return err
	}
	if err := c.flushOne(p, &c.value, c.values); err != nil {
		return err
	}
	c.repeated, c.defined = c.repeated[:0], c.defined[:0]
	c.keys, c.values = c.keys[:0], c.values[:0]
	c.rows, c.entries, c.nulls = 0, 0, 0
	return nil
}

func (c *mapColumn) flushOne(p *press, to *chunk, codes []run) error {
	c.body = appendLevels(c.body[:0], c.repeated)
	c.body = appendLevels(c.body, c.defined)
	if len(codes) > 0 {
		c.body = appendIndexes(c.body, codes, len(to.dictionary.codes))
	}
	entries := c.entries + int(c.nulls)
	return to.addPage(p, c.body, c.rows, entries, bounds{nulls: c.nulls, empty: len(codes) == 0})
}

// finish completes the chunks of a row group.
func (c *mapColumn) finish(p *press) error {
	if err := c.flush(p); err != nil {
		return err
	}
	if err := c.key.addDictionary(p); err != nil {
		return err
	}
	return c.value.addDictionary(p)
}
