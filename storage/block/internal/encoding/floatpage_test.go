package encoding

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestSplitSizeIsClose: the estimate decides which pages are compressed twice.
func TestSplitSizeIsClose(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFloatPages(z)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, bits := range []int{0, 8, 20, 52} {
		values := make([]float64, 8000)
		for i := range values {
			values[i] = 1 + float64(rnd.Uint64N(1<<bits))/(1<<52)
		}
		if err := f.packSplit(nil, AppendFloats(nil, values)); err != nil {
			t.Fatal(err)
		}
		got, want := f.splitSize(values), len(f.packed)
		if got > want+want/20 || got < want*4/5-800 {
			t.Errorf("%d random bits: estimate %d, true size %d", bits, got, want)
		}
	}
}

func TestSplitAndJoin(t *testing.T) {
	for _, n := range []int{0, 1, 7, 100} {
		src := make([]byte, 8*n)
		for i := range src {
			src[i] = byte(i * 37)
		}
		planes, got := make([]byte, len(src)), make([]byte, len(src))
		splitBytes(planes, src)
		JoinBytes(got, planes)
		if !bytes.Equal(src, got) {
			t.Errorf("%d numbers do not come back", n)
		}
		for i, b := range planes {
			if b != src[i%n*8+i/n] {
				t.Fatalf("byte %d of %d numbers is not where Parquet wants it", i, n)
			}
		}
	}
}
