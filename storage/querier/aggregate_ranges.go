package querier

import (
	"cmp"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// aggregateRange is a range of time in which a series' aggregates in one file are used
// instead of its samples.
type aggregateRange struct {
	minT, maxT int64 // Milliseconds, both included; all of whole buckets.
	hit        int   // Of the series' hits, the one in the file of aggregates.
}

// aggregateRanges are of one series, in the order of time; they do not overlap.
//
// The aggregates in a file tell of all samples of a series in the file's days,
// as far as those were in files with a Seq up to the file's own, and as far as
// no tombstone came since. If there may be other samples of the series in that
// time, or other tombstones, its samples are read instead. If the samples are not
// kept any more, the aggregates are right whatever came later.
type aggregateRanges []aggregateRange

// cover reports whether the ranges have all of minT … maxT.
func (c aggregateRanges) cover(minT, maxT int64) bool {
	for _, one := range c {
		if one.minT <= minT && minT <= one.maxT {
			if one.maxT >= maxT {
				return true
			}
			minT = one.maxT + 1
		}
	}
	return false
}

func (c aggregateRanges) meet(minT, maxT int64) bool {
	return slices.ContainsFunc(c, func(o aggregateRange) bool { return o.minT <= maxT && o.maxT >= minT })
}

// chooseRanges chooses which of the aggregates among a series' hits are used.
func (s *aggregateSet) chooseRanges(hits []hit) aggregateRanges {
	var candidates aggregateRanges
	for i, h := range hits {
		if file := s.aggregatesOf(h); file != nil {
			if c := s.usableRange(i, file); c.minT <= c.maxT {
				candidates = append(candidates, c)
			}
		}
	}
	if candidates == nil {
		return nil
	}
	slices.SortStableFunc(candidates, func(a, b aggregateRange) int {
		return comparePreference(s.aggregatesOf(hits[a.hit]), s.aggregatesOf(hits[b.hit]))
	})
	var chosen aggregateRanges
	for i, c := range candidates {
		if !chosen.meet(c.minT, c.maxT) && s.complete(hits, c, candidates[i+1:]) {
			chosen = append(chosen, c)
		}
	}
	slices.SortFunc(chosen, func(a, b aggregateRange) int { return cmp.Compare(a.minT, b.minT) })
	return chosen
}

// comparePreference puts the coarser file first, then what is all that is left,
// then what was written later.
func comparePreference(a, b *catalog.File) int {
	switch {
	case a.Kind != b.Kind:
		return cmp.Compare(b.Kind.Resolution(), a.Kind.Resolution())
	case a.SamplesDropped != b.SamplesDropped && a.SamplesDropped:
		return -1
	case a.SamplesDropped != b.SamplesDropped:
		return 1
	}
	return cmp.Compare(b.Seq, a.Seq)
}

// usableRange is what a file's days have in common with the query's whole buckets.
func (s *aggregateSet) usableRange(hit int, file *catalog.File) aggregateRange {
	first := file.Day * series.DayMillis
	last := first + int64(file.Days)*series.DayMillis - 1
	return aggregateRange{minT: max(first, s.minT), maxT: min(last, s.maxT), hit: hit}
}

// complete reports whether nothing is known of the series in the range of c that
// its aggregates do not tell. finer are the candidates behind c.
func (s *aggregateSet) complete(hits []hit, c aggregateRange, finer aggregateRanges) bool {
	file := s.aggregatesOf(hits[c.hit])
	switch {
	case file.SamplesDropped:
		return true
	case s.scans[hits[c.hit].order].mask.Of(hits[c.hit].labels).Meets(c.minT, c.maxT):
		return false
	}
	for _, o := range finer {
		if left := s.aggregatesOf(hits[o.hit]); left.SamplesDropped && o.minT <= c.maxT && o.maxT >= c.minT {
			// Samples there are not the whole truth: the choice is between aggregates.
			return left.Seq <= file.Seq && o.minT == c.minT && o.maxT == c.maxT
		}
	}
	for _, h := range hits {
		if s.unaggregated(h, file, c) {
			return false
		}
	}
	return true
}

// unaggregated reports whether a hit may have samples in the range of c that were not
// among those which the file of aggregates was made of.
func (s *aggregateSet) unaggregated(h hit, file *catalog.File, c aggregateRange) bool {
	switch {
	case h.memory != nil:
		return h.memory.Holds(c.minT, c.maxT)
	case s.aggregatesOf(h) != nil || h.ref.MinT > c.maxT || h.ref.MaxT < c.minT:
		return false
	}
	samples := s.scans[h.order].open.Entry
	// Another template's partition was not among the inputs.
	return samples.Seq > file.Seq || samples.Partition != file.Partition
}
