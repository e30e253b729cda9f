package remote

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Random requests: mostly good, some of everything that can be wrong.

func randomLabels(rng *rand.Rand) []string {
	pairs := []string{"__name__", fmt.Sprintf("metric_%d", rng.IntN(20))}
	for i := range rng.IntN(6) {
		pairs = append(pairs, fmt.Sprintf("label_%d", i), fmt.Sprintf("wert ü %d", rng.IntN(50)))
	}
	switch rng.IntN(20) {
	case 0:
		pairs = pairs[2:] // No name.
	case 1:
		pairs = append(pairs, "__name__", "again")
	case 2:
		pairs = append(pairs, "bad", "\xff")
	case 3:
		pairs = append(pairs, "empty", "")
	}
	return pairs
}

func randomTime(rng *rand.Rand) int64 {
	switch rng.IntN(20) {
	case 0:
		return now.UnixMilli() + 600_001 + rng.Int64N(1e9)
	case 1:
		return now.UnixMilli() + 600_000 // Just allowed.
	case 2:
		return -rng.Int64N(1e12)
	case 3:
		return 0
	}
	return now.UnixMilli() - rng.Int64N(1e9)
}

func randomValue(rng *rand.Rand) float64 {
	switch rng.IntN(8) {
	case 0:
		return math.Float64frombits(value.StaleNaN)
	case 1:
		return math.Float64frombits(0x7ff8000000000000 | rng.Uint64N(1<<50)) // Any NaN.
	case 2:
		return math.Inf(-1)
	case 3:
		return math.Copysign(0, -1)
	}
	return rng.NormFloat64()
}

func randomInt(rng *rand.Rand) *histogram.Histogram {
	h := &histogram.Histogram{
		CounterResetHint: histogram.CounterResetHint(rng.IntN(4)),
		Schema:           int32(rng.IntN(9)) - 4,
		ZeroThreshold:    0.001, ZeroCount: 2, Sum: rng.Float64(),
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 2}, {Offset: 3, Length: 1}}, PositiveBuckets: []int64{1, 2, -1},
		NegativeSpans: []histogram.Span{{Offset: -1, Length: 1}}, NegativeBuckets: []int64{4},
		Count: 1 + 3 + 2 + 4 + 2,
	}
	switch rng.IntN(8) {
	case 0:
		h.Schema = 9 + int32(rng.IntN(44)) // Reduced to 8.
	case 1:
		h.Schema = 53 // Unknown.
	case 2:
		h.Count++ // Does not add up.
	case 3:
		h.PositiveSpans[1].Length = 7
	case 4:
		return &histogram.Histogram{Sum: math.Float64frombits(value.StaleNaN)}
	case 5:
		return &histogram.Histogram{
			Schema: histogram.CustomBucketsSchema, Sum: 3, Count: 3, CustomValues: []float64{1, 2, 5},
			PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []int64{1, 1},
		}
	}
	return h
}

func randomExemplarLabels(rng *rand.Rand) []string {
	switch rng.IntN(6) {
	case 0:
		return nil
	case 1:
		return []string{"", "no name"}
	case 2:
		return []string{"twice", "1", "twice", "2"}
	case 3:
		return []string{"long", string(make([]byte, maxExemplarBytes))}
	}
	return []string{"trace_id", fmt.Sprintf("%x", rng.Uint64()), "span", "é"}
}

