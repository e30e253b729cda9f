package bench

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	f := func(q float64, want time.Duration, sorted ...time.Duration) {
		t.Helper()
		if got := quantile(sorted, q); got != want {
			t.Errorf("quantile %v of %d is %d, want %d", q, sorted, got, want)
		}
	}
	f(0.5, 0)
	f(0.5, 3, 3)
	f(1, 3, 3)
	f(0.5, 1, 1, 2)
	f(0.5, 2, 1, 2, 3)
	f(0.9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	f(0.99, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	f(1, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	f(0, 1, 1, 2)
}

func TestSummariseSorts(t *testing.T) {
	got := summarise([]time.Duration{4e6, 1e6, 3e6, 2e6})
	want := Latency{P50: 2, P90: 4, P99: 4, Max: 4}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
