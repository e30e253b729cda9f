package seriestest

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Select returns the matching series that have samples in the range.
func (m *Memory) Select(ctx context.Context, name series.Tenant, q series.Query) (series.Set, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := m.matching(name, q)
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	trace := series.TraceOf(ctx).Begin(q)
	trace.InMemory(len(found))
	for _, s := range found {
		s.trace = trace
	}
	return &set{found: found, at: -1}, nil
}

// matching returns the series that match and have samples in the range, in
// file order.
func (m *Memory) matching(name series.Tenant, q series.Query) []*memorySeries {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t, ok := m.tenants[name]
	if !ok {
		return nil
	}
	var found []*memorySeries
	for _, e := range t.series {
		if !series.Matches(e.labels, q.Matchers) {
			continue
		}
		if from, to := e.samples.Range(q.MinT, q.MaxT); from < to {
			found = append(found, &memorySeries{labels: e.labels, samples: e.samples, from: from, to: to})
		}
	}
	slices.SortFunc(found, func(a, b *memorySeries) int { return series.Compare(a.labels, b.labels) })
	return found
}

// LabelNames returns the sorted names of the matching series' labels.
func (m *Memory) LabelNames(ctx context.Context, name series.Tenant, q series.Query) ([]string, error) {
	return m.distinct(ctx, name, q, func(ls labels.Labels, add func(string)) {
		ls.Range(func(l labels.Label) { add(l.Name) })
	})
}

// LabelValues returns the sorted values of one label of the matching series.
func (m *Memory) LabelValues(ctx context.Context, name series.Tenant, label string, q series.Query) ([]string, error) {
	return m.distinct(ctx, name, q, func(ls labels.Labels, add func(string)) {
		if v := ls.Get(label); v != "" {
			add(v)
		}
	})
}

func (m *Memory) distinct(ctx context.Context, name series.Tenant, q series.Query, each func(labels.Labels, func(string))) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []string
	for _, s := range m.matching(name, q) {
		each(s.labels, func(v string) { all = append(all, v) })
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

// SelectExemplars returns the exemplars of series that match any of the sets.
func (m *Memory) SelectExemplars(_ context.Context, name series.Tenant, minT, maxT int64, sets ...[]*labels.Matcher) ([]series.ExemplarSeries, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t, ok := m.tenants[name]
	if !ok {
		return nil, nil
	}
	var found []series.ExemplarSeries
	for _, e := range t.series {
		if !slices.ContainsFunc(sets, func(ms []*labels.Matcher) bool { return series.Matches(e.labels, ms) }) {
			continue
		}
		in := slices.DeleteFunc(slices.Clone(e.exemplars), func(x series.Exemplar) bool { return x.T < minT || x.T > maxT })
		if len(in) > 0 {
			found = append(found, series.ExemplarSeries{Labels: e.labels, Exemplars: in})
		}
	}
	slices.SortFunc(found, func(a, b series.ExemplarSeries) int { return series.Compare(a.Labels, b.Labels) })
	return found, nil
}

type set struct {
	found []*memorySeries
	at    int
}

func (s *set) Next() bool        { s.at++; return s.at < len(s.found) }
func (s *set) At() series.Series { return s.found[s.at] }
func (s *set) Err() error        { return nil }
func (s *set) Close() error      { return nil }

type memorySeries struct {
	labels   labels.Labels
	samples  *series.Samples
	from, to int
	trace    *series.Selection
}

func (s *memorySeries) Labels() labels.Labels { return s.labels }

func (s *memorySeries) Read(dst *series.Samples) error {
	dst.Reset()
	dst.AppendRange(s.samples, s.from, s.to)
	s.trace.Returned(dst.Len())
	return nil
}
