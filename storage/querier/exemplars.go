package querier

import (
	"context"
	"fmt"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// SelectExemplars implements series.ExemplarSource: memory first, then files.
func (r *Querier) SelectExemplars(ctx context.Context, t series.Tenant, minT, maxT int64, sets ...[]*promlabels.Matcher) ([]series.ExemplarSeries, error) {
	generations, snapshot, err := r.readView()
	if err != nil {
		return nil, fmt.Errorf("select exemplars: %w", err)
	}
	found := exemplarUnion{}
	for _, g := range generations {
		if m := g.Tenant(t); m != nil {
			found.addMemory(m, minT, maxT, sets)
		}
	}
	for _, f := range snapshot.Files(t, catalog.Exemplars, minT, maxT) {
		x, err := r.files.Exemplars(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("select exemplars: %w", err)
		}
		mask := snapshot.Mask(f)
		for _, e := range x.Select(minT, maxT, sets...) {
			if list := files.VisibleExemplars(&e, mask); len(list) > 0 {
				found.add(e.Labels, list)
			}
		}
	}
	return found.sorted(), nil
}

// addMemory adds the exemplars of matching series in memory.
func (u exemplarUnion) addMemory(m *memory.Tenant, minT, maxT int64, sets [][]*promlabels.Matcher) {
	for _, ms := range m.All() {
		if !matchesAny(ms.Labels, sets) {
			continue
		}
		if list := ms.ExemplarsIn(minT, maxT); len(list) > 0 {
			u.add(ms.Labels, list)
		}
	}
}

func matchesAny(ls promlabels.Labels, sets [][]*promlabels.Matcher) bool {
	for _, matchers := range sets {
		if series.Matches(ls, matchers) {
			return true
		}
	}
	return false
}

// exemplarUnion collects exemplars by series.
type exemplarUnion map[string]*series.ExemplarSeries

func (u exemplarUnion) add(ls promlabels.Labels, list []series.Exemplar) {
	key := string(ls.Bytes(nil))
	if u[key] == nil {
		u[key] = &series.ExemplarSeries{Labels: ls}
	}
	u[key].Exemplars = append(u[key].Exemplars, list...)
}

func (u exemplarUnion) sorted() []series.ExemplarSeries {
	out := make([]series.ExemplarSeries, 0, len(u))
	for _, e := range u {
		out = append(out, series.ExemplarSeries{Labels: e.Labels, Exemplars: memory.SortExemplars(e.Exemplars)})
	}
	slices.SortFunc(out, func(a, b series.ExemplarSeries) int { return promlabels.Compare(a.Labels, b.Labels) })
	return out
}

// Metadata implements series.MetadataSource.
func (r *Querier) Metadata(ctx context.Context, t series.Tenant, metric string) ([]series.Metadata, error) {
	return r.catalog.Metadata(ctx, t, metric)
}