func randomOne(rng *rand.Rand) *prompb.WriteRequest {
	req := &prompb.WriteRequest{}
	for range rng.IntN(20) {
		var ts prompb.TimeSeries
		ts.Labels = labelsOne(randomLabels(rng))
		for range rng.IntN(4) {
			ts.Samples = append(ts.Samples, prompb.Sample{Timestamp: randomTime(rng), Value: randomValue(rng)})
		}
		for range rng.IntN(8) / 5 {
			h := randomInt(rng)
			if rng.IntN(2) == 0 && h.Validate() == nil {
				ts.Histograms = append(ts.Histograms, prompb.FromFloatHistogram(randomTime(rng), h.ToFloat(nil)))
			} else {
				ts.Histograms = append(ts.Histograms, prompb.FromIntHistogram(randomTime(rng), h))
			}
		}
		for range rng.IntN(8) / 5 {
			ts.Exemplars = append(ts.Exemplars, prompb.Exemplar{Labels: labelsOne(randomExemplarLabels(rng)), Timestamp: randomTime(rng), Value: randomValue(rng)})
		}
		req.Timeseries = append(req.Timeseries, ts)
	}
	for i := range rng.IntN(3) {
		req.Metadata = append(req.Metadata, prompb.MetricMetadata{Type: prompb.MetricMetadata_MetricType(rng.IntN(9)), MetricFamilyName: fmt.Sprintf("metric_%d", i), Help: "what it is\n", Unit: "s"})
	}
	return req
}

func labelsOne(pairs []string) (ls []prompb.Label) {
	for i := 0; i < len(pairs); i += 2 {
		ls = append(ls, prompb.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return ls
}

func randomTwo(rng *rand.Rand) *writev2.Request {
	table := writev2.NewSymbolTable()
	req := &writev2.Request{}
	for range rng.IntN(20) {
		ts := writev2.TimeSeries{LabelsRefs: refsTwo(&table, randomLabels(rng))}
		if n := len(req.Timeseries); n > 0 && rng.IntN(4) == 0 {
			ts.LabelsRefs = req.Timeseries[n-1].LabelsRefs // The same series again.
		}
		for range rng.IntN(4) {
			ts.Samples = append(ts.Samples, writev2.Sample{Timestamp: randomTime(rng), Value: randomValue(rng), StartTimestamp: int64(rng.IntN(3) * 1000)})
		}
		for range rng.IntN(8) / 5 {
			h := randomInt(rng)
			if rng.IntN(2) == 0 && h.Validate() == nil {
				ts.Histograms = append(ts.Histograms, writev2.FromFloatHistogram(int64(rng.IntN(3)), randomTime(rng), h.ToFloat(nil)))
			} else {
				ts.Histograms = append(ts.Histograms, writev2.FromIntHistogram(int64(rng.IntN(3)), randomTime(rng), h))
			}
		}
		for range rng.IntN(8) / 5 {
			ts.Exemplars = append(ts.Exemplars, writev2.Exemplar{LabelsRefs: refsTwo(&table, randomExemplarLabels(rng)), Timestamp: randomTime(rng), Value: randomValue(rng)})
		}
		ts.Metadata = randomMetadata(rng, &table)
		spoilRefs(rng, &ts)
		req.Timeseries = append(req.Timeseries, ts)
	}
	req.Symbols = table.Symbols()
	return req
}

func randomMetadata(rng *rand.Rand, table *writev2.SymbolsTable) writev2.Metadata {
	if rng.IntN(3) == 0 {
		return writev2.Metadata{}
	}
	return writev2.Metadata{
		Type:    writev2.Metadata_MetricType(rng.IntN(9)),
		HelpRef: table.Symbolize(fmt.Sprintf("help %d", rng.IntN(3))),
		UnitRef: table.Symbolize("s"),
	}
}

func spoilRefs(rng *rand.Rand, ts *writev2.TimeSeries) {
	switch rng.IntN(20) {
	case 0:
		ts.LabelsRefs = append(ts.LabelsRefs[:len(ts.LabelsRefs):len(ts.LabelsRefs)], 1) // Not a pair.
	case 1:
		ts.LabelsRefs = append(ts.LabelsRefs[:len(ts.LabelsRefs):len(ts.LabelsRefs)], 1, 100_000)
	case 2:
		ts.Metadata.HelpRef = 100_000
	case 3:
		for i := range ts.Exemplars {
			ts.Exemplars[i].LabelsRefs = []uint32{0, 100_000}
		}
	}
}

func refsTwo(table *writev2.SymbolsTable, pairs []string) []uint32 {
	refs := make([]uint32, len(pairs))
	for i, p := range pairs {
		refs[i] = table.Symbolize(p)
	}
	return refs
}
