package sourcetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

const (
	Minute = int64(60_000)
	Hour   = 60 * Minute
	Unit   = 6 * Hour // What a day is to the store.
)

// Downsampled is a Memory that answers some units of some series from
// aggregates, as a hash with its salt says.
type Downsampled struct {
	*seriestest.Memory
	Salt  uint64
	Share uint64 // Of ten units, so many have aggregates.
	Known []aggregate.Resolution
	// droppedBefore: the samples of units that end by then were dropped.
	droppedBefore int64

	Selects, aggregated, Buckets atomic.Int64
}

// Select implements series.Source.
func (d *Downsampled) Select(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	d.Selects.Add(1)
	return d.Memory.Select(ctx, t, q)
}

// Resolutions implements aggregate.Source.
func (d *Downsampled) Resolutions(series.Tenant, series.Query) []aggregate.Resolution { return d.Known }

// SelectAggregates implements aggregate.Source.
func (d *Downsampled) SelectAggregates(ctx context.Context, t series.Tenant, q aggregate.Query) (aggregate.Set, error) {
	d.aggregated.Add(1)
	all := q.Query
	all.MinT, all.MaxT = math.MinInt64/2, math.MaxInt64/2
	set, err := d.Memory.Select(ctx, t, all)
	return &downsampledSet{Set: set, of: d, query: q}, err
}

// covered reports whether a unit of a series has aggregates.
func (d *Downsampled) covered(ls labels.Labels, unit int64) bool {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, ls, unit, d.Salt)
	return h.Sum64()%10 < d.Share || (unit+1)*Unit <= d.droppedBefore
}

type downsampledSet struct {
	series.Set
	of    *Downsampled
	query aggregate.Query
}

func (s *downsampledSet) At() aggregate.Series {
	return &downsampledSeries{set: s, series: s.Set.At()}
}

type downsampledSeries struct {
	set    *downsampledSet
	series series.Series
}

func (s *downsampledSeries) Labels() labels.Labels { return s.series.Labels() }

func (s *downsampledSeries) Read(samples *series.Samples, buckets *aggregate.Buckets) error {
	samples.Reset()
	buckets.Reset()
	var all series.Samples
	if err := s.series.Read(&all); err != nil {
		return err
	}
	for from := 0; from < all.Len(); {
		unit := series.Day(all.Times[from] * (series.DayMillis / Unit))
		_, to := all.Range(math.MinInt64, (unit+1)*Unit-1)
		s.unit(unit, &all, from, to, samples, buckets)
		from = to
	}
	s.set.of.Buckets.Add(int64(buckets.Len()))
	return nil
}

func (s *downsampledSeries) unit(unit int64, all *series.Samples, from, to int, samples *series.Samples, buckets *aggregate.Buckets) {
	q := s.set.query
	part := &series.Samples{}
	part.AppendRange(all, from, to)
	if !s.set.of.covered(s.Labels(), unit) || slices.ContainsFunc(part.Histograms, func(h series.Histogram) bool { return h.H != nil }) {
		first, end := part.Range(q.MinT, q.MaxT)
		samples.AppendRange(part, first, end)
		return
	}
	part.Histograms = nil
	stored, made := &aggregate.Buckets{}, &aggregate.Buckets{}
	aggregate.Append(stored, part, q.Coarsest)
	if aggregate.Coarsen(made, stored, q.Resolution); q.Columns&aggregate.Increase != 0 && !stored.TellsResets() {
		made = stored
	}
	for i := range made.Len() {
		if first, last := made.Times(i); q.MinT <= first && last <= q.MaxT {
			one := made.Slice(i, i+1)
			one.Keep(q.Columns) // Who looks at others fails.
			buckets.AppendRange(&one, 0, 1)
		}
	}
}
