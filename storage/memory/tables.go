package memory

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// tableIndex is which tables a memory holds, and their columns. Like the label
// index it is brought up to date when somebody asks; a write only tells, once a
// series, that the series has a histogram or a start timestamp.
type tableIndex struct {
	mu      sync.Mutex // Guards what follows.
	seen    int        // Series that were looked at.
	waiting []*Series
	tables  map[string]*catalog.Table
	sorted  []catalog.Table // The tables by metric; nil: to be made again.

	kindsMu sync.Mutex            // Guards kinds; no other lock is taken while it is held.
	kinds   map[string]sampleKind // By metric: what is not in its table yet.
}

// sampleKind is a set of what samples there are.
type sampleKind uint8

const (
	kindHistogram sampleKind = 1 << iota
	kindStart
)

// note is called by a series that got its first sample of a kind.
func (x *tableIndex) note(metric string, kind sampleKind) {
	x.kindsMu.Lock()
	defer x.kindsMu.Unlock()
	if x.kinds == nil {
		x.kinds = map[string]sampleKind{}
	}
	x.kinds[metric] |= kind
}

// Tables returns the tables of series that have samples, by metric. It is
// shared: do not modify it.
func (m *Tenant) Tables() []catalog.Table {
	m.updateTables()
	x := &m.tables
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sorted == nil {
		x.sorted = make([]catalog.Table, 0, len(x.tables))
		for _, t := range x.tables {
			x.sorted = append(x.sorted, *t)
		}
		slices.SortFunc(x.sorted, func(a, b catalog.Table) int { return cmp.Compare(a.Metric, b.Metric) })
	}
	return x.sorted
}

// Table returns the table of one metric; ok is false if there are no samples of
// it. It is shared: do not modify it.
func (m *Tenant) Table(metric string) (t catalog.Table, ok bool) {
	m.updateTables()
	m.tables.mu.Lock()
	defer m.tables.mu.Unlock()
	if found := m.tables.tables[metric]; found != nil {
		return *found, true
	}
	return catalog.Table{}, false
}

// updateTables looks at the series that are new. A series without samples is
// being written, or has exemplars only: it is looked at again the next time.
func (m *Tenant) updateTables() {
	known := m.All()
	x := &m.tables
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := x.waiting[:0]
	look := func(ms *Series) {
		if _, _, ok := ms.times(); ok {
			x.add(m.ID, ms.Labels)
		} else {
			waiting = append(waiting, ms)
		}
	}
	for _, ms := range x.waiting {
		look(ms)
	}
	for ; x.seen < len(known); x.seen++ {
		look(known[x.seen])
	}
	clear(x.waiting[min(len(waiting), len(x.waiting)):])
	x.waiting = waiting
	x.addKinds()
}

// add puts the labels of a series to its table. Tables that were handed out are
// not changed.
func (x *tableIndex) add(tenant series.Tenant, ls promlabels.Labels) {
	metric := ls.Get(promlabels.MetricName)
	t := x.tables[metric]
	if t != nil && has(t.Labels, ls) {
		return
	}
	one := catalog.Table{Tenant: tenant, Metric: strings.Clone(metric)}
	ls.Range(func(l promlabels.Label) {
		if l.Name != promlabels.MetricName {
			one.Labels = append(one.Labels, strings.Clone(l.Name))
		}
	})
	if t != nil {
		one = t.Union(&one)
	}
	x.put(&one)
}

// has reports whether names holds all label names of ls. Both are sorted.
func has(names []string, ls promlabels.Labels) bool {
	all := true
	ls.Range(func(l promlabels.Label) {
		if !all || l.Name == promlabels.MetricName {
			return
		}
		for len(names) > 0 && names[0] < l.Name {
			names = names[1:]
		}
		all = len(names) > 0 && names[0] == l.Name
	})
	return all
}

// addKinds applies what series have noted.
func (x *tableIndex) addKinds() {
	x.kindsMu.Lock()
	kinds := x.kinds
	x.kinds = nil
	x.kindsMu.Unlock()
	for metric, kind := range kinds {
		t := x.tables[metric]
		if t == nil { // Its series had no sample when we looked.
			x.note(metric, kind)
			continue
		}
		histograms, starts := t.Histograms || kind&kindHistogram != 0, t.Starts || kind&kindStart != 0
		if histograms != t.Histograms || starts != t.Starts {
			changed := *t
			changed.Histograms, changed.Starts = histograms, starts
			x.put(&changed)
		}
	}
}

func (x *tableIndex) put(t *catalog.Table) {
	if x.tables == nil {
		x.tables = map[string]*catalog.Table{}
	}
	x.tables[t.Metric], x.sorted = t, nil
}
