package queryable

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"herringbone/storage/series"
)

// seriesSet presents a series.Set that is opened at the first Next.
type seriesSet struct {
	querier *querier
	ctx     context.Context
	query   series.Query
	sorted  bool

	set     series.Set
	found   []series.Series // If sorted: all of set, in labels.Compare's order.
	current series.Series
	err     error
	wide    map[string]series.Series // By label bytes; nil until a histogram is read.
}

// open selects from the Source; the querier closes the set.
func (s *seriesSet) open(q series.Query) (series.Set, error) {
	tenant, err := TenantOf(s.ctx, s.querier.fallback)
	if err != nil {
		return nil, err
	}
	set, err := s.querier.source.Select(s.ctx, tenant, q)
	if err != nil {
		return nil, err
	}
	s.querier.open = append(s.querier.open, set)
	return set, s.querier.checkSamplesKept(s.ctx, tenant, q) // After it: what is dropped from now on is in the set.
}

func (s *seriesSet) Next() bool {
	if s.err != nil {
		return false
	}
	if s.set == nil {
		if s.err = s.start(); s.err != nil {
			return false
		}
	}
	if s.sorted {
		return s.pop()
	}
	if !s.set.Next() {
		s.err = SourceError(s.set.Err())
		return false
	}
	s.current = s.set.At()
	return true
}

func (s *seriesSet) start() error {
	set, err := s.open(s.query)
	if err != nil {
		return SourceError(err)
	}
	s.set = set
	if !s.sorted {
		return nil
	}
	for set.Next() {
		s.found = append(s.found, set.At())
	}
	// Files are in series.Compare's order, which is the same but where a label's
	// name sorts before __name__.
	byLabels := func(a, b series.Series) int { return labels.Compare(a.Labels(), b.Labels()) }
	if !slices.IsSortedFunc(s.found, byLabels) {
		slices.SortFunc(s.found, byLabels)
	}
	return SourceError(set.Err())
}

func (s *seriesSet) pop() bool {
	if len(s.found) == 0 {
		return false
	}
	s.current, s.found = s.found[0], s.found[1:]
	return true
}

func (s *seriesSet) At() storage.Series {
	return &promSeries{series: s.current, set: s}
}

func (s *seriesSet) Err() error                        { return s.err }
func (s *seriesSet) Warnings() annotations.Annotations { return nil }

// promSeries presents one series.Series.
type promSeries struct {
	series series.Series
	set    *seriesSet
}

func (s *promSeries) Labels() labels.Labels { return s.series.Labels() }

// Iterator reads the series, into the arrays of reuse if it is one of ours.
func (s *promSeries) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	if s.set.query.NoSamples {
		return chunkenc.NewNopIterator()
	}
	it, ok := reuse.(*iterator)
	if !ok || it.owner != s.set.querier {
		it = s.set.querier.iterator()
	}
	it.read(s)
	return it
}

// chunkQuerier encodes what a querier reads.
type chunkQuerier struct{ *querier }

func (q *chunkQuerier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.ChunkSeriesSet {
	return &chunkSet{set: q.querier.Select(ctx, sorted, hints, matchers...)}
}

// chunkSet encodes series one at a time through one iterator; the encoder has
// consumed it when it returns a series' chunks.
type chunkSet struct {
	set      storage.SeriesSet
	iterator chunkenc.Iterator
}

func (s *chunkSet) Next() bool                        { return s.set.Next() }
func (s *chunkSet) Err() error                        { return s.set.Err() }
func (s *chunkSet) Warnings() annotations.Annotations { return s.set.Warnings() }

func (s *chunkSet) At() storage.ChunkSeries {
	return storage.NewSeriesToChunkEncoder(&plainSeries{Series: s.set.At(), set: s})
}

type plainSeries struct {
	storage.Series
	set *chunkSet
}

func (s *plainSeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	s.set.iterator = s.Series.Iterator(s.set.iterator)
	if it, ok := s.set.iterator.(*iterator); ok {
		it.plain = true
	}
	return s.set.iterator
}
