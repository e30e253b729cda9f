package querier

import (
	"cmp"
	"maps"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Tables returns the tenant's tables, sorted by metric: of memory and of files
// together. A sample's table and columns are there from when its Append
// returned, and stay when the sample is flushed. The slice is the caller's, the
// label names in it are shared: do not modify them.
//
// Errors: series.ErrNotReady before Replay and after Close.
func (r *Querier) Tables(t series.Tenant) ([]catalog.Table, error) {
	generations, err := r.memory.Generations()
	if err != nil {
		return nil, err
	}
	union := map[string]catalog.Table{}
	add := func(t *catalog.Table) {
		if known, ok := union[t.Metric]; ok {
			union[t.Metric] = known.Union(t)
			return
		}
		union[t.Metric] = *t
	}
	for _, g := range generations {
		if m := g.Tenant(t); m != nil {
			list := m.Tables()
			for i := range list {
				add(&list[i])
			}
		}
	}
	for _, table := range r.catalog.Snapshot().Tables(t) {
		add(table)
	}
	return slices.SortedFunc(maps.Values(union), func(a, b catalog.Table) int { return cmp.Compare(a.Metric, b.Metric) }), nil
}

// Table returns the table of one metric, likewise; ok is false if there is none.
func (r *Querier) Table(t series.Tenant, metric string) (_ catalog.Table, ok bool, err error) {
	generations, err := r.memory.Generations()
	if err != nil {
		return catalog.Table{}, false, err
	}
	union := catalog.Table{Tenant: t, Metric: metric}
	for _, g := range generations {
		if m := g.Tenant(t); m != nil {
			if table, found := m.Table(metric); found {
				union, ok = union.Union(&table), true
			}
		}
	}
	if table, found := r.catalog.Snapshot().Table(t, metric); found {
		union, ok = union.Union(table), true
	}
	return union, ok, nil
}
