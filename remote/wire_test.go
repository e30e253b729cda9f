package remote

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Encoders for requests as no sender writes them but protobuf allows.

func tag(number, wire int) []byte { return binary.AppendUvarint(nil, uint64(number<<3|wire)) }

func bytesField(number int, b []byte) []byte {
	return append(binary.AppendUvarint(tag(number, wireBytes), uint64(len(b))), b...)
}

func varintField(number int, v uint64) []byte {
	return binary.AppendUvarint(tag(number, wireVarint), v)
}

func doubleField(number int, v float64) []byte {
	return binary.LittleEndian.AppendUint64(tag(number, wireFixed64), math.Float64bits(v))
}

// unknownField is a field that no message of the protocol has.
func unknownField(rng *rand.Rand) []byte {
	number := 20 + rng.IntN(2000)
	switch rng.IntN(5) {
	case 0:
		return varintField(number, rng.Uint64())
	case 1:
		return doubleField(number, rng.Float64())
	case 2:
		return bytesField(number, []byte("something"))
	case 3:
		return append(tag(number, wireFixed32), 1, 2, 3, 4)
	default:
		group := append(tag(number, wireGroup), varintField(3, 5)...)
		group = append(group, append(tag(7, wireGroup), tag(7, wireEnd)...)...)
		return append(group, tag(number, wireEnd)...)
	}
}

// weave joins lists of fields at random, keeping the order inside each, with
// unknown fields between.
func weave(rng *rand.Rand, lists ...[][]byte) []byte {
	var out []byte
	for {
		left := 0
		for _, l := range lists {
			left += len(l)
		}
		if left == 0 {
			return out
		}
		if rng.IntN(10) == 0 {
			out = append(out, unknownField(rng)...)
		}
		n := rng.IntN(left)
		for i := range lists {
			if n < len(lists[i]) {
				out = append(out, lists[i][0]...)
				lists[i] = lists[i][1:]
				break
			}
			n -= len(lists[i])
		}
	}
}

func wovenSample(rng *rand.Rand, v float64, t, start int64) []byte {
	values := [][]byte{doubleField(1, v)}
	if rng.IntN(5) == 0 {
		values = [][]byte{doubleField(1, 99), doubleField(1, v)} // The last one counts.
	}
	var starts [][]byte
	if start != 0 {
		starts = [][]byte{varintField(3, uint64(start))}
	}
	return weave(rng, values, [][]byte{varintField(2, uint64(t))}, starts)
}

func wovenOne(t testing.TB, rng *rand.Rand, req *prompb.WriteRequest) []byte {
	var all, metadata [][]byte
	for _, ts := range req.Timeseries {
		var ls, ss, hs, xs [][]byte
		for _, l := range ts.Labels {
			ls = append(ls, bytesField(1, encode(t, &l)))
		}
		for _, s := range ts.Samples {
			// Field 3 means nothing in 1.0.
			ss = append(ss, bytesField(2, wovenSample(rng, s.Value, s.Timestamp, int64(rng.IntN(2)))))
		}
		for _, x := range ts.Exemplars {
			xs = append(xs, bytesField(3, encode(t, &x)))
		}
		for _, h := range ts.Histograms {
			hs = append(hs, bytesField(4, encode(t, &h)))
		}
		all = append(all, bytesField(1, weave(rng, ls, ss, hs, xs)))
	}
	for _, m := range req.Metadata {
		metadata = append(metadata, bytesField(3, encode(t, &m)))
	}
	return weave(rng, all, metadata)
}

func wovenTwo(t testing.TB, rng *rand.Rand, req *writev2.Request) []byte {
	var table, all [][]byte
	for _, s := range req.Symbols {
		table = append(table, bytesField(4, []byte(s)))
	}
	for _, ts := range req.Timeseries {
		var ss, hs, xs [][]byte
		for _, s := range ts.Samples {
			ss = append(ss, bytesField(2, wovenSample(rng, s.Value, s.Timestamp, s.StartTimestamp)))
		}
		for _, h := range ts.Histograms {
			hs = append(hs, bytesField(3, encode(t, &h)))
		}
		for _, x := range ts.Exemplars {
			xs = append(xs, bytesField(4, encode(t, &x)))
		}
		m := ts.Metadata
		metadata := [][]byte{bytesField(5, varintField(3, uint64(m.HelpRef))), bytesField(5, append(varintField(4, uint64(m.UnitRef)), varintField(1, uint64(m.Type))...))}
		var start [][]byte
		if rng.IntN(4) == 0 {
			start = [][]byte{varintField(6, 1000+rng.Uint64N(1000))}
		}
		all = append(all, bytesField(5, weave(rng, wovenRefs(rng, ts.LabelsRefs), ss, hs, xs, metadata, start)))
	}
	return weave(rng, table, all)
}

// wovenRefs packs some references and leaves others alone.
func wovenRefs(rng *rand.Rand, refs []uint32) (fields [][]byte) {
	for len(refs) > 0 {
		n := rng.IntN(len(refs) + 1)
		var packed []byte
		for _, r := range refs[:n] {
			packed = binary.AppendUvarint(packed, uint64(r))
		}
		fields = append(fields, bytesField(1, packed))
		refs = refs[n:]
		if len(refs) > 0 {
			fields = append(fields, varintField(1, uint64(refs[0])))
			refs = refs[1:]
		}
	}
	return fields
}
