package bench

import (
	"encoding/binary"
	"fmt"
	"math"

	"herringbone/storage/series"
)

// Protocol is a version of remote-write.
type Protocol string

// The protocols.
const (
	Protocol1 Protocol = "1.0"
	Protocol2 Protocol = "2.0"
)

// headers are what a sender of the protocol puts on every request.
func (p Protocol) headers() map[string]string {
	h := map[string]string{
		"Content-Encoding":                  "snappy",
		"Content-Type":                      "application/x-protobuf",
		"X-Prometheus-Remote-Write-Version": "0.1.0",
		"User-Agent":                        "herringbone-bench",
	}
	if p == Protocol2 {
		h["Content-Type"] = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
		h["X-Prometheus-Remote-Write-Version"] = "2.0.0"
	}
	return h
}

// encoder collects samples, one a time series as Prometheus sends them, and
// makes a request of them.
type encoder interface {
	add(m *member, t int64, v float64)
	// request returns the uncompressed request and starts the next one. The bytes
	// are valid until the next add.
	request() []byte
}

func newEncoder(p Protocol) (encoder, error) {
	switch p {
	case Protocol1:
		return &encoder1{}, nil
	case Protocol2:
		return &encoder2{refs: map[string]uint32{}}, nil
	default:
		return nil, fmt.Errorf("protocol %q, known are %s and %s: %w", p, Protocol1, Protocol2, series.ErrInvalid)
	}
}

// Tags of protobuf fields: number<<3 | wire type, which is 0 for a varint.
const (
	tagSampleValue = 1<<3 | 1
	tagSampleTime  = 2 << 3

	tag1Series  = 1<<3 | 2
	tag1Samples = 2<<3 | 2

	tag2Symbols  = 4<<3 | 2
	tag2Series   = 5<<3 | 2
	tag2Refs     = 1<<3 | 2
	tag2Samples  = 2<<3 | 2
	tag2Metadata = 5<<3 | 2
	tag2Kind     = 1 << 3
	tag2Help     = 3 << 3
)

// appendSample adds the fields of a sample; both versions share them.
func appendSample(b []byte, t int64, v float64) []byte {
	if v != 0 {
		b = append(b, tagSampleValue)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	b = append(b, tagSampleTime)
	return binary.AppendUvarint(b, uint64(t))
}

func appendField(b []byte, tag byte, content []byte) []byte {
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}

type encoder1 struct {
	out    []byte
	sample []byte
	series []byte
}

func (e *encoder1) add(m *member, t int64, v float64) {
	e.sample = appendSample(e.sample[:0], t, v)
	e.series = append(e.series[:0], m.key...)
	e.series = appendField(e.series, tag1Samples, e.sample)
	e.out = appendField(e.out, tag1Series, e.series)
}

func (e *encoder1) request() []byte {
	out := e.out
	e.out = e.out[:0]
	return out
}

// encoder2 makes requests of remote-write 2.0: every string once, then series
// that refer to them.
type encoder2 struct {
	refs    map[string]uint32
	symbols []byte
	rest    []byte
	series  []byte
	inner   []byte
	out     []byte
}

func (e *encoder2) ref(s string) uint32 {
	n, ok := e.refs[s]
	if !ok {
		n = uint32(len(e.refs))
		e.refs[s] = n
		e.symbols = append(e.symbols, tag2Symbols)
		e.symbols = binary.AppendUvarint(e.symbols, uint64(len(s)))
		e.symbols = append(e.symbols, s...)
	}
	return n
}

func (e *encoder2) add(m *member, t int64, v float64) {
	e.ref("") // Symbol 0 is the empty string.
	e.inner = e.inner[:0]
	for _, s := range m.labels {
		e.inner = binary.AppendUvarint(e.inner, uint64(e.ref(s)))
	}
	e.series = appendField(e.series[:0], tag2Refs, e.inner)
	e.inner = appendSample(e.inner[:0], t, v)
	e.series = appendField(e.series, tag2Samples, e.inner)
	e.inner = append(e.inner[:0], tag2Kind, byte(m.kind), tag2Help)
	e.inner = binary.AppendUvarint(e.inner, uint64(e.ref(m.help)))
	e.series = appendField(e.series, tag2Metadata, e.inner)
	e.rest = appendField(e.rest, tag2Series, e.series)
}

func (e *encoder2) request() []byte {
	e.out = append(append(e.out[:0], e.symbols...), e.rest...)
	clear(e.refs)
	e.symbols, e.rest = e.symbols[:0], e.rest[:0]
	return e.out
}
