package plan

import (
	"maps"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// check compares what the live files show with the truth.
func (m *model) check() {
	m.t.Helper()
	got := map[series.Tenant]map[[2]int64]int64{}
	var dropped []*modelFile
	list := slices.SortedFunc(maps.Values(m.live), func(a, b *modelFile) int { return compareWritten(a.File, b.File) })
	for _, f := range list {
		if f.Kind != catalog.Samples {
			if f.SamplesDropped {
				dropped = append(dropped, f)
			}
			continue
		}
		m.show(got, f)
	}
	for tenant, known := range m.truth {
		for k, written := range known {
			r := row{int(k[0]), k[1], written}
			if m.hidden(tenant, r) {
				written = 0
			}
			if g := got[tenant][k]; g != written && !inSamplesDropped(dropped, tenant, r) {
				m.t.Fatalf("series %d of %s at %d: file of write %d wins, should be %d", k[0], tenant, k[1], g, written)
			}
		}
	}
}

func (m *model) show(got map[series.Tenant]map[[2]int64]int64, f *modelFile) {
	if got[f.Tenant] == nil {
		got[f.Tenant] = map[[2]int64]int64{}
	}
	mask := m.mask(f.File)
	for _, r := range f.rows {
		if !hidden(mask, r) {
			got[f.Tenant][[2]int64{int64(r.series), r.t}] = r.written
		}
	}
}

// hidden reports whether a tombstone that came after the row hides it.
func (m *model) hidden(tenant series.Tenant, r row) bool {
	var after catalog.Mask
	for _, t := range m.stones {
		if t.Tenant == tenant && t.Seq > r.written {
			after = append(after, t)
		}
	}
	return hidden(after, r)
}

// inSamplesDropped: what came too late for aggregates without samples is not served.
func inSamplesDropped(dropped []*modelFile, tenant series.Tenant, r row) bool {
	return slices.ContainsFunc(dropped, func(f *modelFile) bool {
		d := series.Day(r.t)
		return f.Tenant == tenant && f.Day <= d && d < f.Day+int64(f.Days) &&
			slices.ContainsFunc(f.rows, func(o row) bool { return o.series == r.series })
	})
}

// checkDisjoint: files of a level above 0 share no series and time.
func (m *model) checkDisjoint() {
	m.t.Helper()
	type place struct {
		tenant series.Tenant
		kind   catalog.Kind
		key    string
		level  int
	}
	at := map[place][]*modelFile{}
	for _, f := range m.live {
		if f.Level > LevelFlushed {
			p := place{f.Tenant, f.Kind, f.Partition, f.Level}
			at[p] = append(at[p], f)
		}
	}
	for _, files := range at {
		for i, a := range files {
			for _, b := range files[:i] {
				apart := a.MaxT < b.MinT || b.MaxT < a.MinT ||
					a.rows[len(a.rows)-1].series < b.rows[0].series || b.rows[len(b.rows)-1].series < a.rows[0].series
				if !apart {
					m.t.Fatalf("files %s and %s of level %d overlap", a.ID, b.ID, a.Level)
				}
			}
		}
	}
}
