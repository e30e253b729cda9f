package block

import (
	"errors"
	"fmt"
	"hash/crc32"

	"herringbone/storage/block/internal/column"
	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// decoded is one page group as arrays, one element a row.
type decoded struct {
	group int // Number in index.groups; -1 is none.
	times []int64
	// raw is the values as bytes if all rows are floats: they are turned into
	// numbers when they are copied to who asked. Otherwise raw is nil and values
	// is set.
	raw    []byte
	values []float64
	// nil if no row has one.
	starts     []int64
	histograms []series.Histogram

	body []byte // The memory of raw.
}

// sizeBytes is the memory that d holds.
func (d *decoded) sizeBytes() int64 {
	n := int64(8*cap(d.times) + cap(d.body) + 8*cap(d.values) + 8*cap(d.starts))
	for i := range d.histograms {
		n += encoding.HistogramBytes(&d.histograms[i])
	}
	return n
}

// pageReader reads and decodes page groups. It is used by one goroutine.
type pageReader struct {
	r        *Reader
	reads    *series.Reads // nil: nobody counts.
	inflater *encoding.Inflater
	stored   []byte
	body     []byte // Scratch; its capacity is what is kept.
	joined   []byte
	runs     []encoding.Run
}

// fetch returns group g from the cache or else decoded, in the memory of spare
// if that is not nil and there is no cache.
func (p *pageReader) fetch(g int, spare *decoded) (held, error) {
	if c := p.r.cache; c != nil {
		missed := false
		e, err := c.take(cacheKey{file: p.r.name, group: g}, func(d *decoded) error {
			missed = true
			return p.read(g, d)
		})
		if err != nil {
			return held{}, err
		}
		if !missed && p.reads != nil {
			p.reads.Cached(p.r.index.groups[g].count())
		}
		return held{e.page, e}, nil
	}
	if spare == nil {
		spare = &decoded{}
	}
	if err := p.read(g, spare); err != nil {
		return held{}, err
	}
	return held{page: spare}, nil
}

// close lets go of the decompressor.
func (p *pageReader) close() {
	if p.inflater != nil {
		p.inflater.Release()
		p.inflater = nil
	}
}

// read decodes group g into d, whose memory it reuses.
func (p *pageReader) read(g int, d *decoded) error {
	if p.inflater == nil {
		z, err := encoding.TakeInflater()
		if err != nil {
			return err
		}
		p.inflater = z
	}
	group := &p.r.index.groups[g]
	d.group = -1 // Until all is well.
	d.times = resize(d.times, group.rows)
	d.raw, d.values, d.starts, d.histograms = nil, nil, nil, nil
	for kind := range group.pages {
		if err := p.readPage(group, kind, d); err != nil {
			return err
		}
	}
	d.group = g
	p.reads.Decoded(group.rows)
	return nil
}

// count is the number of pages that have a value.
func (g *pageGroup) count() (n int) {
	for _, at := range g.pages {
		if at.Size > 0 {
			n++
		}
	}
	return n
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

func (p *pageReader) readPage(group *pageGroup, kind int, d *decoded) error {
	at := &group.pages[kind]
	if at.Size == 0 {
		if kind == pageValue {
			d.values = make([]float64, group.rows)
		}
		return nil
	}
	into := &p.body
	if kind == pageValue {
		into = &d.body
	}
	body, err := p.load(at, kind, into)
	if err != nil {
		return err
	}
	switch kind {
	case pageTime:
		err = encoding.DecodeDelta(d.times, body)
	case pageValue:
		err = p.decodeValues(d, body, at.Split)
	case pageStart:
		err = p.decodeStarts(d, body)
	case pageHistogram:
		err = p.decodeHistograms(d, body)
	}
	if err != nil {
		return p.corrupt(at, kind, err)
	}
	return nil
}

// load reads, checks and decompresses the body of a page into the memory of
// into, which it may replace by a larger one.
func (p *pageReader) load(at *column.Page, kind int, into *[]byte) ([]byte, error) {
	p.stored = resize(p.stored, int(at.Size))
	if err := readAt(p.r.file, p.r.name, p.stored, at.Offset); err != nil {
		return nil, err
	}
	if crc := crc32.Checksum(p.stored, encoding.Castagnoli); crc != at.Crc {
		return nil, p.corrupt(at, kind, fmt.Errorf("checksum is %08x, recorded is %08x", crc, at.Crc))
	}
	*into = resize(*into, int(at.Raw)+encoding.Slack)
	body, err := p.inflater.Inflate(*into, p.stored[at.Header:], int(at.Raw))
	if err != nil {
		return nil, p.corrupt(at, kind, err)
	}
	p.reads.Page(int(at.Size))
	return body, nil
}

func (p *pageReader) corrupt(at *column.Page, kind int, err error) error {
	return &CorruptError{p.r.name, at.Offset, fmt.Sprintf("page of column %s: %v", p.r.index.form.name(kind), err)}
}

var errPage = errors.New("page does not parse")

func (p *pageReader) decodeValues(d *decoded, body []byte, split bool) error {
	rows := len(d.times)
	runs, rest, ok := encoding.ParseLevels(body, rows, p.runs[:0])
	p.runs = runs
	if !ok || len(rest) != 8*encoding.CountPresent(runs) {
		return errPage
	}
	if split {
		p.joined = resize(p.joined, len(rest))
		encoding.JoinBytes(p.joined, rest)
		rest, d.body, p.joined = p.joined, p.joined, d.body
	}
	if len(rest) == 8*rows {
		d.raw = rest
		return nil
	}
	d.values = make([]float64, rows)
	at := 0
	for _, r := range runs {
		if r.Value == 1 {
			to := d.values[at : at+int(r.N)]
			encoding.CopyFloats(to, rest)
			rest = rest[8*len(to):]
		}
		at += int(r.N)
	}
	return nil
}

func (p *pageReader) decodeStarts(d *decoded, body []byte) error {
	runs, rest, ok := encoding.ParseLevels(body, len(d.times), p.runs[:0])
	p.runs = runs
	if !ok {
		return errPage
	}
	present := make([]int64, encoding.CountPresent(runs))
	if err := encoding.DecodeDelta(present, rest); err != nil {
		return err
	}
	d.starts = make([]int64, len(d.times))
	at := 0
	for _, r := range runs {
		if r.Value == 1 {
			present = present[copy(d.starts[at:at+int(r.N)], present):]
		}
		at += int(r.N)
	}
	return nil
}

// decodeHistograms comes after times and starts.
func (p *pageReader) decodeHistograms(d *decoded, body []byte) error {
	runs, rest, ok := encoding.ParseLevels(body, len(d.times), p.runs[:0])
	p.runs = runs
	if !ok {
		return errPage
	}
	d.histograms = make([]series.Histogram, len(d.times))
	c := encoding.Cursor{Rest: rest}
	at := 0
	for _, r := range runs {
		for i := at; i < at+int(r.N) && r.Value == 1; i++ {
			start := int64(0)
			if d.starts != nil {
				start = d.starts[i]
			}
			b := c.Bytes(int(c.Fixed32()))
			if c.Bad {
				return errPage
			}
			h, err := encoding.ParseHistogram(b, d.times[i], start)
			if err != nil {
				return err
			}
			d.histograms[i] = h
		}
		at += int(r.N)
	}
	if len(c.Rest) != 0 {
		return errPage
	}
	return nil
}
