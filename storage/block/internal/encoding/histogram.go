package encoding

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// Tags of the protobuf fields that have to be written by hand: a negative zero
// is a zero for the generated code, which leaves zeros out.
const (
	tagSum           = 3<<3 | 1
	tagZeroThreshold = 5<<3 | 1
)

// AppendHistogram adds the protobuf encoding of remote-write 2.0's Histogram
// message, without its timestamps, which have columns of their own.
func AppendHistogram(b []byte, h *series.Histogram) ([]byte, error) {
	var msg writev2.Histogram
	if h.H != nil {
		msg = writev2.FromIntHistogram(0, 0, h.H)
	} else {
		msg = writev2.FromFloatHistogram(0, 0, h.FH)
	}
	enc, err := msg.Marshal()
	if err != nil {
		return b, fmt.Errorf("encode histogram: %w", err)
	}
	b = append(b, enc...)
	b = appendNegativeZero(b, tagSum, msg.Sum)
	return appendNegativeZero(b, tagZeroThreshold, msg.ZeroThreshold), nil
}

func appendNegativeZero(b []byte, tag byte, v float64) []byte {
	if v != 0 || !math.Signbit(v) {
		return b
	}
	return binary.LittleEndian.AppendUint64(append(b, tag), math.Float64bits(v))
}

// ParseHistogram undoes appendHistogram. The result shares no memory with b.
func ParseHistogram(b []byte, t, start int64) (series.Histogram, error) {
	var msg writev2.Histogram
	if err := msg.Unmarshal(b); err != nil {
		return series.Histogram{}, fmt.Errorf("decode histogram: %w", err)
	}
	h := series.Histogram{T: t, Start: start}
	if msg.IsFloatHistogram() {
		h.FH = msg.ToFloatHistogram()
		h.FH.PositiveSpans, h.FH.NegativeSpans = spans(h.FH.PositiveSpans), spans(h.FH.NegativeSpans)
	} else {
		h.H = msg.ToIntHistogram()
		h.H.PositiveSpans, h.H.NegativeSpans = spans(h.H.PositiveSpans), spans(h.H.NegativeSpans)
	}
	return h, nil
}

// spans gives no spans one form.
func spans(s []histogram.Span) []histogram.Span {
	if len(s) == 0 {
		return nil
	}
	return s
}

// CountAndSum are the histogram's columns for SQL.
func CountAndSum(h *series.Histogram) (count, sum float64) {
	if h.H != nil {
		return float64(h.H.Count), h.H.Sum
	}
	return h.FH.Count, h.FH.Sum
}

// HistogramBytes estimates the memory of a histogram.
func HistogramBytes(h *series.Histogram) int64 {
	const each = 200 // The structs without what they point to.
	switch {
	case h.H != nil:
		return int64(each + 8*(len(h.H.PositiveSpans)+len(h.H.NegativeSpans)+len(h.H.PositiveBuckets)+len(h.H.NegativeBuckets)+len(h.H.CustomValues)))
	case h.FH != nil:
		return int64(each + 8*(len(h.FH.PositiveSpans)+len(h.FH.NegativeSpans)+len(h.FH.PositiveBuckets)+len(h.FH.NegativeBuckets)+len(h.FH.CustomValues)))
	default:
		return 0
	}
}
