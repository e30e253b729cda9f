package memory

import (
	"slices"

	"herringbone/storage/series"
)

// Days returns the days that the series may have samples of.
func (m *Series) Days() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var days []int64
	for i := range m.runs {
		r := &m.runs[i]
		if r.len() == 0 {
			continue
		}
		if first, last := series.Day(r.minT), series.Day(r.maxT); first == last {
			days = append(days, first)
		} else {
			days = append(days, r.days()...)
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// days returns the day of each sample, neighbours of one day once.
func (r *run) days() (days []int64) {
	add := func(t int64) {
		if d := series.Day(t); len(days) == 0 || days[len(days)-1] != d {
			days = append(days, d)
		}
	}
	for _, o := range r.offsets {
		add(r.base + int64(o))
	}
	for _, h := range r.histograms {
		add(h.T)
	}
	return days
}
