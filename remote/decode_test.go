package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
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

// What breaks the wire format refuses the request, wherever it is.
func TestMalformed(t *testing.T) {
	one := func(field ...byte) []byte { return bytesField(1, field) }
	two := func(field ...byte) []byte { return bytesField(5, field) }
	for name, tt := range map[string]struct {
		version version
		body    []byte
	}{
		"value cut":                {versionOne, one(bytesField(2, []byte{tagSampleValue, 1, 2, 3})...)},
		"time cut":                 {versionOne, one(bytesField(2, []byte{tagSampleTime, 0x80})...)},
		"time of 11 bytes":         {versionOne, one(bytesField(2, append([]byte{tagSampleTime}, bytes.Repeat([]byte{0x80}, 11)...))...)},
		"sample as varint":         {versionOne, one(varintField(2, 1)...)},
		"series as fixed":          {versionOne, doubleField(1, 1)},
		"label longer than series": {versionOne, one(tagOneLabel, 100, 1)},
		"long label cut":           {versionOne, one(tagOneLabel, 0xff, 0x01, 1)},
		"label length of 2^63":     {versionOne, one(append([]byte{tagOneLabel}, binary.AppendUvarint(nil, 1<<63)...)...)},
		"field number 0":           {versionOne, []byte{wireVarint, 1}},
		"field number 2^29":        {versionOne, append(binary.AppendUvarint(nil, 1<<32|1<<3|wireBytes), 0)},
		"wire type 6":              {versionOne, []byte{20<<3&0x7f | 6, 1}},
		"unknown fixed32 cut":      {versionOne, append(tag(20, wireFixed32), 1, 2)},
		"group without end":        {versionOne, tag(20, wireGroup)},
		"end without group":        {versionOne, tag(20, wireEnd)},
		"histogram cut":            {versionOne, one(bytesField(4, []byte{0x19, 1})...)},
		"exemplar cut":             {versionOne, one(bytesField(3, []byte{0x11, 1})...)},
		"metadata cut":             {versionOne, bytesField(3, []byte{0x12, 9})},
		"2.0 references cut":       {versionTwo, two(bytesField(1, []byte{0x80})...)},
		"2.0 metadata cut":         {versionTwo, two(bytesField(5, []byte{tagMetadataType, 0x80})...)},
		"2.0 metadata as bytes":    {versionTwo, two(bytesField(5, bytesField(1, nil))...)},
		"2.0 start cut":            {versionTwo, two(tagTwoStart, 0x80)},
		"2.0 sample cut":           {versionTwo, two(bytesField(2, []byte{tagSampleStart})...)},
		"2.0 histogram cut":        {versionTwo, two(bytesField(3, []byte{0x19, 1})...)},
		"2.0 exemplar cut":         {versionTwo, two(bytesField(4, []byte{0x11, 1})...)},
		"2.0 symbol as varint":     {versionTwo, varintField(4, 1)},
	} {
		d := newDecoder(len(tt.body))
		if err := decodeVersion(d, tt.version, tt.body); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: %v, want an error of class invalid", name, err)
		}
	}
}

// A decoder that sees the same kind of request again needs no more memory.
func TestDecoderMemorySettles(t *testing.T) {
	one, two := benchOne(t), benchTwo(t)
	var r request
	round := func() int {
		for v, body := range map[version][]byte{versionOne: one, versionTwo: two} {
			resetFor(&r.decoder, body)
			if err := decodeVersion(&r.decoder, v, body); err != nil {
				t.Fatal(err)
			}
		}
		return r.size()
	}
	first := round()
	for range 20 {
		round()
	}
	if last := round(); last != first {
		t.Errorf("decoder grew from %d to %d bytes", first, last)
	}
	if n := testing.AllocsPerRun(10, func() { round() }); n > 50 {
		t.Errorf("decoding %d samples allocates %v times", 2*benchSamples, n)
	}
}

func TestOldStartTimestampField(t *testing.T) {
	ts := writev2.TimeSeries{LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 5, Value: 1}, {Timestamp: 6, StartTimestamp: 4}}}
	old := append(varintField(6, 3), encode(t, &ts)...)
	body := append(encode(t, &writev2.Request{Symbols: []string{"", "__name__", "up"}}), bytesField(5, old)...)
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
