package block

import (
	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
)

// bucketBytes is the memory of a bucket.
const bucketBytes = 11 * 8

// aggregatePages reads pages of aggregates.
type aggregatePages struct {
	pageReader
	ints   []int64
	floats []float64
}

// readColumn decodes one column of a page group into d, whose memory it may reuse.
func (p *aggregatePages) readColumn(group *pageGroup, kind int, d *decoded) error {
	if p.inflater == nil {
		z, err := encoding.TakeInflater()
		if err != nil {
			return err
		}
		p.inflater = z
	}
	times, values := d.times, d.values
	*d = decoded{group: -1}
	if kind == pageEnd {
		p.reads.Decoded(group.rows)
	}
	if isInts(kind) {
		d.times = resize(times, group.rows)
		return p.readInts(&group.pages[kind], kind, d.times)
	}
	d.values = resize(values, group.rows)
	return p.readFloats(&group.pages[kind], kind, d.values)
}

// readInts decodes a page of integers, one element of dst a row; rows without one
// are 0.
func (p *aggregatePages) readInts(at *column.Page, kind int, dst []int64) error {
	body, err := p.loadBody(at, kind)
	if err != nil {
		return err
	}
	if !p.r.index.form.leaves[kind].Optional {
		err = encoding.DecodeDelta(dst, body)
	} else if rest, ok := p.levels(body, len(dst)); !ok {
		err = errPage
	} else {
		p.ints = resize(p.ints, encoding.CountPresent(p.runs))
		if err = encoding.DecodeDelta(p.ints, rest); err == nil {
			encoding.Scatter(dst, p.ints, p.runs)
		}
	}
	if err != nil {
		return p.corrupt(at, kind, err)
	}
	return nil
}

// readFloats is readInts for doubles.
func (p *aggregatePages) readFloats(at *column.Page, kind int, dst []float64) error {
	body, err := p.loadBody(at, kind)
	if err != nil {
		return err
	}
	rest, ok := p.levels(body, len(dst))
	if !ok || len(rest) != 8*encoding.CountPresent(p.runs) {
		return p.corrupt(at, kind, errPage)
	}
	if at.Split {
		p.joined = resize(p.joined, len(rest))
		encoding.JoinBytes(p.joined, rest)
		rest = p.joined
	}
	p.floats = resize(p.floats, len(rest)/8)
	encoding.CopyFloats(p.floats, rest)
	encoding.Scatter(dst, p.floats, p.runs)
	return nil
}

func (p *aggregatePages) loadBody(at *column.Page, kind int) ([]byte, error) {
	return p.load(at, kind, &p.body)
}

// levels reads which rows have a value into p.runs; rest is what follows.
func (p *aggregatePages) levels(body []byte, rows int) (rest []byte, ok bool) {
	p.runs, rest, ok = encoding.ParseLevels(body, rows, p.runs[:0])
	return rest, ok
}
