package aggregate

import (
	"math"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/util/kahansum"

	"herringbone/storage/series"
)

// Append adds the buckets of resolution milliseconds of s to dst. s
// has float samples only, in the order of time; dst is empty or has buckets of
// the same series and resolution, of earlier samples. A long series may
// therefore come in parts: a bucket that a cut between two parts lies in becomes
// one.
//
// Minima, maxima and increases are those of PromQL's min_over_time,
// max_over_time and increase (without its extrapolation); sums are compensated,
// as those of sum_over_time are.
func Append(dst *Buckets, s *series.Samples, resolution int64) {
	for from := 0; from < s.Len(); {
		end := bucketEnd(s.Times[from], resolution)
		to := from + 1
		for to < s.Len() && s.Times[to] <= end {
			to++
		}
		b := aggregate(s.Times[from:to], s.Values[from:to])
		b.end = end
		dst.add(b, AllColumns)
		from = to
	}
}

// bucketEnd is the end of the bucket (end-resolution, end] that t is in.
func bucketEnd(t, resolution int64) int64 {
	over := t % resolution
	switch {
	case over > 0:
		return t - over + resolution
	default: // Before 1970, too, the remainder is what lies after the multiple.
		return t - over
	}
}

// aggregate makes one bucket, without its end, of all the given samples.
func aggregate(times []int64, values []float64) (b bucket) {
	var lo, hi, last, sum, compensation, resets float64
	end := 0 // After the last sample.
	for i, v := range values {
		if v != v && value.IsStaleNaN(v) {
			continue
		}
		if b.count == 0 {
			b.first, b.firstTime = v, times[i]
			lo, hi, last = v, v, v
		}
		if v < last {
			resets += last
		}
		if v < lo || lo != lo {
			lo = v
		}
		if v > hi || hi != hi {
			hi = v
		}
		sum, compensation = kahansum.Inc(v, sum, compensation)
		b.count++
		last, end = v, i+1
	}
	if b.count > 0 {
		b.min, b.max, b.last, b.lastTime = lo, hi, last, times[end-1]
		b.increase = last - b.first + resets
	}
	if end < len(times) { // What follows the last sample can only be markers.
		b.stale = times[end]
	}
	if !math.IsInf(sum, 0) {
		sum += compensation
	}
	b.sum = sum
	return b
}
