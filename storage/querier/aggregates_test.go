package querier

import (
	"math"
	"testing"
)

func TestInnerBuckets(t *testing.T) {
	for _, tt := range []struct{ minT, maxT, first, last int64 }{
		{1, 10, 1, 10},
		{0, 10, 1, 10},
		{2, 19, 11, 10},
		{2, 20, 11, 20},
		{-9, 9, -9, 0},
		{-10, -1, -9, -10},
		{-19, -10, -19, -10},
	} {
		if first, last := inner(tt.minT, tt.maxT, 10); first != tt.first || last != tt.last {
			t.Errorf("inner of %d to %d is %d to %d, want %d to %d", tt.minT, tt.maxT, first, last, tt.first, tt.last)
		}
	}
	first, last := inner(math.MinInt64, math.MaxInt64, 300_000)
	if (first-1)%300_000 != 0 || last%300_000 != 0 || first > -1<<60 || last < 1<<60 {
		t.Errorf("inner of all time is %d to %d", first, last)
	}
}
