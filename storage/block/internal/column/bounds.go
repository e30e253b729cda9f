package column

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"

	"herringbone/storage/block/internal/encoding"
)

// Page-level bounds longer than this are left out: they would only make the
// footer large.
const maxBound = 256

// Bounds are a page's least and greatest value as Parquet encodes them, and its
// nulls. nil min and max: no bounds are known, or there is no value.
type Bounds struct {
	Min, Max []byte
	Nulls    int64
	empty    bool // There is no value.
}

func statistics(b Bounds) format.Statistics {
	s := format.Statistics{NullCount: b.Nulls}
	if b.Min != nil && b.Max != nil && len(b.Min) <= maxBound && len(b.Max) <= maxBound {
		s.MinValue, s.MaxValue = b.Min, b.Max
	}
	return s
}

// less compares two bounds in the order of the column's type.
func (c *Chunk) less(a, b []byte) bool {
	switch c.kind {
	case format.Int64:
		return int64(binary.LittleEndian.Uint64(a)) < int64(binary.LittleEndian.Uint64(b))
	case format.Double:
		return math.Float64frombits(binary.LittleEndian.Uint64(a)) < math.Float64frombits(binary.LittleEndian.Uint64(b))
	default:
		return bytes.Compare(a, b) < 0
	}
}

// total are the bounds of the whole chunk.
func (c *Chunk) total() Bounds {
	out := Bounds{Nulls: c.nulls, empty: true}
	for _, p := range c.pages {
		switch {
		case p.empty:
		case p.Min == nil:
			return Bounds{Nulls: c.nulls}
		case out.empty:
			out.Min, out.Max, out.empty = p.Min, p.Max, false
		default:
			if c.less(p.Min, out.Min) {
				out.Min = p.Min
			}
			if c.less(out.Max, p.Max) {
				out.Max = p.Max
			}
		}
	}
	return out
}

// floatBounds are the bounds of a page of doubles. A page with a NaN has none:
// Parquet leaves NaN out of the order, but readers (and DuckDB) that take NaN
// for the greatest number would skip such a page wrongly.
func floatBounds(values []float64) Bounds {
	if len(values) == 0 {
		return Bounds{empty: true}
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v != v {
			return Bounds{}
		}
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
	}
	if lo == 0 { // A zero bound stands for both zeros.
		lo = math.Copysign(0, -1)
	}
	if hi == 0 {
		hi = 0
	}
	return Bounds{Min: encoding.AppendFloats(nil, []float64{lo}), Max: encoding.AppendFloats(nil, []float64{hi})}
}

// AppendInt64 adds v as Parquet's statistics have it.
func AppendInt64(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) }
