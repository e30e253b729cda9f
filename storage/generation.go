package storage

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// generation is the memory between two flushes and the WAL segment that stands
// for it on disk. It is active (one, taking writes), then frozen (waiting for
// its flush or being flushed), then forgotten.
type generation struct {
	seq  uint64
	born time.Time

	// segment takes the records of an active generation; it is nil in one that
	// was replayed. segments lists all that the generation's flush makes
	// superfluous, oldest first.
	segment  *wal.Segment
	segments []uint64

	// writers counts the appends under way. It only grows while Store.mu is held
	// and the generation is active, so waiting for it after freezing is safe.
	writers sync.WaitGroup

	arena   arena
	limits  series.Limits
	bytes   atomic.Int64 // An estimate of the memory held.
	samples atomic.Int64

	mu      sync.RWMutex // Guards tenants.
	tenants map[series.Tenant]*memory
}

func newGeneration(seq uint64, segment *wal.Segment, lim series.Limits, now time.Time) *generation {
	return &generation{
		seq: seq, born: now, segment: segment, segments: []uint64{seq},
		limits: lim, tenants: map[series.Tenant]*memory{},
	}
}

// memory returns what the generation holds of a tenant, nil if nothing.
func (g *generation) memory(t series.Tenant) *memory {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tenants[t]
}

func (g *generation) ensureMemory(t series.Tenant) *memory {
	if m := g.memory(t); m != nil {
		return m
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.tenants[t]
	if m == nil {
		m = newMemory(t, g.limits, &g.arena, &g.bytes)
		g.tenants[t] = m
	}
	return m
}

// holds reports whether a matching series of a tenant has a sample or an exemplar
// in the query's range.
func (g *generation) holds(ctx context.Context, t series.Tenant, q series.Query) (bool, error) {
	m := g.memory(t)
	if m == nil {
		return false, nil
	}
	return m.holds(ctx, q)
}

// memories returns all tenants' memories in the order of their names.
func (g *generation) memories() []*memory {
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]*memory, 0, len(g.tenants))
	for _, t := range slices.Sorted(maps.Keys(g.tenants)) {
		out = append(out, g.tenants[t])
	}
	return out
}

// size is the greater of the generation's memory and its log.
func (g *generation) size() int64 {
	n := g.bytes.Load()
	if g.segment != nil {
		n = max(n, g.segment.Size())
	}
	return n
}

func (g *generation) empty() bool { return g.bytes.Load() == 0 }
