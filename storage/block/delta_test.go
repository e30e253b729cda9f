package block

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
			if err := decodeDelta(got, slices.Clip(b)); err != nil || !slices.Equal(got, values) {
				t.Fatalf("width %d, %d values: %v", width, n, err)
			}
			for cut := range b {
				if err := decodeDelta(got, slices.Clip(b[:cut])); err == nil && n > 0 && !slices.Equal(got, values) {
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
			_ = decodeDelta(make([]int64, n), b) // Must not panic.
		}
	})
}

func BenchmarkDecodeDelta(b *testing.B) {
	s := nodeSeries(32, 500, 1)
	var times []int64
	for _, x := range s {
		times = append(times, x.s.Times...)
	}
	enc, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, times)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if err := decodeDelta(times, enc); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(times))/float64(b.N), "ns/value")
	})
	b.Run("parquet-go", func(b *testing.B) {
		for b.Loop() {
			if _, err := new(delta.BinaryPackedEncoding).DecodeInt64(times, enc); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(times))/float64(b.N), "ns/value")
	})
}
