package block

import (
	"fmt"
	"math"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// AggregateScan reads some columns of the buckets in a range of time. It is used
// by one goroutine. Reading series in file order is the fast way: the page
// decoded last is kept. Close must be called once.
type AggregateScan struct {
	reader         *Reader
	minEnd, maxEnd int64
	kinds          []int // The columns, as positions in pageGroup.pages.
	cache          *Cache
	pages          aggregatePages

	group int // What rows holds; -1 is none.
	rows  aggregate.Buckets
	held  []*cacheEntry               // Of rows, to be given back; without a cache …
	own   [pageStaleTime + 1]*decoded // … the memory of its columns.
	none  decoded                     // A column of zeros. It is never written to.
}

// Scan begins to read columns of the buckets that end in minEnd … maxEnd, both
// included.
func (r *AggregateReader) Scan(columns aggregate.Columns, minEnd, maxEnd int64) *AggregateScan {
	return &AggregateScan{
		reader: r.file, minEnd: minEnd, maxEnd: maxEnd, kinds: aggregateKinds(columns), cache: r.file.cache,
		pages: aggregatePages{pageReader: pageReader{r: r.file}}, group: -1,
	}
}

// aggregateKinds are the positions of columns in pageGroup.pages. The first is
// that of the ends.
func aggregateKinds(columns aggregate.Columns) []int {
	kinds := []int{pageEnd, pageCount, pageLastTime, pageStaleTime}
	for _, c := range [...]struct {
		column aggregate.Columns
		kinds  []int
	}{
		{aggregate.Min, []int{pageMin}},
		{aggregate.Max, []int{pageMax}},
		{aggregate.Sum, []int{pageSum}},
		{aggregate.First, []int{pageFirst, pageFirstTime}},
		{aggregate.Last, []int{pageLast}},
		{aggregate.Increase, []int{pageIncrease}},
	} {
		if columns&c.column != 0 {
			kinds = append(kinds, c.kinds...)
		}
	}
	return kinds
}

// Count makes the scan count what it reads in r, which may be nil. It must be
// called before Read.
func (s *AggregateScan) Count(r *series.Reads) { s.pages.reads = r }

// Close lets go of memory. The file stays open.
func (s *AggregateScan) Close() {
	s.release()
	s.pages.close()
}

// Read calls add with the series' buckets, some at a time, in the order of time.
// They are shared: they must not be changed, and are valid until add returns. A
// damaged file is a CorruptError.
func (s *AggregateScan) Read(ref Ref, add func(*aggregate.Buckets)) error {
	rows := Scan{reader: s.reader, minT: s.minEnd, maxT: s.maxEnd}
	// What a bucket holds may begin before its end, but not after it.
	ref.MaxT = math.MaxInt64
	for g := range rows.groups(ref) {
		if err := s.load(g); err != nil {
			return fmt.Errorf("read aggregates: %w", err)
		}
		group := &s.reader.index.groups[g]
		from := int(max(ref.FirstRow-group.firstRow, 0))
		to := int(min(ref.FirstRow+ref.Rows-group.firstRow, int64(group.rows)))
		ends := aggregate.Buckets{Ends: s.rows.Ends[from:to]}
		first, last := ends.Range(s.minEnd, s.maxEnd)
		part := s.rows.Slice(from+first, from+last)
		add(&part)
	}
	return nil
}

// load puts the columns of group g into rows, unless it is there.
func (s *AggregateScan) load(g int) error {
	if s.group == g {
		return nil
	}
	s.release()
	defer s.pages.close()
	ints, floats := intColumns(&s.rows), floatColumns(&s.rows)
	for _, kind := range s.kinds {
		d, err := s.column(g, kind)
		if err != nil {
			return err
		}
		if column := ints[kind]; column != nil {
			*column = d.times
		} else {
			*floats[kind] = d.values
		}
	}
	s.group = g
	return nil
}

// release lets go of what rows holds.
func (s *AggregateScan) release() {
	for _, e := range s.held {
		s.cache.give(e)
	}
	s.held, s.rows, s.group = s.held[:0], aggregate.Buckets{}, -1
}

// column returns one column of group g, from the cache or else decoded. It is
// valid until release.
func (s *AggregateScan) column(g, kind int) (*decoded, error) {
	group := &s.reader.index.groups[g]
	switch {
	case group.pages[kind].Size == 0:
		s.none.times, s.none.values = resize(s.none.times, group.rows), resize(s.none.values, group.rows)
		return &s.none, nil
	case s.cache == nil:
		if s.own[kind] == nil {
			s.own[kind] = &decoded{}
		}
		return s.own[kind], s.pages.readColumn(group, kind, s.own[kind])
	}
	missed := false
	e, err := s.cache.take(cacheKey{s.reader.name, g, kind}, func(d *decoded) error {
		missed = true
		return s.pages.readColumn(group, kind, d)
	})
	if err != nil {
		return nil, err
	}
	s.held = append(s.held, e)
	if !missed {
		s.pages.reads.Cached(1)
	}
	return e.page, nil
}
