package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Generation is the memory between two flushes: what each tenant wrote. Its
// samples are freed together.
type Generation struct {
	arena  arena
	limits series.Limits
	bytes  atomic.Int64 // An estimate of the memory held.

	mu      sync.RWMutex // Guards tenants.
	tenants map[series.Tenant]*Tenant
}

// NewGeneration returns an empty generation; lim bounds the labels of its series.
func NewGeneration(lim series.Limits) *Generation {
	return &Generation{limits: lim, tenants: map[series.Tenant]*Tenant{}}
}

// Tenant returns what the generation holds of a tenant, nil if nothing.
func (g *Generation) Tenant(t series.Tenant) *Tenant {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.tenants[t]
}

// EnsureTenant is Tenant, but makes what is not there.
func (g *Generation) EnsureTenant(t series.Tenant) *Tenant {
	if m := g.Tenant(t); m != nil {
		return m
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.tenants[t]
	if m == nil {
		m = newTenant(t, g.limits, &g.arena, &g.bytes)
		g.tenants[t] = m
	}
	return m
}

// Holds reports whether a matching series of a tenant has a sample or an exemplar
// in the query's range.
func (g *Generation) Holds(ctx context.Context, t series.Tenant, q series.Query) (bool, error) {
	m := g.Tenant(t)
	if m == nil {
		return false, nil
	}
	return m.holds(ctx, q)
}

// Tenants returns all tenants' memories in the order of their names.
func (g *Generation) Tenants() []*Tenant {
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]*Tenant, 0, len(g.tenants))
	for _, t := range slices.Sorted(maps.Keys(g.tenants)) {
		out = append(out, g.tenants[t])
	}
	return out
}

// Bytes is an estimate of the memory held.
func (g *Generation) Bytes() int64 { return g.bytes.Load() }

// Empty reports whether nothing was written.
func (g *Generation) Empty() bool { return g.bytes.Load() == 0 }

// Grow counts bytes that samples and exemplars took.
func (g *Generation) Grow(bytes int64) { g.bytes.Add(bytes) }

// Tables returns the tables of all tenants.
func (g *Generation) Tables() []catalog.Table {
	var tables []catalog.Table
	for _, m := range g.Tenants() {
		tables = append(tables, m.Tables()...)
	}
	return tables
}
