package ingester

import (
	"sync"
	"time"

	"herringbone/storage/memory"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// generation is the memory between two flushes and the WAL segment that stands
// for it on disk. It is active (one, taking writes), then frozen (waiting for
// its flush or being flushed), then forgotten.
type generation struct {
	*memory.Generation

	seq  uint64
	born time.Time

	// segment takes the records of an active generation; it is nil in one that
	// was replayed. segments lists all that the generation's flush makes
	// superfluous, oldest first.
	segment  *wal.Segment
	segments []uint64

	// writers counts the appends under way. It only grows while Ingester.mu is held
	// and the generation is active, so waiting for it after freezing is safe.
	writers sync.WaitGroup
}

func newGeneration(seq uint64, segment *wal.Segment, lim series.Limits, now time.Time) *generation {
	return &generation{Generation: memory.NewGeneration(lim), seq: seq, born: now, segment: segment, segments: []uint64{seq}}
}

// size is the greater of the generation's memory and its log.
func (g *generation) size() int64 {
	n := g.Bytes()
	if g.segment != nil {
		n = max(n, g.segment.Size())
	}
	return n
}
