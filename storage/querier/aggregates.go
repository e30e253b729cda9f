package querier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Resolutions implements aggregate.Source from the catalog alone.
func (r *Querier) Resolutions(t series.Tenant, q series.Query) []aggregate.Resolution {
	snapshot := r.catalog.Snapshot()
	var found []aggregate.Resolution
	for _, kind := range snapshot.Kinds(t) {
		if kind.Resolution() == 0 {
			continue
		}
		files := snapshot.Files(t, kind, q.MinT, q.MaxT, q.Matchers...)
		if len(files) > 0 {
			found = append(found, aggregate.Resolution{Millis: kind.Resolution(), SamplesDropped: slices.ContainsFunc(files, samplesDropped)})
		}
	}
	slices.SortFunc(found, func(a, b aggregate.Resolution) int { return cmp.Compare(a.Millis, b.Millis) })
	return found
}

func samplesDropped(f *catalog.File) bool { return f.SamplesDropped }

// samplesDroppedFiles returns the files of aggregates that are all that is left of some
// samples, as far as the query may ask for them.
func samplesDroppedFiles(snapshot *catalog.Snapshot, t series.Tenant, q *series.Query) (files []*catalog.File) {
	for _, kind := range snapshot.Kinds(t) {
		if kind.Resolution() > 0 {
			files = append(files, snapshot.Files(t, kind, q.MinT, q.MaxT, q.Matchers...)...)
		}
	}
	return slices.DeleteFunc(files, func(f *catalog.File) bool { return !f.SamplesDropped })
}

// SelectAggregates implements aggregate.Source. Which of a series'
// samples are replaced by aggregates is decided at once, by indexes: see chooseRanges.
func (r *Querier) SelectAggregates(ctx context.Context, t series.Tenant, q aggregate.Query) (aggregate.Set, error) {
	if q.Resolution <= 0 {
		return nil, fmt.Errorf("select aggregates: resolution %d ms is not positive: %w", q.Resolution, series.ErrInvalid)
	}
	set := &aggregateSet{resolution: q.Resolution, columns: q.Columns}
	set.seriesSet = &seriesSet{files: r.files, query: q.Query, trace: series.TraceOf(ctx).Begin(q.Query)}
	set.minT, set.maxT = inner(q.MinT, q.MaxT, q.Resolution)
	if err := r.find(ctx, t, q.Query, set.seriesSet, q.Uses); err != nil {
		return nil, errors.Join(fmt.Errorf("select aggregates: %w", err), set.Close())
	}
	set.buckets = make([]bucketScan, len(set.scans))
	if !q.NoSamples {
		set.choose()
	}
	return set, nil
}

// inner returns the times of the buckets that lie whole in minT … maxT. It is an
// empty range if there is none.
func inner(minT, maxT, resolution int64) (first, last int64) {
	const far = math.MaxInt64 / 2 // Nothing is there, and it does not overflow.
	minT, maxT = max(minT, -far), min(maxT, far)
	first = minT - 1
	if over := mod(first, resolution); over > 0 {
		first += resolution - over
	}
	return first + 1, maxT - mod(maxT, resolution)
}

func mod(t, n int64) int64 { return (t%n + n) % n }

// aggregateSet is the answer to one SelectAggregates: a seriesSet some of whose
// hits are in files of aggregates.
type aggregateSet struct {
	*seriesSet
	resolution int64
	columns    aggregate.Columns
	minT, maxT int64             // Times of the buckets that may be used.
	used       []aggregateRanges // By series.
	buckets    []bucketScan      // By file, as scans.
}

// bucketScan reads one file of aggregates for one query.
type bucketScan struct {
	mu   sync.Mutex // Guards scan.
	scan *block.AggregateScan
}

// Close implements aggregate.Set.
func (s *aggregateSet) Close() error {
	for i := range s.buckets {
		b := &s.buckets[i]
		b.mu.Lock()
		if b.scan != nil {
			b.scan.Close()
		}
		b.mu.Unlock()
	}
	s.buckets = nil
	return s.seriesSet.Close()
}

func (s *aggregateSet) At() aggregate.Series {
	found := &foundAggregates{foundSeries: s.cur, set: s}
	if s.used != nil {
		found.used = s.used[s.count-1]
	}
	return found
}

// choose decides for every series which aggregates are used, and tells the scans
// of samples what is left for them to read.
func (s *aggregateSet) choose() {
	needed := make([][]block.Ref, len(s.scans))
	for from := 0; from < len(s.hits); {
		hits := sameSeries(s.hits[from:])
		from += len(hits)
		used := s.chooseRanges(hits)
		s.used = append(s.used, used)
		for _, h := range hits {
			if h.memory == nil && !s.skips(h, used) {
				needed[h.order] = append(needed[h.order], h.ref)
			}
		}
	}
	for i, refs := range needed {
		slices.SortFunc(refs, func(a, b block.Ref) int { return cmp.Compare(a.FirstRow, b.FirstRow) })
		s.scans[i].refs = refs
	}
}

