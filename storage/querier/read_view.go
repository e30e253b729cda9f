package querier

import (
	"fmt"

	"herringbone/storage/catalog"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// maxLooks bounds how often a reader looks again because tombstones came or went
// between its look at memory and its look at the catalog, which are a few
// instructions apart.
const maxLooks = 100

// readView returns what a read looks at: memory, oldest first, and then the
// catalog. In this order, so that a sample in motion is seen once or twice,
// never zero times.
//
// No tombstone came between the two: a delete flushes what it hides before it
// commits, so memory of before it together with files of after it would show some
// of that and not the rest.
func (r *Querier) readView() ([]*memory.Generation, *catalog.Snapshot, error) {
	before := r.catalog.Snapshot().TombstonesVersion()
	for range maxLooks {
		generations, err := r.memory.Generations()
		if err != nil {
			return nil, nil, err
		}
		snapshot := r.catalog.Snapshot()
		after := snapshot.TombstonesVersion()
		if after == before {
			return generations, snapshot, nil
		}
		before = after
	}
	return nil, nil, fmt.Errorf("tombstones came or went at each of %d looks: %w", maxLooks, series.ErrOverload)
}
