package storage

import (
	"testing"

	"herringbone/storage/series"
)

// Coarse aggregates that are older than finer ones which are all that is left
// lack late samples.
func TestCoarseAggregatesOlderThanWhatIsLeftAreNotUsed(t *testing.T) {
	r := newRig(t, nil)
	r.minutely(0, 2*24*60)
	r.aggregate(firstDay, 2, 60*minute, false, func() {})
	r.append(floats("m", aggOrigin+7*minute+1))
	r.flush()
	want := bySamples(t, r.store, all(), 60*minute)
	r.aggregate(firstDay, 2, 5*minute, true, func() {})
	got, _ := byAggregates(t, r.store, all(), 60*minute)
	equalWindows(t, want, got, "by the hour")
}

// Coarse aggregates of two days, of one of which only finer ones are left, are not
// the truth of the other day if samples of it came later.
func TestCoarseAggregatesOfMoreThanWhatIsLeftAreNotUsedBlindly(t *testing.T) {
	for name, left := range map[string]int64{"the first day is left": 0, "the second day is left": 1} {
		r := newRig(t, nil)
		r.minutely(0, 2*24*60)
		r.aggregate(firstDay, 2, 60*minute, false, func() {})
		r.append(floats("m", aggOrigin+(1-left)*series.DayMillis+7*minute+1))
		r.flush()
		want := bySamples(t, r.store, all(), 60*minute)
		r.aggregate(firstDay+left, 1, 5*minute, true, func() {})
		got, _ := byAggregates(t, r.store, all(), 60*minute)
		equalWindows(t, want, got, name)
	}
}