// skips reports whether no sample of a hit in a file is needed.
func (s *aggregateSet) skips(h hit, used aggregateRanges) bool {
	return s.aggregatesOf(h) != nil || h.memory == nil && used.cover(s.within(h.ref.MinT, h.ref.MaxT))
}

// foundAggregates is one series in all its places.
type foundAggregates struct {
	foundSeries
	set  *aggregateSet
	used aggregateRanges
}

// Read implements aggregate.Series.
func (f *foundAggregates) Read(samples *series.Samples, buckets *aggregate.Buckets) error {
	if err := f.readSamples(samples); err != nil {
		return err
	}
	buckets.Reset()
	sealed := 0 // Buckets before the last stretch of time that is left to samples.
	for i, c := range f.used {
		if i > 0 && f.used[i-1].maxT+1 < c.minT {
			sealed = buckets.Len()
		}
		if err := f.readBuckets(c, buckets.Len() == sealed, buckets); err != nil {
			return err
		}
	}
	f.set.trace.Returned(samples.Len() + buckets.Len())
	return nil
}

// readSamples reads the samples of which no buckets are used.
func (f *foundAggregates) readSamples(dst *series.Samples) error {
	var parts []*series.Samples
	for _, h := range f.hits {
		if f.set.skips(h, f.used) {
			continue
		}
		part := samplesPool.Get().(*series.Samples)
		defer samplesPool.Put(part)
		if err := f.set.read(h, part); err != nil {
			return err
		}
		for _, c := range f.used {
			series.Cut(part, c.minT, c.maxT)
		}
		parts = append(parts, part)
	}
	series.Merge(dst, parts...)
	return nil
}

// readBuckets adds the buckets of one range to dst. A bucket that ends at
// midnight can have a part in each of two files: Coarsen makes it whole. apart says
// that there may be samples between the last of dst and this range: then parts of
// a bucket in both stay parts.
func (f *foundAggregates) readBuckets(c aggregateRange, apart bool, dst *aggregate.Buckets) error {
	if !apart || dst.Len() == 0 {
		return f.coarsen(c, dst)
	}
	part := aggregatesPool.Get().(*aggregate.Buckets)
	defer aggregatesPool.Put(part)
	part.Reset()
	if err := f.coarsen(c, part); err != nil {
		return err
	}
	dst.AppendRange(part, 0, part.Len())
	return nil
}

// coarsen adds the buckets of one range to dst, joined to those that are there.
func (f *foundAggregates) coarsen(c aggregateRange, dst *aggregate.Buckets) error {
	h := f.hits[c.hit]
	mask := f.set.scans[h.order].mask.Of(h.labels)
	return f.set.readBuckets(h, func(a *aggregate.Buckets) {
		if mask != nil {
			a = unhidden(a, mask)
		}
		a.Keep(f.set.columns) // Of some files more is read than was asked for.
		if a.TellsResets() {
			aggregate.Coarsen(dst, a, f.set.resolution)
		} else { // Nobody must take what is made of these for the truth.
			dst.AppendRange(a, 0, a.Len())
		}
	})
}

// unhidden copies the buckets of which the mask hides nothing.
func unhidden(a *aggregate.Buckets, mask catalog.Mask) *aggregate.Buckets {
	kept := &aggregate.Buckets{}
	for i := range a.Len() {
		if !mask.Meets(a.Times(i)) {
			kept.AppendRange(a, i, i+1)
		}
	}
	return kept
}

// readBuckets calls add with the buckets of a hit in a file of aggregates.
func (s *aggregateSet) readBuckets(h hit, add func(*aggregate.Buckets)) error {
	b, f := &s.buckets[h.order], s.scans[h.order]
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scan == nil {
		columns := s.columns
		if f.mask != nil {
			columns |= aggregate.First // Whether a bucket is hidden depends on its times.
		}
		b.scan = f.open.Aggregates.Scan(columns, s.minT, s.maxT)
		b.scan.Count(s.trace.Reads())
	}
	return b.scan.Read(h.ref, add)
}

// aggregatesOf returns the file of aggregates that a hit is in, or nil.
func (s *seriesSet) aggregatesOf(h hit) *catalog.File {
	if h.memory != nil || s.scans[h.order].open.Aggregates == nil {
		return nil
	}
	return s.scans[h.order].open.Entry
}

// within cuts times to the query's range.
func (s *seriesSet) within(minT, maxT int64) (int64, int64) {
	return max(minT, s.query.MinT), min(maxT, s.query.MaxT)
}
