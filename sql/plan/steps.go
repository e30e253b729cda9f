package plan

import (
	"cmp"
	"slices"
)

// Step is one step of a progressive evaluation: the rows on the near side of
// Cut, which the first Count of the ordered sources hold entirely.
type Step struct {
	Count int
	Cut   int64 // Included; MinTime (descending) or MaxTime in the last step.
}

// Order returns the sources in the order in which a progressive evaluation opens
// them: by their greatest time, the greatest first, or, ascending, by their
// least.
func Order(sources []*Source, desc bool) []*Source {
	out := slices.Clone(sources)
	slices.SortStableFunc(out, func(a, b *Source) int {
		if desc {
			return cmp.Compare(b.MaxT, a.MaxT)
		}
		return cmp.Compare(a.MinT, b.MinT)
	})
	return out
}

// Steps cuts the time of ordered sources so that each step needs few of them. A
// later step holds all rows of the ones before it. The sources a step adds
// double from step to step, so that all steps together read at most about twice
// what the last one does.
func Steps(ordered []*Source, desc bool) []Step {
	var steps []Step
	for want := 1; ; want *= 2 {
		if len(steps) > 0 {
			want = max(want, steps[len(steps)-1].Count+1)
		}
		n := distinct(ordered, want, desc)
		if n >= len(ordered) {
			last := Step{Count: len(ordered), Cut: MinTime}
			if !desc {
				last.Cut = MaxTime
			}
			return append(steps, last)
		}
		s := Step{Count: n, Cut: ordered[n].MaxT + 1}
		if !desc {
			s.Cut = ordered[n].MinT - 1
		}
		steps = append(steps, s)
	}
}

// distinct is the least number of sources, at least n, after which the next one
// begins further away.
func distinct(ordered []*Source, n int, desc bool) int {
	for n < len(ordered) {
		a, b := ordered[n-1], ordered[n]
		if desc && b.MaxT < a.MaxT || !desc && b.MinT > a.MinT {
			break
		}
		n++
	}
	return n
}
