package queryable

import (
	"context"
	"math"

	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// bucketSet presents an aggregate.Set, which is opened at the first Next,
// as series of samples: a bucket is one sample at the time of one of its own.
// What the sample's value is depends on the column that the selector's function
// asks for.
type bucketSet struct {
	choice        *Choice
	substitutions *Substitutions
	samples       seriesSet // The same Select without aggregates.

	set     aggregate.Set
	current aggregate.Series
	err     error

	// Of the series whose iterator was handed out last: functions on rows are
	// evaluated for one series after the other.
	merger merger
	noted  bool // It was said of it that it may not be a counter.
}

// newBucketSet widens the query to whole buckets: all that begin or, if the
// answer is approximate, end in its range.
func newBucketSet(ctx context.Context, q *querier, m *Substitutions, c *Choice, query series.Query) *bucketSet {
	query.MinT = FloorTo(query.MinT-1, c.Combined) + 1
	if c.Approximate {
		query.MaxT = CeilTo(query.MaxT, c.Combined)
	} else {
		query.MaxT = FloorTo(query.MaxT, c.Combined)
	}
	return &bucketSet{choice: c, substitutions: m, samples: seriesSet{querier: q, ctx: ctx, query: query}}
}

func (s *bucketSet) Next() bool {
	if s.err != nil {
		return false
	}
	if s.set == nil {
		if s.err = s.open(); s.err != nil {
			return false
		}
	}
	if !s.set.Next() {
		s.err = SourceError(s.set.Err())
		return false
	}
	s.current = s.set.At()
	return true
}

func (s *bucketSet) open() error {
	q := s.samples.querier
	tenant, err := TenantOf(s.samples.ctx, q.fallback)
	if err != nil {
		return err
	}
	c := s.choice
	wanted := aggregate.Query{Query: s.samples.query, Resolution: c.Combined, Coarsest: c.Resolution, Columns: c.Reads}
	set, err := s.substitutions.Source.SelectAggregates(s.samples.ctx, tenant, wanted)
	if err != nil {
		return SourceError(err)
	}
	s.set = set
	q.open = append(q.open, set)
	return nil
}

func (s *bucketSet) At() storage.Series                { return &bucketSeries{Series: s.current, set: s} }
func (s *bucketSet) Err() error                        { return s.err }
func (s *bucketSet) Warnings() annotations.Annotations { return nil }

// bucketSeries presents one aggregate.Series.
type bucketSeries struct {
	aggregate.Series
	set *bucketSet
}

// Iterator reads the series, into the arrays of reuse if it is one of ours.
func (s *bucketSeries) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	q := s.set.samples.querier
	it, ok := reuse.(*iterator)
	if !ok || it.owner != q {
		it = q.iterator()
	}
	s.set.noted = false
	s.read(it)
	return it
}

func (s *bucketSeries) read(it *iterator) {
	m := &s.set.merger
	m.rows = false
	if err := s.Series.Read(&m.samples, &m.buckets); err != nil {
		it.fail(err)
		return
	}
	if s.needsSamples(m) {
		if err := s.set.samples.widen(); err != nil {
			it.fail(err)
			return
		}
		it.read(&promSeries{series: onlySamples{s.Series}, set: &s.set.samples})
		return
	}
	it.samples.Reset()
	it.first, it.at, it.err = 0, -1, nil
	it.floats[0].valid, it.floats[1].valid = false, false
	if m.buckets.Len() == 0 {
		*it.samples, m.samples = m.samples, *it.samples
	} else {
		m.merge(it.samples, s.set.choice.Column)
	}
	err := s.lead(it)
	if err == nil {
		err = it.owner.hold(it)
	}
	if err != nil {
		it.fail(err)
	}
}

// lead puts the sample before a histogram that comes first before it, so that
// resetHint finds it there.
func (s *bucketSeries) lead(it *iterator) error {
	if it.samples.Len() == 0 || it.samples.HistogramAt(0) == nil {
		return nil
	}
	if err := s.set.samples.widen(); err != nil {
		return err
	}
	all, before := &series.Samples{}, &series.Samples{} // The merger has those of rows.
	if err := s.set.samples.widened(onlySamples{s.Series}).Read(all); err != nil {
		return err
	}
	if _, to := all.Range(math.MinInt64, it.samples.Times[0]-1); to > 0 {
		before.AppendRange(all, to-1, to)
		before.AppendRange(it.samples, 0, it.samples.Len())
		it.samples = before
		it.first, it.at = 1, 0
	}
	return nil
}

// needsSamples reports whether s is to be read from samples although the set is
// not: histograms, of which the one before the range must be known, and counters
// whose resets a bucket does not tell because it begins or ends with NaN.
func (s *bucketSeries) needsSamples(m *merger) bool {
	if m.buckets.Len() == 0 {
		return m.samples.Histograms != nil
	}
	if s.set.choice.Column != ColumnRows || s.set.choice.DroppedBelow > 0 {
		return false
	}
	for _, v := range m.buckets.Increases {
		if math.IsNaN(v) {
			return true
		}
	}
	return false
}

// onlySamples is a series.Series of the samples alone.
type onlySamples struct{ aggregate.Series }

func (s onlySamples) Read(dst *series.Samples) error {
	return s.Series.Read(dst, &aggregate.Buckets{})
}

// FloorTo rounds t down to a multiple of step.
func FloorTo(t, step int64) int64 {
	over := t % step
	if over < 0 {
		over += step
	}
	return t - over
}

// CeilTo rounds t up to a multiple of step.
func CeilTo(t, step int64) int64 { return -FloorTo(-t, step) }
