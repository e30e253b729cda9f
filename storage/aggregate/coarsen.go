package aggregate

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/util/kahansum"
)

// Coarsen adds the buckets of a to dst as buckets of resolution milliseconds,
// which is a multiple of the resolution of a or the same. Neighbours that get
// the same end become one, what a counter grew between them included: so the two
// parts of a bucket that was cut at midnight become whole. dst is as
// Append wants it, and has the columns of a or no bucket.
//
// A bucket whose increase is NaN does not tell of its resets, and what is made of it
// knows nothing of them: see TellsResets.
func Coarsen(dst, a *Buckets, resolution int64) {
	for from := 0; from < a.Len(); {
		end := bucketEnd(a.Ends[from], resolution)
		to := from + 1
		for to < a.Len() && a.Ends[to] <= end {
			to++
		}
		joins := dst.Len() > 0 && dst.Ends[dst.Len()-1] == end
		switch {
		case !joins && to == from+1:
			to = a.alone(from, end, resolution)
			dst.appendAlone(a, from, to, end, resolution)
		case joins || slices.Contains(a.Counts[from:to], 0):
			dst.addOneByOne(a, from, to, end)
		default:
			dst.appendOne(a, from, to, end)
		}
		from = to
	}
}

// TellsResets reports whether all increases of a that were read are known. Where a
// bucket begins or ends with NaN, or is infinite, its increase is not.
func (a *Buckets) TellsResets() bool { return !slices.ContainsFunc(a.Increases, math.IsNaN) }

// alone returns the index behind a run of buckets, of which from gets the given
// end and each later one the end that follows: none of them is joined.
func (a *Buckets) alone(from int, end, resolution int64) int {
	for to := from + 1; to < a.Len(); to++ {
		end += resolution
		whole := a.Ends[to] == end
		if !whole || to+1 < a.Len() && a.Ends[to+1] <= end {
			return to
		}
	}
	return a.Len()
}

// appendAlone adds buckets whose ends become end, end + resolution and so on.
func (a *Buckets) appendAlone(o *Buckets, from, to int, end, resolution int64) {
	n := len(a.Ends)
	a.AppendRange(o, from, to)
	for i := n; i < len(a.Ends); i++ {
		a.Ends[i] = end
		end += resolution
	}
}

func (a *Buckets) addOneByOne(o *Buckets, from, to int, end int64) {
	c := o.columns()
	for i := from; i < to; i++ {
		b := o.at(i)
		b.end = end
		a.add(b, c)
	}
}

// appendOne adds buckets as one. All of them have samples.
func (a *Buckets) appendOne(o *Buckets, from, to int, end int64) {
	last := to - 1
	count := int64(0)
	for _, n := range o.Counts[from:to] {
		count += n
	}
	a.Ends, a.Counts = append(a.Ends, end), append(a.Counts, count)
	a.LastTimes, a.Stales = append(a.LastTimes, o.LastTimes[last]), append(a.Stales, o.Stales[last])
	if len(o.Mins) > 0 {
		a.Mins = append(a.Mins, least(o.Mins[from:to]))
	}
	if len(o.Maxs) > 0 {
		a.Maxs = append(a.Maxs, greatest(o.Maxs[from:to]))
	}
	if len(o.Sums) > 0 {
		a.Sums = append(a.Sums, total(o.Sums[from:to]))
	}
	if len(o.Firsts) > 0 {
		a.Firsts, a.FirstTimes = append(a.Firsts, o.Firsts[from]), append(a.FirstTimes, o.FirstTimes[from])
	}
	if len(o.Lasts) > 0 {
		a.Lasts = append(a.Lasts, o.Lasts[last])
	}
	if len(o.Increases) > 0 {
		a.Increases = append(a.Increases, growth(o.Increases[from:to], o.Firsts[from:to], o.Lasts[from:to]))
	}
}

// least is the least number, NaN only if there is none.
func least(values []float64) float64 {
	lo := values[0]
	for _, v := range values[1:] {
		if v < lo || lo != lo {
			lo = v
		}
	}
	return lo
}

// greatest is the greatest number, NaN only if there is none.
func greatest(values []float64) float64 {
	hi := values[0]
	for _, v := range values[1:] {
		if v > hi || hi != hi {
			hi = v
		}
	}
	return hi
}

func total(values []float64) float64 {
	var sum, compensation float64
	for _, v := range values {
		sum, compensation = kahansum.Inc(v, sum, compensation)
	}
	if !math.IsInf(sum, 0) {
		sum += compensation
	}
	return sum
}

// growth is how much a counter grew over neighbours.
func growth(increases, firsts, lasts []float64) float64 {
	resets := growthBeyond(increases[0], firsts[0], lasts[0])
	before := lasts[0]
	for i := 1; i < len(increases); i++ {
		resets += growthBeyond(increases[i], firsts[i], lasts[i])
		if firsts[i] < before {
			resets += before
		}
		before = lasts[i]
	}
	return before - firsts[0] + resets
}
