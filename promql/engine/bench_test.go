package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// BenchmarkRange is a wide range query: 500 series, six hours of a sample each
// 15 s, a step each minute. It reports CPU-independent work as samples/op.
func BenchmarkRange(b *testing.B) {
	const seriesCount, samples = 500, 6 * 60 * 4
	m := &seriestest.Memory{}
	for i := range seriesCount {
		batch := &series.Batch{Entries: []series.Entry{{
			Key:     series.AppendKey(nil, labels.FromStrings("__name__", "x_total", "i", fmt.Sprint(i))),
			Samples: samples,
		}}}
		for j := range samples {
			batch.Samples = append(batch.Samples, series.Sample{T: int64(j) * 15000, V: float64(i * j)})
		}
		if _, err := m.Append(context.Background(), series.DefaultTenant, batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, parts := range map[string]int{"whole": 1, "split": 2} {
		for _, expr := range []string{"x_total", "sum(rate(x_total[5m]))"} {
			b.Run(name+"/"+expr, func(b *testing.B) {
				e := suiteEngine(b, parts, 50_000_000)
				q := queryable.New(m, series.DefaultTenant, 0)
				for b.Loop() {
					query, err := e.NewRangeQuery(b.Context(), q, nil, expr, time.Unix(300, 0), time.Unix(6*3600, 0), time.Minute)
					if err != nil {
						b.Fatal(err)
					}
					if res := query.Exec(b.Context()); res.Err != nil {
						b.Fatal(res.Err)
					}
					query.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(seriesCount*samples), "ns/sample")
			})
		}
	}
}
