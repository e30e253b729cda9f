package querier

import (
	"context"
	"fmt"
	"math"

	"herringbone/storage/series"
)

// Unflushed returns the matching series in memory, and nothing of files: what a
// reader of files must add to see every sample whose Append had returned. The
// caller takes it before Snapshot; taken after, a flush between the two would hide
// what it moves. Samples can then be both here and in a file: what is here was
// written later, or is the same.
//
// Nothing in the set is hidden by a tombstone of a Snapshot, if no tombstone came
// meanwhile: Snapshot.TombstonesVersion is then the same before Unflushed and
// after it. Otherwise the caller asks again.
//
// The set is as that of Select. It holds on to the memory of what it found until
// it is dropped.
func (r *Querier) Unflushed(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	generations, err := r.memory.Generations()
	if err != nil {
		return nil, fmt.Errorf("select unflushed series: %w", err)
	}
	lists, err := memoryHits(ctx, generations, t, q)
	if err != nil {
		return nil, fmt.Errorf("select unflushed series: %w", err)
	}
	return &seriesSet{files: r.files, query: q, hits: mergeHits(lists)}, nil
}

// UnflushedTimes returns a range of time that no sample in memory is outside of,
// in milliseconds, both included; ok is false if there are none. It can be wider
// than the samples. Later Appends move it: whoever plans by it takes the samples by
// Unflushed first.
//
// Errors: series.ErrNotReady before Replay and after Close.
func (r *Querier) UnflushedTimes(t series.Tenant) (minT, maxT int64, ok bool, err error) {
	generations, err := r.memory.Generations()
	if err != nil {
		return 0, 0, false, err
	}
	minT, maxT = math.MaxInt64, math.MinInt64
	for _, g := range generations {
		if m := g.Tenant(t); m != nil {
			first, last := m.TimeRange()
			minT, maxT = min(minT, first), max(maxT, last)
		}
	}
	return minT, maxT, minT <= maxT, nil
}
