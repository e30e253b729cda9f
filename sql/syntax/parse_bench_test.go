package syntax

import (
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{
		"typical": "select job, time_bucket(interval '5 minutes', time) as t, avg(value) from http_requests_total " +
			"where job in ('a', 'b') and time > now() - interval '1 day' and status = '500' group by all order by t desc limit 100",
		"64KiB": "select * from t where job in (" + strings.Repeat("'value',", 8000) + "'x')",
		"terms": "select " + strings.Repeat("a+b*c,", 4000) + "1 from t",
	} {
		b.Run(name, func(b *testing.B) {
			tree := newJudge().tree(b, text)
			b.SetBytes(int64(len(text)))
			b.ReportMetric(float64(len(tree)), "tree-bytes")
			for b.Loop() {
				if _, err := Parse(tree, text, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
