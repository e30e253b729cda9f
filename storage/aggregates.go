package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Resolutions implements series.AggregateSource from the catalog alone.
func (s *Store) Resolutions(t series.Tenant, q series.Query) []series.Resolution {
	snapshot := s.catalog.Snapshot()
	var found []series.Resolution
	for _, kind := range snapshot.Kinds(t) {
		if kind.Resolution() == 0 {
			continue
		}
		files := snapshot.Files(t, kind, q.MinT, q.MaxT, q.Matchers...)
		if len(files) > 0 {
			found = append(found, series.Resolution{Millis: kind.Resolution(), Sole: slices.ContainsFunc(files, isSole)})
		}
	}
	slices.SortFunc(found, func(a, b series.Resolution) int { return cmp.Compare(a.Millis, b.Millis) })
	return found
}

func isSole(f *catalog.File) bool { return f.Sole }

// soleFiles returns the files of aggregates that are all that is left of some
// samples, as far as the query may ask for them and which says yes.
func soleFiles(snapshot *catalog.Snapshot, t series.Tenant, q *series.Query, which func(catalog.Kind) bool) (files []*catalog.File) {
	for _, kind := range snapshot.Kinds(t) {
		if kind.Resolution() > 0 && which(kind) {
			files = append(files, snapshot.Files(t, kind, q.MinT, q.MaxT, q.Matchers...)...)
		}
	}
	return slices.DeleteFunc(files, func(f *catalog.File) bool { return !f.Sole })
}

// anyKind is which of soleFiles for those who want only labels.
func anyKind(catalog.Kind) bool { return true }

// finerThan chooses the resolutions of which buckets of kind can be made.
func finerThan(kind catalog.Kind) func(catalog.Kind) bool {
	return func(k catalog.Kind) bool { return k != kind && kind.Resolution()%k.Resolution() == 0 }
}

// SelectAggregates implements series.AggregateSource. Which of a series'
// samples are replaced by aggregates is decided at once, by indexes: see claims.
func (s *Store) SelectAggregates(ctx context.Context, t series.Tenant, q series.Query, resolution int64) (series.AggregateSet, error) {
	kind := catalog.Aggregates(resolution)
	if resolution <= 0 || kind.Resolution() != resolution {
		return nil, fmt.Errorf("select aggregates: there is no resolution of %d ms: %w", resolution, series.ErrInvalid)
	}
	set := &aggregateSet{resolution: resolution}
	set.seriesSet = &seriesSet{files: s.files, query: q, trace: series.TraceOf(ctx).Begin(q)}
	set.minT, set.maxT = inner(q.MinT, q.MaxT, resolution)
	if err := s.find(ctx, t, q, set.seriesSet, kind); err != nil {
		return nil, errors.Join(fmt.Errorf("select aggregates: %w", err), set.Close())
	}
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
	minT, maxT int64    // Times of the buckets that may be used.
	used       []claims // By series.
}

func (s *aggregateSet) At() series.AggregateSeries {
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
		used := s.claims(hits)
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
func (s *aggregateSet) skips(h hit, used claims) bool {
	return s.aggregatesOf(h) != nil || h.memory == nil && used.cover(s.within(h.ref.MinT, h.ref.MaxT))
}

// foundAggregates is one series in all its places.
type foundAggregates struct {
	foundSeries
	set  *aggregateSet
	used claims
}

// Read implements series.AggregateSeries.
func (f *foundAggregates) Read(samples *series.Samples, buckets *series.Aggregates) error {
	if err := f.readSamples(samples); err != nil {
		return err
	}
	buckets.Reset()
	for _, c := range f.used {
		if err := f.readBuckets(c, buckets); err != nil {
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

// readBuckets adds the buckets of one claim to dst. A bucket that ends at
// midnight can have a part in each of two files: Coarsen makes it whole.
func (f *foundAggregates) readBuckets(c claim, dst *series.Aggregates) error {
	h := f.hits[c.hit]
	scan := f.set.scans[h.order]
	buckets := aggregatesPool.Get().(*series.Aggregates)
	defer aggregatesPool.Put(buckets)
	buckets.Reset()
	if err := scan.open.aggregates.Read(h.ref, f.set.minT, f.set.maxT, buckets); err != nil {
		return err
	}
	mask := scan.mask.Of(h.labels)
	if mask == nil {
		series.Coarsen(dst, buckets, f.set.resolution)
		return nil
	}
	var kept series.Aggregates
	for i := range buckets.Len() {
		if !mask.Meets(buckets.Times(i)) {
			kept.AppendRange(buckets, i, i+1)
		}
	}
	series.Coarsen(dst, &kept, f.set.resolution)
	return nil
}

// aggregatesOf returns the file of aggregates that a hit is in, or nil.
func (s *seriesSet) aggregatesOf(h hit) *catalog.File {
	if h.memory != nil || s.scans[h.order].open.aggregates == nil {
		return nil
	}
	return s.scans[h.order].open.file
}

// within cuts times to the query's range.
func (s *seriesSet) within(minT, maxT int64) (int64, int64) {
	return max(minT, s.query.MinT), min(maxT, s.query.MaxT)
}
