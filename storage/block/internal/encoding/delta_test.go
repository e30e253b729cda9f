package encoding

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/delta"
)

func TestDecodeDeltaUndoesParquetGo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for width := range 65 {
		for _, n := range []int{0, 1, 2, 32, 33, 34, 128, 129, 130, 1000} {
			values := make([]int64, n)
			v := rnd.Int64()
			for i := range values {
				values[i] = v
				v += 1000 + int64(rnd.Uint64()&(math.MaxUint64>>(64-width)))
			}
			b, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, values)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int64, n)
			if err := DecodeDelta(got, slices.Clip(b)); err != nil || !slices.Equal(got, values) {
				t.Fatalf("width %d, %d values: %v", width, n, err)
			}
			for cut := range b {
				if err := DecodeDelta(got, slices.Clip(b[:cut])); err == nil && n > 0 && !slices.Equal(got, values) {
					t.Fatalf("width %d, %d values: wrong values and no error after %d of %d bytes", width, n, cut, len(b))
				}
			}
		}
	}
}

func FuzzDecodeDelta(f *testing.F) {
	b, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, []int64{1, 5, 3, math.MinInt64, math.MaxInt64})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 5)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n >= 0 && n <= 1<<16 {
			_ = DecodeDelta(make([]int64, n), b) // Must not panic.
		}
	})
}
