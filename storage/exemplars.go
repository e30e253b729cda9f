package storage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// writeExemplars writes a memory's exemplars, one file a day. It returns the
// files written so far also when it fails.
func (s *Store) writeExemplars(ctx context.Context, m *memory) ([]catalog.File, error) {
	byDay := map[int64][]series.ExemplarSeries{}
	for _, ms := range m.all() {
		for day, list := range ms.exemplarDays() {
			byDay[day] = append(byDay[day], series.ExemplarSeries{Labels: ms.labels, Exemplars: list})
		}
	}
	var files []catalog.File
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		list := byDay[day]
		slices.SortFunc(list, func(a, b series.ExemplarSeries) int { return series.Compare(a.Labels, b.Labels) })
		f, err := s.writeObject(ctx, m.tenant, partition{day: day}, catalog.Exemplars, func(w writer) (block.Meta, error) {
			return block.WriteExemplars(w, list)
		})
		if err != nil {
			return files, err
		}
		if f != nil {
			files = append(files, *f)
		}
	}
	return files, nil
}

// exemplarDays returns the series' exemplars by day, each day in time order.
func (m *memSeries) exemplarDays() map[int64][]series.Exemplar {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.exemplars) == 0 {
		return nil
	}
	days := map[int64][]series.Exemplar{}
	for _, e := range sortedExemplars(slices.Clone(m.exemplars)) {
		days[series.Day(e.T)] = append(days[series.Day(e.T)], e)
	}
	return days
}

func (m *memSeries) holdsExemplar(minT, maxT int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.exemplars, func(e series.Exemplar) bool { return e.T >= minT && e.T <= maxT })
}

func sortedExemplars(list []series.Exemplar) []series.Exemplar {
	slices.SortStableFunc(list, func(a, b series.Exemplar) int {
		return cmp.Or(cmp.Compare(a.T, b.T), promlabels.Compare(a.Labels, b.Labels))
	})
	return slices.CompactFunc(list, sameExemplar)
}

// SelectExemplars implements series.ExemplarSource: memory first, then files.
func (s *Store) SelectExemplars(ctx context.Context, t series.Tenant, minT, maxT int64, sets ...[]*promlabels.Matcher) ([]series.ExemplarSeries, error) {
	generations, snapshot, err := s.readView()
	if err != nil {
		return nil, fmt.Errorf("select exemplars: %w", err)
	}
	found := exemplarUnion{}
	for _, g := range generations {
		if m := g.memory(t); m != nil {
			m.exemplars(found, minT, maxT, sets)
		}
	}
	for _, f := range snapshot.Files(t, catalog.Exemplars, minT, maxT) {
		x, err := s.openExemplars(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("select exemplars: %w", err)
		}
		mask := snapshot.Mask(f)
		for _, e := range x.Select(minT, maxT, sets...) {
			if list := visibleExemplars(&e, mask); len(list) > 0 {
				found.add(e.Labels, list)
			}
		}
	}
	return found.sorted(), nil
}

// visibleExemplars returns the exemplars that the mask of their file does not
// hide.
func visibleExemplars(e *series.ExemplarSeries, mask catalog.Mask) []series.Exemplar {
	if mask == nil {
		return e.Exemplars
	}
	mask = mask.Of(e.Labels)
	if mask == nil {
		return e.Exemplars
	}
	return slices.DeleteFunc(slices.Clone(e.Exemplars), func(x series.Exemplar) bool { return mask.Meets(x.T, x.T) })
}

func (m *memory) exemplars(found exemplarUnion, minT, maxT int64, sets [][]*promlabels.Matcher) {
	for _, ms := range m.all() {
		if !matchesAny(ms.labels, sets) {
			continue
		}
		ms.mu.Lock()
		list := slices.Clone(ms.exemplars)
		ms.mu.Unlock()
		list = slices.DeleteFunc(list, func(e series.Exemplar) bool { return e.T < minT || e.T > maxT })
		if len(list) > 0 {
			found.add(ms.labels, list)
		}
	}
}

func matchesAny(ls labels, sets [][]*promlabels.Matcher) bool {
	for _, matchers := range sets {
		if series.Matches(ls, matchers) {
			return true
		}
	}
	return false
}

func (s *Store) openExemplars(ctx context.Context, f *catalog.File) (*block.Exemplars, error) {
	o, err := s.files.object(ctx, f)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return block.OpenExemplars(o, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
}

// exemplarUnion collects exemplars by series.
type exemplarUnion map[string]*series.ExemplarSeries

func (u exemplarUnion) add(ls labels, list []series.Exemplar) {
	key := string(ls.Bytes(nil))
	if u[key] == nil {
		u[key] = &series.ExemplarSeries{Labels: ls}
	}
	u[key].Exemplars = append(u[key].Exemplars, list...)
}

func (u exemplarUnion) sorted() []series.ExemplarSeries {
	out := make([]series.ExemplarSeries, 0, len(u))
	for _, e := range u {
		out = append(out, series.ExemplarSeries{Labels: e.Labels, Exemplars: sortedExemplars(e.Exemplars)})
	}
	slices.SortFunc(out, func(a, b series.ExemplarSeries) int { return promlabels.Compare(a.Labels, b.Labels) })
	return out
}

// Metadata implements series.MetadataSource.
func (s *Store) Metadata(ctx context.Context, t series.Tenant, metric string) ([]series.Metadata, error) {
	return s.catalog.Metadata(ctx, t, metric)
}
