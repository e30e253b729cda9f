package aggregate

import (
	"math"
	"slices"
)

// Reset empties a and keeps its memory.
func (a *Buckets) Reset() { a.truncate(0) }

func (a *Buckets) truncate(n int) {
	a.Ends, a.Counts = shorten(a.Ends, n), shorten(a.Counts, n)
	a.Mins, a.Maxs, a.Sums = shorten(a.Mins, n), shorten(a.Maxs, n), shorten(a.Sums, n)
	a.Firsts, a.Lasts = shorten(a.Firsts, n), shorten(a.Lasts, n)
	a.FirstTimes, a.LastTimes = shorten(a.FirstTimes, n), shorten(a.LastTimes, n)
	a.Increases, a.Stales = shorten(a.Increases, n), shorten(a.Stales, n)
}

func shorten[T any](column []T, n int) []T { return column[:min(n, len(column))] }

// AppendRange adds the buckets from up to, not including, to of o, as they are.
func (a *Buckets) AppendRange(o *Buckets, from, to int) {
	a.Ends = extend(a.Ends, o.Ends, from, to)
	a.Counts = extend(a.Counts, o.Counts, from, to)
	a.Mins = extend(a.Mins, o.Mins, from, to)
	a.Maxs = extend(a.Maxs, o.Maxs, from, to)
	a.Sums = extend(a.Sums, o.Sums, from, to)
	a.Firsts = extend(a.Firsts, o.Firsts, from, to)
	a.Lasts = extend(a.Lasts, o.Lasts, from, to)
	a.FirstTimes = extend(a.FirstTimes, o.FirstTimes, from, to)
	a.LastTimes = extend(a.LastTimes, o.LastTimes, from, to)
	a.Increases = extend(a.Increases, o.Increases, from, to)
	a.Stales = extend(a.Stales, o.Stales, from, to)
}

func extend[T any](dst, column []T, from, to int) []T {
	if len(column) == 0 {
		return dst
	}
	return append(dst, column[from:to]...)
}

// Slice returns the buckets from up to, not including, to. They share their memory
// with a.
func (a *Buckets) Slice(from, to int) Buckets {
	return Buckets{
		Ends: cut(a.Ends, from, to), Counts: cut(a.Counts, from, to),
		Mins: cut(a.Mins, from, to), Maxs: cut(a.Maxs, from, to), Sums: cut(a.Sums, from, to),
		Firsts: cut(a.Firsts, from, to), Lasts: cut(a.Lasts, from, to),
		FirstTimes: cut(a.FirstTimes, from, to), LastTimes: cut(a.LastTimes, from, to),
		Increases: cut(a.Increases, from, to), Stales: cut(a.Stales, from, to),
	}
}

func cut[T any](column []T, from, to int) []T {
	if len(column) == 0 {
		return nil
	}
	return column[from:to]
}

// Keep drops all columns that are not always read but those in c.
func (a *Buckets) Keep(c Columns) {
	if c&Min == 0 {
		a.Mins = a.Mins[:0]
	}
	if c&Max == 0 {
		a.Maxs = a.Maxs[:0]
	}
	if c&Sum == 0 {
		a.Sums = a.Sums[:0]
	}
	if c&First == 0 {
		a.Firsts, a.FirstTimes = a.Firsts[:0], a.FirstTimes[:0]
	}
	if c&Last == 0 {
		a.Lasts = a.Lasts[:0]
	}
	if c&Increase == 0 {
		a.Increases = a.Increases[:0]
	}
}

// Range returns the indexes [from, to) of the buckets that end in minEnd …
// maxEnd, both included.
func (a *Buckets) Range(minEnd, maxEnd int64) (from, to int) {
	from, _ = slices.BinarySearch(a.Ends, minEnd)
	if maxEnd == math.MaxInt64 {
		return from, len(a.Ends)
	}
	to, _ = slices.BinarySearch(a.Ends[from:], maxEnd+1)
	return from, from + to
}

// Times returns when the first and the last of the things in bucket i was:
// samples, or a marker.
func (a *Buckets) Times(i int) (first, last int64) {
	switch {
	case a.Counts[i] == 0:
		return a.Stales[i], a.Stales[i]
	case a.Stales[i] != 0:
		return a.FirstTimes[i], a.Stales[i]
	default:
		return a.FirstTimes[i], a.LastTimes[i]
	}
}
