package block

import (
	"fmt"
	"sort"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

// Scan reads samples of a time range. It is used by one goroutine. Reading
// series in file order is the fast way: the page decoded last is kept. Close
// must be called once.
type Scan struct {
	reader     *Reader
	minT, maxT int64
	pages      pageReader
	current    held
	spare      *decoded // Memory of the page before, if there is no cache.
	ahead      *ahead
}

// held is a page group in use: with a cache it must be given back.
type held struct {
	page  *decoded // nil: none.
	entry *cacheEntry
}

// Scan begins to read samples of minT … maxT, both included.
func (r *Reader) Scan(minT, maxT int64) *Scan {
	return &Scan{reader: r, minT: minT, maxT: maxT, pages: pageReader{r: r}}
}

// Count makes the scan count what it reads in r, which may be nil. It must be
// called before Prefetch and Read.
func (s *Scan) Count(r *series.Reads) { s.pages.reads = r }

// Close lets go of memory and waits for what runs ahead. The file stays open.
func (s *Scan) Close() {
	if s.ahead != nil {
		s.ahead.close()
	}
	s.release()
	s.pages.close()
}

// Read appends the series' samples in the range to dst, in the order of time.
// Histograms that samples point to are shared: do not modify them. A damaged
// file is a CorruptError; dst may then hold a part.
func (s *Scan) Read(ref Ref, dst *series.Samples) error {
	end := ref.FirstRow + ref.Rows
	for g := range s.groups(ref) {
		d, err := s.group(g)
		if err != nil {
			return fmt.Errorf("read samples: %w", err)
		}
		group := &s.reader.index.groups[g]
		from := max(ref.FirstRow-group.firstRow, 0)
		to := min(end-group.firstRow, int64(group.rows))
		s.appendRows(dst, d, int(from), int(to))
	}
	return nil
}

// groups yields the page groups that hold samples of ref in the range.
func (s *Scan) groups(ref Ref) func(yield func(g int) bool) {
	return func(yield func(g int) bool) {
		if ref.MinT > s.maxT || ref.MaxT < s.minT {
			return
		}
		groups := s.reader.index.groups
		first := sort.Search(len(groups), func(i int) bool { return groups[i].firstRow+int64(groups[i].rows) > ref.FirstRow })
		for g := first; g < len(groups) && groups[g].firstRow < ref.FirstRow+ref.Rows; g++ {
			if groups[g].minT <= s.maxT && groups[g].maxT >= s.minT && !yield(g) {
				return
			}
		}
	}
}

// group returns page group g, decoded. It is valid until the next call.
func (s *Scan) group(g int) (*decoded, error) {
	if s.current.page != nil && s.current.page.group == g {
		return s.current.page, nil
	}
	s.release()
	h, ok, err := s.ahead.take(g)
	if !ok {
		spare := s.spare
		s.spare = nil
		h, err = s.pages.fetch(g, spare)
	}
	if err != nil {
		return nil, err
	}
	s.current = h
	return h.page, nil
}

// release lets go of the current page group.
func (s *Scan) release() {
	switch {
	case s.current.page == nil:
	case s.current.entry != nil:
		s.reader.cache.give(s.current.entry)
	case !s.ahead.reuse(s.current.page):
		s.spare = s.current.page
	}
	s.current = held{}
}

// appendRows appends those of rows [from, to) of d that are in the range.
func (s *Scan) appendRows(dst *series.Samples, d *decoded, from, to int) {
	all := series.Samples{Times: d.times[from:to]}
	first, last := all.Range(s.minT, s.maxT)
	from, to = from+first, from+last
	plain := d.raw != nil && d.starts == nil && d.histograms == nil
	if plain && dst.Starts == nil && dst.Histograms == nil {
		dst.Times = append(dst.Times, d.times[from:to]...)
		dst.Values = encoding.AppendFromBytes(dst.Values, d.raw[8*from:8*to])
		return
	}
	part := series.Samples{Times: d.times[from:to]}
	if d.raw != nil {
		part.Values = encoding.AppendFromBytes(nil, d.raw[8*from:8*to])
	} else {
		part.Values = d.values[from:to]
	}
	if d.starts != nil {
		part.Starts = d.starts[from:to]
	}
	if d.histograms != nil {
		part.Histograms = d.histograms[from:to]
	}
	dst.AppendRange(&part, 0, part.Len())
}
