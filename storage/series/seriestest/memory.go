package seriestest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Memory keeps everything it is given in memory. It is a series.Sink, Source,
// ExemplarSource and MetadataSource. The zero value is empty and ready.
//
// Concurrency: all methods may be called from any goroutine. A Set that was
// selected earlier does not see later appends.
type Memory struct {
	mu      sync.RWMutex // Guards tenants and all below; samples are replaced, never changed.
	tenants map[series.Tenant]*tenant
}

type tenant struct {
	series   map[string]*entry // By the bytes of the sorted labels.
	metadata map[string]series.Metadata
}

type entry struct {
	labels    labels.Labels
	samples   *series.Samples
	exemplars []series.Exemplar
}

// Append stores what is valid and counts the rest as rejected.
func (m *Memory) Append(_ context.Context, name series.Tenant, b *series.Batch) (series.Written, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tenant(name)
	var w series.Written
	var builder labels.ScratchBuilder
	var samples, histograms, exemplars int
	for _, e := range b.Entries {
		s := b.Samples[samples : samples+int(e.Samples)]
		h := b.Histograms[histograms : histograms+int(e.Histograms)]
		x := b.Exemplars[exemplars : exemplars+int(e.Exemplars)]
		samples, histograms, exemplars = samples+len(s), histograms+len(h), exemplars+len(x)
		ls, err := series.ParseKey(e.Key, &builder, series.Limits{})
		if err != nil {
			w.Reject(series.ReasonLabels, len(s)+len(h)+len(x), err.Error)
			continue
		}
		t.entry(ls).append(s, h, x)
		w.Samples, w.Histograms, w.Exemplars = w.Samples+len(s), w.Histograms+len(h), w.Exemplars+len(x)
	}
	for _, md := range b.Metadata {
		t.metadata[md.Metric] = md
	}
	return w, nil
}

func (m *Memory) tenant(name series.Tenant) *tenant {
	if m.tenants == nil {
		m.tenants = map[series.Tenant]*tenant{}
	}
	t, ok := m.tenants[name]
	if !ok {
		t = &tenant{series: map[string]*entry{}, metadata: map[string]series.Metadata{}}
		m.tenants[name] = t
	}
	return t
}

func (t *tenant) entry(ls labels.Labels) *entry {
	key := string(ls.Bytes(nil))
	e, ok := t.series[key]
	if !ok {
		e = &entry{labels: ls, samples: &series.Samples{}}
		t.series[key] = e
	}
	return e
}

func (e *entry) append(samples []series.Sample, histograms []series.Histogram, exemplars []series.Exemplar) {
	parts := []*series.Samples{e.samples}
	for _, s := range samples {
		one := &series.Samples{}
		one.AppendFloat(s.T, s.V, s.Start)
		parts = join(parts, one)
	}
	for _, h := range histograms {
		one := &series.Samples{}
		one.AppendHistogram(h)
		parts = join(parts, one)
	}
	merged := &series.Samples{}
	series.Merge(merged, parts...)
	e.samples = merged
	e.exemplars = append(slices.Clip(e.exemplars), exemplars...)
	slices.SortStableFunc(e.exemplars, func(a, b series.Exemplar) int { return cmp.Compare(a.T, b.T) })
}

// join adds one sample to the last part that may still grow, or as a part of
// its own if it does not come after it.
func join(parts []*series.Samples, one *series.Samples) []*series.Samples {
	last := parts[len(parts)-1]
	if len(parts) > 1 && last.Times[last.Len()-1] < one.Times[0] {
		last.AppendRange(one, 0, 1)
		return parts
	}
	return append(parts, one)
}

// Metadata returns what is known of one metric or of all, by metric name.
func (m *Memory) Metadata(_ context.Context, name series.Tenant, metric string) ([]series.Metadata, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t, ok := m.tenants[name]
	if !ok {
		return nil, nil
	}
	var found []series.Metadata
	for _, k := range slices.Sorted(maps.Keys(t.metadata)) {
		if metric == "" || k == metric {
			found = append(found, t.metadata[k])
		}
	}
	return found, nil
}
