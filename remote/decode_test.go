package remote

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

func compareContent(t *testing.T, what string, got, want content) {
	t.Helper()
	got.Metadata, want.Metadata = slices.Compact(got.Metadata), slices.Compact(want.Metadata)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-oracle +decoder):\n%s", what, diff)
	}
}

func TestDecodeMatchesGeneratedCode(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	d := newDecoder(0) // One decoder throughout: nothing may be left over from before.
	for range 500 {
		one, two := randomOne(rng), randomTwo(rng)
		for name, body := range map[string][]byte{"1.0": encode(t, one), "1.0 woven": wovenOne(t, rng, one)} {
			var req prompb.WriteRequest
			if err := req.Unmarshal(body); err != nil {
				t.Fatal(err)
			}
			resetFor(d, body)
			if err := d.decodeOne(body); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			compareContent(t, name, decodedContent(d), newOracle().one(&req))
		}
		for name, body := range map[string][]byte{"2.0": encode(t, two), "2.0 woven": wovenTwo(t, rng, two)} {
			var req writev2.Request
			if err := req.Unmarshal(body); err != nil {
				t.Fatal(err)
			}
			resetFor(d, body)
			if err := d.decodeTwo(body); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			compareContent(t, name, decodedContent(d), newOracle().two(&req))
		}
	}
}

func resetFor(d *decoder, body []byte) {
	d.reset(len(body), now.UnixMilli(), 10*60e9, 32<<20, func(int64) error { return nil })
}

// Every prefix of a request is an error or a request of its own, never a panic.
func TestDecodeCutShort(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	d := newDecoder(0)
	one, two := encode(t, randomOne(rng)), encode(t, randomTwo(rng))
	for n := range one {
		resetFor(d, one[:n])
		var req prompb.WriteRequest
		if err := d.decodeOne(one[:n:n]); err == nil && req.Unmarshal(one[:n]) != nil {
			t.Fatalf("1.0 cut at %d of %d was accepted", n, len(one))
		}
	}
	for n := range two {
		resetFor(d, two[:n])
		var req writev2.Request
		if err := d.decodeTwo(two[:n:n]); err == nil && req.Unmarshal(two[:n]) != nil {
			t.Fatalf("2.0 cut at %d of %d was accepted", n, len(two))
		}
	}
}

func TestOldStartTimestampField(t *testing.T) {
	ts := writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 5, Value: 1}, {Timestamp: 6, StartTimestamp: 4}}}
	series := append(varintField(6, 3), encode(t, &ts)...)
	body := append(encode(t, &writev2.Request{Symbols: []string{"", "__name__", "up"}}), bytesField(5, series)...)
	d := newDecoder(len(body))
	if err := d.decodeTwo(body); err != nil {
		t.Fatal(err)
	}
	want := `{__name__="up"} sample(t=5 v=3ff0000000000000 start=3) sample(t=6 v=0 start=4)`
	if got := decodedContent(d).Series; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMetadataFamily(t *testing.T) {
	const counter, histogram, gaugeHistogram, summary = 1, 3, 4, 5
	for _, tt := range []struct {
		name   string
		kind   uint32
		native bool
		want   string
	}{
		{"rpc_bucket", histogram, false, "rpc"},
		{"rpc_sum", histogram, false, "rpc"},
		{"rpc_count", histogram, true, "rpc_count"},
		{"rpc_gsum", gaugeHistogram, false, "rpc"},
		{"rpc_bucket", summary, false, "rpc_bucket"},
		{"rpc_count", summary, false, "rpc"},
		{"rpc", summary, false, "rpc"},
		{"_sum", summary, false, "_sum"},
		{"rpc_count", counter, false, "rpc_count"},
	} {
		if got := string(family([]byte(tt.name), tt.kind, tt.native)); got != tt.want {
			t.Errorf("family(%s, %s, %v) = %s, want %s", tt.name, metricType(tt.kind), tt.native, got, tt.want)
		}
	}
}
