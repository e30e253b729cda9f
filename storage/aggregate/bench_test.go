package aggregate

import (
	"testing"

	"herringbone/storage/series"
)

// BenchmarkAppend aggregates a day of samples 15 s apart.
func BenchmarkAppend(b *testing.B) {
	s := &series.Samples{}
	v := 0.0
	for i := range 5760 {
		v += float64(i % 7)
		s.AppendFloat(int64(i)*15_000, v, 0)
	}
	for name, resolution := range map[string]int64{"5m": 5 * minute, "1h": hour} {
		b.Run(name, func(b *testing.B) {
			var a Buckets
			for b.Loop() {
				a.Reset()
				Append(&a, s, resolution)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.Len()), "ns/sample")
		})
	}
}
