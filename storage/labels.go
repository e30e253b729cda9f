package storage

import (
	"cmp"
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
	lists, err := s.eachIndex(ctx, t, q,
		func(m *memory) []string { return m.labelNames() },
		func(list []*memSeries) []string {
			names := map[string]struct{}{}
			for _, ms := range list {
				ms.labels.Range(func(l promlabels.Label) { names[l.Name] = struct{}{} })
			}
			return slices.Collect(maps.Keys(names))
		},
		func(o *openFile) []string { return o.labelNames(q) })
	if err != nil {
		return nil, fmt.Errorf("label names: %w", err)
	}
	return upTo(mergeStrings(lists), q.Limit), nil
}

// LabelValues implements series.Source from indexes alone.
func (s *Store) LabelValues(ctx context.Context, t series.Tenant, name string, q series.Query) ([]string, error) {
	lists, err := s.eachIndex(ctx, t, q,
		func(m *memory) []string { return m.labelValues(ctx, name) },
		func(list []*memSeries) []string {
			values := map[string]struct{}{}
			for _, ms := range list {
				if v := ms.labels.Get(name); v != "" {
					values[v] = struct{}{}
				}
			}
			return slices.Collect(maps.Keys(values))
		},
		func(o *openFile) []string { return o.labelValues(name, q) })
	if err != nil {
		return nil, fmt.Errorf("values of label %q: %w", name, err)
	}
	return upTo(mergeStrings(lists), q.Limit), nil
}

// eachIndex asks every generation that has samples in the range, then every file
// that may have matching series, and returns their answers, each sorted. Without
// matchers it asks whole memories: their label index answers at once, if only for
// the whole of their time.
func (s *Store) eachIndex(ctx context.Context, t series.Tenant, q series.Query, whole func(*memory) []string, matching func([]*memSeries) []string, file func(*openFile) []string) ([][]string, error) {
	generations, err := s.generations()
	if err != nil {
		return nil, err
	}
	var lists [][]string
	for _, g := range generations {
		m := g.memory(t)
		var list []string
		switch {
		case m == nil || !m.times.meets(q.MinT, q.MaxT):
			continue
		case len(q.Matchers) == 0:
			list = whole(m)
		default:
			found, err := m.match(ctx, q)
			if err != nil {
				return nil, err
			}
			list = matching(found)
		}
		slices.Sort(list)
		lists = append(lists, list)
	}
	for _, f := range s.catalog.Snapshot().Files(t, catalog.Samples, q.MinT, q.MaxT, q.Matchers...) {
		o, err := s.files.acquire(ctx, f)
		if err != nil {
			return nil, err
		}
		lists = append(lists, file(o))
		s.files.release(o)
	}
	return lists, nil
}

func (m *memory) labelNames() []string {
	m.index()
	return m.postings.LabelNames()
}

func (m *memory) labelValues(ctx context.Context, name string) []string {
	m.index()
	return m.postings.LabelValues(ctx, name, nil)
}

// mergeStrings returns the sorted union of sorted lists, which it leaves as they
// are. Files of one time mostly have the same names and values, so equal lists
// are the common case and cost one comparison.
func mergeStrings(lists [][]string) []string {
	switch len(lists) {
	case 0:
		return nil
	case 1:
		return lists[0]
	}
	half := len(lists) / 2
	a, b := mergeStrings(lists[:half]), mergeStrings(lists[half:])
	if len(b) == 0 || slices.Equal(a, b) {
		return a
	}
	out := make([]string, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// upTo returns a copy of the first limit strings, of all if limit is 0: what a
// file remembers is not the caller's.
func upTo(list []string, limit int) []string {
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return slices.Clone(list)
}
