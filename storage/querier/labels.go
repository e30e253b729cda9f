package querier

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// LabelNames implements series.Source from indexes alone.
func (r *Querier) LabelNames(ctx context.Context, t series.Tenant, q series.Query) ([]string, error) {
	lists, err := r.eachIndex(ctx, t, q, labelQuestions{
		memory: func(m *memory.Tenant) []string { return m.LabelNames() },
		file:   func(o *files.File) []string { return o.LabelNames(q) },
		series: func(ls promlabels.Labels, add func(string)) { ls.Range(func(l promlabels.Label) { add(l.Name) }) },
	})
	if err != nil {
		return nil, fmt.Errorf("label names: %w", err)
	}
	return upTo(mergeStrings(lists), q.Limit), nil
}

// LabelValues implements series.Source from indexes alone.
func (r *Querier) LabelValues(ctx context.Context, t series.Tenant, name string, q series.Query) ([]string, error) {
	lists, err := r.eachIndex(ctx, t, q, labelQuestions{
		memory: func(m *memory.Tenant) []string { return m.LabelValues(ctx, name) },
		file:   func(o *files.File) []string { return o.LabelValues(name, q) },
		series: func(ls promlabels.Labels, add func(string)) {
			if v := ls.Get(name); v != "" {
				add(v)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("values of label %q: %w", name, err)
	}
	return upTo(mergeStrings(lists), q.Limit), nil
}

// labelQuestions is one question, put to whole memories, to files, and to single
// series where only some of them count.
type labelQuestions struct {
	memory func(*memory.Tenant) []string
	file   func(*files.File) []string
	series func(ls promlabels.Labels, add func(string))
}

// of returns the sorted answer of single series.
func (a *labelQuestions) of(each func(yield func(promlabels.Labels))) []string {
	answers := map[string]struct{}{}
	each(func(ls promlabels.Labels) { a.series(ls, func(s string) { answers[s] = struct{}{} }) })
	return slices.Sorted(maps.Keys(answers))
}

// eachIndex asks every generation that has samples in the range, then every file
// that may have matching series, and returns their answers, each sorted.
func (r *Querier) eachIndex(ctx context.Context, t series.Tenant, q series.Query, ask labelQuestions) ([][]string, error) {
	generations, snapshot, err := r.readView()
	if err != nil {
		return nil, err
	}
	var lists [][]string
	for _, g := range generations {
		m := g.Tenant(t)
		if m == nil || !m.Meets(q.MinT, q.MaxT) {
			continue
		}
		list, err := ask.inMemory(ctx, m, q)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	files := snapshot.Files(t, catalog.Samples, q.MinT, q.MaxT, q.Matchers...)
	for _, f := range append(files, samplesDroppedFiles(snapshot, t, &q)...) {
		o, err := r.files.Acquire(ctx, f)
		if err != nil {
			return nil, err
		}
		lists = append(lists, ask.inFile(o, snapshot.Mask(f), q))
		r.files.Release(o)
	}
	return lists, nil
}

// inMemory asks a whole memory if there are no matchers: its label index answers
// at once, if only for the whole of its time.
func (a *labelQuestions) inMemory(ctx context.Context, m *memory.Tenant, q series.Query) ([]string, error) {
	if len(q.Matchers) == 0 {
		list := a.memory(m)
		slices.Sort(list)
		return list, nil
	}
	found, err := m.Match(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.of(func(yield func(promlabels.Labels)) {
		for _, ms := range found {
			yield(ms.Labels)
		}
	}), nil
}

// inFile asks a whole file, unless some of it may be hidden: then only the series
// that are not hidden whole, and nothing is remembered.
func (a *labelQuestions) inFile(o *files.File, mask catalog.Mask, q series.Query) []string {
	if mask == nil {
		return a.file(o)
	}
	refs := visible(o.Find(&q), mask, &q)
	return a.of(func(yield func(promlabels.Labels)) {
		for _, r := range refs {
			yield(r.Labels)
		}
	})
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
