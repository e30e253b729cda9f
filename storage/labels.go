package storage

import (
	"context"
	"fmt"
	"maps"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// LabelNames implements series.Source from indexes alone.
func (s *Store) LabelNames(ctx context.Context, t series.Tenant, q series.Query) ([]string, error) {
	names := map[string]struct{}{}
	err := s.eachIndex(ctx, t, q,
		func(m *memory) { addAll(names, m.labelNames()) },
		func(list []*memSeries) {
			for _, ms := range list {
				ms.labels.Range(func(l promlabels.Label) { names[l.Name] = struct{}{} })
			}
		},
		func(o *openFile) { addAll(names, o.labelNames(q)) })
	if err != nil {
		return nil, fmt.Errorf("label names: %w", err)
	}
	return sortedUpTo(names, q.Limit), nil
}

// LabelValues implements series.Source from indexes alone.
func (s *Store) LabelValues(ctx context.Context, t series.Tenant, name string, q series.Query) ([]string, error) {
	values := map[string]struct{}{}
	err := s.eachIndex(ctx, t, q,
		func(m *memory) { addAll(values, m.labelValues(ctx, name)) },
		func(list []*memSeries) {
			for _, ms := range list {
				if v := ms.labels.Get(name); v != "" {
					values[v] = struct{}{}
				}
			}
		},
		func(o *openFile) { addAll(values, o.labelValues(name, q)) })
	if err != nil {
		return nil, fmt.Errorf("values of label %q: %w", name, err)
	}
	return sortedUpTo(values, q.Limit), nil
}

// eachIndex visits every generation that has samples in the range, then every
// file that may have matching series. Without matchers it gives whole memories:
// their label index answers at once, if only for the whole of their time.
func (s *Store) eachIndex(ctx context.Context, t series.Tenant, q series.Query, whole func(*memory), matching func([]*memSeries), file func(*openFile)) error {
	generations, err := s.generations()
	if err != nil {
		return err
	}
	for _, g := range generations {
		m := g.memory(t)
		switch {
		case m == nil || !m.times.meets(q.MinT, q.MaxT):
		case len(q.Matchers) == 0:
			whole(m)
		default:
			list, err := m.match(ctx, q)
			if err != nil {
				return err
			}
			matching(list)
		}
	}
	for _, f := range s.catalog.Snapshot().Files(t, catalog.Samples, q.MinT, q.MaxT, q.Matchers...) {
		o, err := s.files.acquire(ctx, f)
		if err != nil {
			return err
		}
		file(o)
		s.files.release(o)
	}
	return nil
}

func (m *memory) labelNames() []string {
	m.index()
	return m.postings.LabelNames()
}

func (m *memory) labelValues(ctx context.Context, name string) []string {
	m.index()
	return m.postings.LabelValues(ctx, name, nil)
}

func addAll(set map[string]struct{}, list []string) {
	for _, v := range list {
		set[v] = struct{}{}
	}
}

func sortedUpTo(set map[string]struct{}, limit int) []string {
	out := slices.Sorted(maps.Keys(set))
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}
