package series

import (
	"math"
	"slices"
)

// Reset empties a and keeps its memory.
func (a *Aggregates) Reset() { a.truncate(0) }

func (a *Aggregates) truncate(n int) {
	a.Ends, a.Counts = a.Ends[:n], a.Counts[:n]
	a.Mins, a.Maxs, a.Sums = a.Mins[:n], a.Maxs[:n], a.Sums[:n]
	a.Firsts, a.Lasts, a.FirstTimes, a.LastTimes = a.Firsts[:n], a.Lasts[:n], a.FirstTimes[:n], a.LastTimes[:n]
	a.Increases, a.Stales = a.Increases[:n], a.Stales[:n]
}

// AppendRange adds the buckets from up to, not including, to of o, as they are.
func (a *Aggregates) AppendRange(o *Aggregates, from, to int) {
	a.Ends = append(a.Ends, o.Ends[from:to]...)
	a.Counts = append(a.Counts, o.Counts[from:to]...)
	a.Mins = append(a.Mins, o.Mins[from:to]...)
	a.Maxs = append(a.Maxs, o.Maxs[from:to]...)
	a.Sums = append(a.Sums, o.Sums[from:to]...)
	a.Firsts = append(a.Firsts, o.Firsts[from:to]...)
	a.Lasts = append(a.Lasts, o.Lasts[from:to]...)
	a.FirstTimes = append(a.FirstTimes, o.FirstTimes[from:to]...)
	a.LastTimes = append(a.LastTimes, o.LastTimes[from:to]...)
	a.Increases = append(a.Increases, o.Increases[from:to]...)
	a.Stales = append(a.Stales, o.Stales[from:to]...)
}

// Range returns the indexes [from, to) of the buckets that end in minEnd …
// maxEnd, both included.
func (a *Aggregates) Range(minEnd, maxEnd int64) (from, to int) {
	from, _ = slices.BinarySearch(a.Ends, minEnd)
	if maxEnd == math.MaxInt64 {
		return from, len(a.Ends)
	}
	to, _ = slices.BinarySearch(a.Ends[from:], maxEnd+1)
	return from, from + to
}

// Times returns when the first and the last of the things in bucket i was:
// samples, or a marker.
func (a *Aggregates) Times(i int) (first, last int64) {
	switch {
	case a.Counts[i] == 0:
		return a.Stales[i], a.Stales[i]
	case a.Stales[i] != 0:
		return a.FirstTimes[i], a.Stales[i]
	default:
		return a.FirstTimes[i], a.LastTimes[i]
	}
}

// bucket is one row of Aggregates.
type bucket struct {
	end, count          int64
	min, max, sum       float64
	first, last         float64
	firstTime, lastTime int64
	increase            float64
	stale               int64
}

func (a *Aggregates) at(i int) bucket {
	return bucket{
		end: a.Ends[i], count: a.Counts[i], min: a.Mins[i], max: a.Maxs[i], sum: a.Sums[i],
		first: a.Firsts[i], last: a.Lasts[i], firstTime: a.FirstTimes[i], lastTime: a.LastTimes[i],
		increase: a.Increases[i], stale: a.Stales[i],
	}
}

// add appends b, or joins it to the last bucket if that has the same end.
func (a *Aggregates) add(b bucket) {
	if n := a.Len(); n > 0 && a.Ends[n-1] == b.end {
		b = a.at(n - 1).join(b)
		a.truncate(n - 1)
	}
	a.Ends, a.Counts = append(a.Ends, b.end), append(a.Counts, b.count)
	a.Mins, a.Maxs, a.Sums = append(a.Mins, b.min), append(a.Maxs, b.max), append(a.Sums, b.sum)
	a.Firsts, a.Lasts = append(a.Firsts, b.first), append(a.Lasts, b.last)
	a.FirstTimes, a.LastTimes = append(a.FirstTimes, b.firstTime), append(a.LastTimes, b.lastTime)
	a.Increases, a.Stales = append(a.Increases, b.increase), append(a.Stales, b.stale)
}

// join returns the bucket of the samples of b and, later, o. It is associative,
// but for the rounding of sums, and of increases with resets.
func (b bucket) join(o bucket) bucket {
	switch {
	case o.count == 0:
		if b.stale == 0 {
			b.stale = o.stale
		}
		return b
	case b.count == 0:
		o.end = b.end
		return o
	}
	resets := b.resets() + o.resets()
	if o.first < b.last {
		resets += b.last
	}
	if o.min < b.min || math.IsNaN(b.min) {
		b.min = o.min
	}
	if o.max > b.max || math.IsNaN(b.max) {
		b.max = o.max
	}
	b.sum += o.sum
	b.count += o.count
	b.last, b.lastTime, b.stale = o.last, o.lastTime, o.stale
	b.increase = b.last - b.first + resets
	return b
}

// resets is what resets of the counter add to the difference of last and first.
// It is exactly 0 if there is none.
func (b bucket) resets() float64 {
	plain := b.last - b.first
	if b.increase == plain || math.IsNaN(plain) { // Infinity minus infinity is none.
		return 0
	}
	return b.increase - plain
}
