package bench

import (
	"math"
	"math/rand/v2"
)

// signal makes the values of one series, one a step.
type signal interface {
	next() float64
}

// maker makes a signal that draws from r and from nothing else.
type maker func(r *rand.Rand) signal

// constant never changes: sizes, versions, counters of what never happens.
type constant float64

func (c constant) next() float64 { return float64(c) }

func always(v float64) maker { return func(*rand.Rand) signal { return constant(v) } }

// counter counts whole events: packets, bytes, operations.
type counter struct {
	r     *rand.Rand
	total float64
	mean  float64
	busy  float64 // Share of steps in which anything happens.
}

func counts(mean, busy float64) maker {
	return func(r *rand.Rand) signal {
		c := &counter{r: r, mean: mean * (0.5 + r.Float64()), busy: busy}
		c.total = math.Floor(c.mean * busy * 50_000 * r.Float64())
		return c
	}
}

func (c *counter) next() float64 {
	if c.r.Float64() < c.busy {
		c.total += math.Floor(c.mean * (0.7 + 0.6*c.r.Float64()))
	}
	return c.total
}

// seconds is a counter of seconds with two decimals, as the kernel counts CPU.
type seconds struct {
	r     *rand.Rand
	ticks float64 // Hundredths of a second.
	mean  float64 // Ticks a step.
	noise float64 // Half the width of the increments, as a share of mean.
}

func cpuSeconds(share, noise float64) maker {
	return func(r *rand.Rand) signal {
		mean := share * 1500 * (0.8 + 0.4*r.Float64())
		return &seconds{r: r, ticks: math.Floor(mean * 50_000 * r.Float64()), mean: mean, noise: noise}
	}
}

func (s *seconds) next() float64 {
	s.ticks += math.Round(s.mean * (1 - s.noise + 2*s.noise*s.r.Float64()))
	return s.ticks / 100
}

// walk is a gauge that wanders by whole units around its middle.
type walk struct {
	r      *rand.Rand
	at     float64 // In units.
	middle float64
	stride float64
	still  float64 // Share of steps without a change.
	unit   float64
	per    float64 // Values are at*unit/per: decimals stay exact.
}

func walks(middle, stride, still, unit, per float64) maker {
	return func(r *rand.Rand) signal {
		m := math.Floor(middle * (0.5 + r.Float64()))
		return &walk{r: r, at: m, middle: m, stride: stride, still: still, unit: unit, per: per}
	}
}

// pages is memory: multiples of 4 KiB.
func pages(middle, stride float64) maker { return walks(middle, stride, 0.2, 4096, 1) }

// decimals is a gauge with two decimals, such as the load average.
func decimals(middle, stride float64) maker { return walks(middle*100, stride*100, 0.1, 1, 100) }

func (w *walk) next() float64 {
	if w.r.Float64() >= w.still {
		pull := (w.middle - w.at) * 0.05
		w.at = max(0, w.at+math.Round(pull+w.stride*(2*w.r.Float64()-1)))
	}
	return w.at * w.unit / w.per
}

// noise is a gauge in which every bit of the fraction is random.
type noise struct {
	r             *rand.Rand
	middle, width float64
}

func noises(middle, width float64) maker {
	return func(r *rand.Rand) signal { return &noise{r: r, middle: middle, width: width} }
}

func (n *noise) next() float64 { return n.middle + n.width*n.r.Float64() }

// buckets replays one classic histogram. Every series of the histogram runs the
// same replay (same random numbers) and shows its own part of it, so that
// cumulative counts agree between series without shared state.
type buckets struct {
	r     *rand.Rand
	mean  []float64 // Observations a step, for each bucket.
	total []float64
	sum   float64
	le    int // Cumulative count up to this bucket; showSum for the sum.
}

const showSum = -1

func histogramPart(bounds []float64, perStep float64, le int) maker {
	return func(r *rand.Rand) signal {
		b := &buckets{r: r, mean: make([]float64, len(bounds)), total: make([]float64, len(bounds)), le: le}
		scale := perStep * (0.5 + r.Float64())
		for i := range bounds {
			// Most requests are in the middle; the slow tail is thin.
			d := float64(i) - float64(len(bounds))/3
			b.mean[i] = scale * math.Exp(-d*d/8)
			b.total[i] = math.Floor(b.mean[i] * 20_000)
			b.sum += b.total[i] * bounds[i] * 0.7
		}
		return b
	}
}

func (b *buckets) next() float64 {
	var cumulative float64
	for i, m := range b.mean {
		n := math.Floor(2*m*b.r.Float64() + b.r.Float64())
		b.total[i] += n
		b.sum += n * 0.004 * float64(i+1) * (0.5 + b.r.Float64())
		if i <= b.le {
			cumulative += b.total[i]
		}
	}
	if b.le == showSum {
		return b.sum
	}
	return cumulative
}
