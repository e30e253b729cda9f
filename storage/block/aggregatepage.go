package block

import "herringbone/storage/series"

// bucketBytes is the memory of a bucket.
const bucketBytes = 11 * 8

// aggregatePage is one page group of aggregates, decoded.
type aggregatePage struct {
	group int // Number in index.groups; -1 is none.
	rows  series.Aggregates
	pages aggregatePages // Its memory is used again.
}

// load decodes group g, unless it is the one that a holds.
func (a *aggregatePage) load(r *Reader, g int) error {
	if a.group == g {
		return nil
	}
	z, err := takeInflater()
	if err != nil {
		return err
	}
	p := &a.pages
	p.r, p.inflater = r, z
	defer p.close()
	a.group = -1 // Until all is well.
	group := &r.index.groups[g]
	for kind, column := range intColumns(&a.rows) {
		if column != nil {
			*column = resize(*column, group.rows)
			if err := p.readInts(&group.pages[kind], kind, *column); err != nil {
				return err
			}
		}
	}
	for kind, column := range floatColumns(&a.rows) {
		if column != nil {
			*column = resize(*column, group.rows)
			if err := p.readFloats(&group.pages[kind], kind, *column); err != nil {
				return err
			}
		}
	}
	a.group = g
	return nil
}

// aggregatePages reads pages of aggregates.
type aggregatePages struct {
	pageReader
	ints   []int64
	floats []float64
}

// readInts decodes a page of integers, one element of dst a row; rows without one
// are 0.
func (p *aggregatePages) readInts(at *page, kind int, dst []int64) error {
	if at.size == 0 {
		clear(dst)
		return nil
	}
	body, err := p.loadBody(at, kind)
	if err != nil {
		return err
	}
	if !p.r.index.form.leaves[kind].optional {
		err = decodeDelta(dst, body)
	} else if rest, ok := p.levels(body, len(dst)); !ok {
		err = errPage
	} else {
		p.ints = resize(p.ints, countPresent(p.runs))
		if err = decodeDelta(p.ints, rest); err == nil {
			scatter(dst, p.ints, p.runs)
		}
	}
	if err != nil {
		return p.corrupt(at, kind, err)
	}
	return nil
}

// readFloats is readInts for doubles.
func (p *aggregatePages) readFloats(at *page, kind int, dst []float64) error {
	if at.size == 0 {
		clear(dst)
		return nil
	}
	body, err := p.loadBody(at, kind)
	if err != nil {
		return err
	}
	rest, ok := p.levels(body, len(dst))
	if !ok || len(rest) != 8*countPresent(p.runs) {
		return p.corrupt(at, kind, errPage)
	}
	if at.split {
		p.joined = resize(p.joined, len(rest))
		joinBytes(p.joined, rest)
		rest = p.joined
	}
	p.floats = resize(p.floats, len(rest)/8)
	copyFloats(p.floats, rest)
	scatter(dst, p.floats, p.runs)
	return nil
}

func (p *aggregatePages) loadBody(at *page, kind int) ([]byte, error) {
	return p.load(at, kind, &p.body)
}

// levels reads which rows have a value into p.runs; rest is what follows.
func (p *aggregatePages) levels(body []byte, rows int) (rest []byte, ok bool) {
	p.runs, rest, ok = parseLevels(body, rows, p.runs[:0])
	return rest, ok
}

// scatter puts values where runs say there is one, and zeros elsewhere.
func scatter[T int64 | float64](dst, values []T, runs []run) {
	for _, r := range runs {
		to := dst[:r.n]
		dst = dst[r.n:]
		if r.value == 0 {
			clear(to)
			continue
		}
		values = values[copy(to, values):]
	}
}
