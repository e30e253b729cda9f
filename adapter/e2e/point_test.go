package e2e

import (
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
)

// point is one sample as the tests compare it: floats by their bits.
type point struct {
	t    int64
	bits uint64                    // Of a float; 0 if a histogram is set.
	h    *histogram.Histogram      // Integer native histogram.
	fh   *histogram.FloatHistogram // Float native histogram.
}

func floatPoint(t int64, v float64) point { return point{t: t, bits: math.Float64bits(v)} }

// answer is what a read returned: points in the order they came, by the text of
// the series' labels.
type answer map[string][]point

func (p point) equal(o point) bool {
	if p.t != o.t || p.bits != o.bits || (p.h == nil) != (o.h == nil) || (p.fh == nil) != (o.fh == nil) {
		return false
	}
	switch {
	case p.h != nil:
		return p.h.Equals(o.h) && isGauge(p.h.CounterResetHint) == isGauge(o.h.CounterResetHint)
	case p.fh != nil:
		return p.fh.Equals(o.fh) && isGauge(p.fh.CounterResetHint) == isGauge(o.fh.CounterResetHint)
	}
	return true
}

// isGauge: the other hints say how a sample follows the one before it in its
// chunk, which is a matter of how a store cuts chunks, not of what was sent.
func isGauge(hint histogram.CounterResetHint) bool { return hint == histogram.GaugeType }

// canonical removes, in place, what Prometheus changes in what it keeps after it
// has sent it: a chunk's histograms all have the same buckets, be they empty; and
// the staleness marker of a histogram series, sent as a float, becomes one.
func (a answer) canonical() answer {
	for _, points := range a {
		for i, p := range points {
			switch {
			case p.stale():
				points[i] = point{t: p.t, bits: value.StaleNaN}
			case p.h != nil:
				p.h.Compact(0)
			case p.fh != nil:
				p.fh.Compact(0)
			}
		}
	}
	return a
}

func (p point) stale() bool {
	switch {
	case p.h != nil:
		return value.IsStaleNaN(p.h.Sum)
	case p.fh != nil:
		return value.IsStaleNaN(p.fh.Sum)
	}
	return value.IsStaleNaN(math.Float64frombits(p.bits))
}

func (p point) String() string {
	switch {
	case p.h != nil:
		return fmt.Sprintf("%d int histogram %+v", p.t, *p.h)
	case p.fh != nil:
		return fmt.Sprintf("%d float histogram %+v", p.t, *p.fh)
	}
	return fmt.Sprintf("%d %v (%#x)", p.t, math.Float64frombits(p.bits), p.bits)
}

// complaints collects what is wrong and keeps the first few.
type complaints struct {
	n     int
	first []string
}

func (c *complaints) add(format string, args ...any) {
	if c.n++; len(c.first) < 12 {
		c.first = append(c.first, fmt.Sprintf(format, args...))
	}
}

func (c *complaints) err() error {
	if c.n == 0 {
		return nil
	}
	text := ""
	for _, s := range c.first {
		text += "\n  " + s
	}
	return fmt.Errorf("%d differences:%s", c.n, text)
}

// compare says how got differs from want, point by point.
func compare(got, want answer) error {
	var c complaints
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			c.add("%s is missing with %d samples", key, len(w))
			continue
		}
		comparePoints(&c, key, g, w)
	}
	for key, g := range got {
		if _, ok := want[key]; !ok {
			c.add("%s was not expected, it has %d samples", key, len(g))
		}
	}
	return c.err()
}

func comparePoints(c *complaints, key string, got, want []point) {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			c.add("%s: ends after %d samples, want %d; next %v", key, len(got), len(want), want[i])
			return
		case i >= len(want):
			c.add("%s: has %d samples, want %d; next %v", key, len(got), len(want), got[i])
			return
		case !got[i].equal(want[i]):
			c.add("%s: sample %d is\n    %v, want\n    %v", key, i, got[i], want[i])
			return
		}
	}
}
