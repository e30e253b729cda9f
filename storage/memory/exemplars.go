package memory

import (
	"cmp"
	"math"
	"slices"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// AppendExemplars adds exemplars and returns the bytes of memory that it took.
func (m *Series) AppendExemplars(exemplars []series.Exemplar) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var grown int64
	for _, e := range exemplars {
		recent := m.exemplars[max(0, len(m.exemplars)-64):] // Bounds the work, not the promise: exemplars are samples of events.
		if slices.ContainsFunc(recent, func(o series.Exemplar) bool { return sameExemplar(e, o) }) {
			continue // A retry: exemplars have no other identity.
		}
		m.exemplars = append(m.exemplars, e)
		grown += int64(64 + e.Labels.ByteSize())
	}
	return grown
}

// ExemplarsByDay returns the series' exemplars by day, each day in time order.
func (m *Series) ExemplarsByDay() map[int64][]series.Exemplar {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.exemplars) == 0 {
		return nil
	}
	days := map[int64][]series.Exemplar{}
	for _, e := range SortExemplars(slices.Clone(m.exemplars)) {
		days[series.Day(e.T)] = append(days[series.Day(e.T)], e)
	}
	return days
}

func (m *Series) holdsExemplar(minT, maxT int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.exemplars, func(e series.Exemplar) bool { return e.T >= minT && e.T <= maxT })
}

// ExemplarsIn returns a copy of the exemplars in minT … maxT, in the order of
// arrival.
func (m *Series) ExemplarsIn(minT, maxT int64) []series.Exemplar {
	m.mu.Lock()
	list := slices.Clone(m.exemplars)
	m.mu.Unlock()
	return slices.DeleteFunc(list, func(e series.Exemplar) bool { return e.T < minT || e.T > maxT })
}

// SortExemplars sorts a list by time and labels and leaves one of equal ones. It
// changes the list.
func SortExemplars(list []series.Exemplar) []series.Exemplar {
	slices.SortStableFunc(list, func(a, b series.Exemplar) int {
		return cmp.Or(cmp.Compare(a.T, b.T), promlabels.Compare(a.Labels, b.Labels))
	})
	return slices.CompactFunc(list, sameExemplar)
}

func sameExemplar(a, b series.Exemplar) bool {
	return a.T == b.T && math.Float64bits(a.V) == math.Float64bits(b.V) && promlabels.Equal(a.Labels, b.Labels)
}
