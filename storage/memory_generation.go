package storage

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// memGeneration is the memory between two flushes: what each tenant wrote. Its
// samples are freed together.
type memGeneration struct {
	arena  arena
	limits series.Limits
	bytes  atomic.Int64 // An estimate of the memory held.

	mu      sync.RWMutex // Guards tenants.
	tenants map[series.Tenant]*memory
}

func newMemGeneration(lim series.Limits) *memGeneration {
	return &memGeneration{limits: lim, tenants: map[series.Tenant]*memory{}}
}

// memory returns what the generation holds of a tenant, nil if nothing.
func (g *memGeneration) memory(t series.Tenant) *memory {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tenants[t]
}

func (g *memGeneration) ensureMemory(t series.Tenant) *memory {
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
func (g *memGeneration) holds(ctx context.Context, t series.Tenant, q series.Query) (bool, error) {
	m := g.memory(t)
	if m == nil {
		return false, nil
	}
	return m.holds(ctx, q)
}

// memories returns all tenants' memories in the order of their names.
func (g *memGeneration) memories() []*memory {
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]*memory, 0, len(g.tenants))
	for _, t := range slices.Sorted(maps.Keys(g.tenants)) {
		out = append(out, g.tenants[t])
	}
	return out
}

// sizeBytes is an estimate of the memory held.
func (g *memGeneration) sizeBytes() int64 { return g.bytes.Load() }

func (g *memGeneration) empty() bool { return g.bytes.Load() == 0 }

// grow counts bytes that samples and exemplars took.
func (g *memGeneration) grow(bytes int64) { g.bytes.Add(bytes) }

// flushedTables returns the tables of all tenants.
func (g *memGeneration) tableList() []catalog.Table {
	var tables []catalog.Table
	for _, m := range g.memories() {
		tables = append(tables, m.tableList()...)
	}
	return tables
}
