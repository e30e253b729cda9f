package bench

import (
	"math"
	"slices"
	"time"
)

// Latency summarises durations, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

// summarise sorts durations in place.
func summarise(durations []time.Duration) Latency {
	slices.Sort(durations)
	return Latency{
		P50: millis(quantile(durations, 0.5)),
		P90: millis(quantile(durations, 0.9)),
		P99: millis(quantile(durations, 0.99)),
		Max: millis(quantile(durations, 1)),
	}
}

// quantile returns the smallest element such that at least the share q of all
// elements is not greater (the nearest rank); 0 if there is none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
