package column

import (
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
)

// mapPageEntries bounds a page of the map column, which costs a few bytes a row
// before compression where a series has more than one entry.
const mapPageEntries = 1 << 16

// MapColumn writes __labels__, the labels without a column of their own, as the
// two Parquet columns of keys and values.
type MapColumn struct {
	Key, Value Chunk
	rows       int // Of the page in the making.
	entries    int // Including the empty maps.
	repeated   []encoding.Run
	defined    []encoding.Run
	keys       []encoding.Run
	values     []encoding.Run
	body       []byte
	nulls      int64
}

// NewMapColumn makes the column of the rarer labels.
func NewMapColumn(name string) *MapColumn {
	return &MapColumn{
		Key:   Chunk{Leaf: StringLeaf(false, name, "key_value", "key"), dictionary: newDictionary()},
		Value: Chunk{Leaf: StringLeaf(false, name, "key_value", "value"), dictionary: newDictionary()},
	}
}

// Add adds n rows whose map has these entries.
func (c *MapColumn) Add(p *Press, entries []labels.Label, n int) error {
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

func (c *MapColumn) addRows(entries []labels.Label, n int) {
	if len(entries) == 0 {
		c.repeated = encoding.AddRun(c.repeated, 0, n)
		c.defined = encoding.AddRun(c.defined, 0, n)
		c.nulls += int64(n)
		return
	}
	c.entries += n * len(entries)
	c.defined = encoding.AddRun(c.defined, 1, n*len(entries))
	if len(entries) == 1 {
		c.repeated = encoding.AddRun(c.repeated, 0, n)
		c.keys = encoding.AddRun(c.keys, c.Key.dictionary.code(entries[0].Name), n)
		c.values = encoding.AddRun(c.values, c.Value.dictionary.code(entries[0].Value), n)
		return
	}
	for range n {
		c.repeated = encoding.AddRun(c.repeated, 0, 1)
		c.repeated = encoding.AddRun(c.repeated, 1, len(entries)-1)
		for _, e := range entries {
			c.keys = encoding.AddRun(c.keys, c.Key.dictionary.code(e.Name), 1)
			c.values = encoding.AddRun(c.values, c.Value.dictionary.code(e.Value), 1)
		}
	}
}

// flush ends the page of both columns.
func (c *MapColumn) flush(p *Press) error {
	if c.rows == 0 {
		return nil
	}
	if err := c.flushOne(p, &c.Key, c.keys); err != nil {
		return err
	}
	if err := c.flushOne(p, &c.Value, c.values); err != nil {
		return err
	}
	c.repeated, c.defined = c.repeated[:0], c.defined[:0]
	c.keys, c.values = c.keys[:0], c.values[:0]
	c.rows, c.entries, c.nulls = 0, 0, 0
	return nil
}

func (c *MapColumn) flushOne(p *Press, to *Chunk, codes []encoding.Run) error {
	c.body = encoding.AppendLevels(c.body[:0], c.repeated)
	c.body = encoding.AppendLevels(c.body, c.defined)
	if len(codes) > 0 {
		c.body = encoding.AppendIndexes(c.body, codes, len(to.dictionary.codes))
	}
	entries := c.entries + int(c.nulls)
	return to.AddPage(p, c.body, c.rows, entries, Bounds{Nulls: c.nulls, empty: len(codes) == 0})
}

// Finish completes the chunks of a row group.
func (c *MapColumn) Finish(p *Press) error {
	if err := c.flush(p); err != nil {
		return err
	}
	if err := c.Key.addDictionary(p); err != nil {
		return err
	}
	return c.Value.addDictionary(p)
}
