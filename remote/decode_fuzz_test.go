package remote

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// addSeeds adds small random requests: the fuzzer spends its time on shortening
// large ones.
func addSeeds(f *testing.F, make func(*rand.Rand) []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 30; {
		if seed := make(rng); len(seed) < 400 {
			f.Add(seed)
			n++
		}
	}
	f.Add([]byte{})
}

// compareFuzzed: what the decoder accepts has the content that the generated
// code finds. Labels are not decoded here but by whoever parses the key, so where
// keys are wrong in themselves the generated code may refuse the request. Then
// the sink refuses that series, or all of it was set aside before.
func compareFuzzed(t *testing.T, d *decoder, body []byte, err error, want content) {
	t.Helper()
	got := decodedContent(d)
	if strings.Contains(strings.Join(got.Series, ""), "bad labels") {
		return
	}
	if err != nil && len(got.Rejected) == 0 {
		t.Fatalf("accepted %x, which the generated code refuses: %v", body, err)
	}
	if err == nil {
		compareContent(t, "fuzzed", got, want)
	}
}

func boundMemory(t *testing.T, d *decoder, body []byte) {
	t.Helper()
	r := request{decoder: *d}
	if limit := 24*len(body) + 1<<20; r.size()-int(32<<20-d.written)*2 > limit {
		t.Fatalf("%d bytes of input hold %d", len(body), r.size())
	}
}

func FuzzDecodeV1(f *testing.F) {
	addSeeds(f, func(rng *rand.Rand) []byte { return wovenOne(f, rng, randomOne(rng)) })
	f.Fuzz(func(t *testing.T, body []byte) {
		d := newDecoder(len(body))
		if d.decodeOne(body) != nil {
			return
		}
		boundMemory(t, d, body)
		var req prompb.WriteRequest
		err := req.Unmarshal(body)
		compareFuzzed(t, d, body, err, newOracle().one(&req))
	})
}

func FuzzDecodeV2(f *testing.F) {
	addSeeds(f, func(rng *rand.Rand) []byte { return wovenTwo(f, rng, randomTwo(rng)) })
	f.Fuzz(func(t *testing.T, body []byte) {
		d := newDecoder(len(body))
		if d.decodeTwo(body) != nil {
			return
		}
		boundMemory(t, d, body)
		var req writev2.Request
		err := req.Unmarshal(body)
		compareFuzzed(t, d, body, err, newOracle().two(&req))
	})
}

// The guard refuses what is too large and nothing that snappy can decode.
func FuzzSnappyGuard(f *testing.F) {
	f.Add(declare(2_500_000_000, 48))
	addSeeds(f, func(rng *rand.Rand) []byte { return snappy.Encode(nil, encode(f, randomOne(rng))) })
	f.Add(snappy.Encode(nil, make([]byte, 100_000)))
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 1 << 20
		n, err := decodedLen(body, limit)
		if err == nil && (n > limit || n > maxExpansion*int64(len(body))) {
			t.Fatalf("declared length of %d for %d bytes passed", n, len(body))
		}
		declared, declaredErr := snappy.DecodedLen(body)
		if declaredErr != nil || declared > limit {
			if err == nil {
				t.Fatalf("declared length %d (%v) passed", declared, declaredErr)
			}
			return
		}
		want, decodeErr := snappy.Decode(nil, body)
		if err != nil {
			if decodeErr == nil {
				t.Fatalf("refused %x, which decodes to %d bytes: %v", body, len(want), err)
			}
			return
		}
		got, err := decompress(body, nil, n)
		if (err == nil) != (decodeErr == nil) || err == nil && string(got) != string(want) {
			t.Fatalf("decoded %d bytes, %v; want %d, %v", len(got), err, len(want), decodeErr)
		}
	})
}
