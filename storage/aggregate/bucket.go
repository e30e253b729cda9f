package aggregate

import "math"

// bucket is one row of Buckets.
type bucket struct {
	end, count          int64
	min, max, sum       float64
	first, last         float64
	firstTime, lastTime int64
	increase            float64
	stale               int64
}

// at returns row i; of columns that were not read it has zeros.
func (a *Buckets) at(i int) bucket {
	return bucket{
		end: a.Ends[i], count: a.Counts[i], min: cell(a.Mins, i), max: cell(a.Maxs, i), sum: cell(a.Sums, i),
		first: cell(a.Firsts, i), last: cell(a.Lasts, i), firstTime: cell(a.FirstTimes, i), lastTime: a.LastTimes[i],
		increase: cell(a.Increases, i), stale: a.Stales[i],
	}
}

func cell[T any](column []T, i int) (v T) {
	if len(column) == 0 {
		return v
	}
	return column[i]
}

// columns are those that a, which has a row, has.
func (a *Buckets) columns() (c Columns) {
	for i, n := range [...]int{len(a.Mins), len(a.Maxs), len(a.Sums), len(a.Firsts), len(a.Lasts), len(a.Increases)} {
		if n > 0 {
			c |= 1 << i
		}
	}
	return c
}

// add appends the columns c of b, or joins it to the last bucket if that has the
// same end.
func (a *Buckets) add(b bucket, c Columns) {
	if n := a.Len(); n > 0 && a.Ends[n-1] == b.end {
		b = a.at(n - 1).join(b)
		a.truncate(n - 1)
	}
	a.Ends, a.Counts = append(a.Ends, b.end), append(a.Counts, b.count)
	a.LastTimes, a.Stales = append(a.LastTimes, b.lastTime), append(a.Stales, b.stale)
	if c&Min != 0 {
		a.Mins = append(a.Mins, b.min)
	}
	if c&Max != 0 {
		a.Maxs = append(a.Maxs, b.max)
	}
	if c&Sum != 0 {
		a.Sums = append(a.Sums, b.sum)
	}
	if c&First != 0 {
		a.Firsts, a.FirstTimes = append(a.Firsts, b.first), append(a.FirstTimes, b.firstTime)
	}
	if c&Last != 0 {
		a.Lasts = append(a.Lasts, b.last)
	}
	if c&Increase != 0 {
		a.Increases = append(a.Increases, b.increase)
	}
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
	resets := growthBeyond(b.increase, b.first, b.last) + growthBeyond(o.increase, o.first, o.last)
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

// growthBeyond is what resets of a counter add to the difference of last and
// first. It is exactly 0 if there is none.
func growthBeyond(increase, first, last float64) float64 {
	plain := last - first
	if increase == plain || math.IsNaN(plain) { // Infinity minus infinity is none.
		return 0
	}
	return increase - plain
}
