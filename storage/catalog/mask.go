package catalog

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Mask is the tombstones that may hide rows of one file, in the order of their
// Seq. A nil Mask hides nothing.
//
// Ownership: the tombstones are the snapshot's; do not modify them. Methods
// leave the mask as it is and may be called from any goroutine.
type Mask []*Tombstone

// Mask returns the live tombstones that may hide rows of f, as far as the
// catalog tells. Mostly there are none, and then it is nil and costs next to
// nothing.
func (s *Snapshot) Mask(f *File) Mask {
	var m Mask
	for _, t := range s.tombstones[f.Tenant] {
		if t.Hides(f) {
			m = append(m, t)
		}
	}
	return m
}

// Of returns the tombstones of m that hide samples of a series. It allocates
// nothing if that is none of them or all.
func (m Mask) Of(ls labels.Labels) Mask {
	n := 0
	for n < len(m) && m[n].HidesSeries(ls) {
		n++
	}
	own := m[:n:n]
	for _, t := range m[min(n+1, len(m)):] {
		if t.HidesSeries(ls) {
			own = append(own, t)
		}
	}
	if len(own) == 0 {
		return nil
	}
	return own
}

// Deletes returns the tombstones of m of the cause Deleted. They are lifted when
// nothing of what they hide is left; others, too, when a rule is relaxed.
func (m Mask) Deletes() Mask {
	var own Mask
	for _, t := range m {
		if t.Cause == Deleted {
			own = append(own, t)
		}
	}
	return own
}

// Covers reports whether every time in minT … maxT is hidden. The mask is of one
// series.
//
// Prometheus' tombstones.Intervals would do, but adding one that ends at
// math.MaxInt64 after others panics.
func (m Mask) Covers(minT, maxT int64) bool {
	for at := minT; ; {
		i := slices.IndexFunc(m, func(t *Tombstone) bool { return t.MinT <= at && at <= t.MaxT })
		if i < 0 || m[i].MaxT >= maxT {
			return i >= 0
		}
		at = m[i].MaxT + 1 // Beyond another one each time.
	}
}

// Meets reports whether some time in minT … maxT is hidden. The mask is of one
// series.
func (m Mask) Meets(minT, maxT int64) bool {
	for _, t := range m {
		if t.MinT <= maxT && t.MaxT >= minT {
			return true
		}
	}
	return false
}

// Cut removes the hidden samples from s, in place, and returns how many that
// were. The mask is of the series of s.
func (m Mask) Cut(s *series.Samples) int {
	n := 0
	for _, t := range m {
		n += series.Cut(s, t.MinT, t.MaxT)
	}
	return n
}
