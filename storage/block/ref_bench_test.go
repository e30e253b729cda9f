package block

import (
	"bytes"
	"io"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func BenchmarkReferenceParquetGo(b *testing.B) {
	all := benchSeries(500)
	f := write(b, Options{Labels: nodeColumns}, all)
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), int64(len(f.bytes)))
	if err != nil {
		b.Fatal(err)
	}
	before := cpuTime()
	n := int64(0)
	buf := make([]parquet.Value, 1024)
	_ = buf
	for b.Loop() {
		for _, g := range pf.RowGroups() {
			for i, c := range g.ColumnChunks() {
				name := pf.Schema().Columns()[i][0]
				if name != "time" && name != "value" {
					continue
				}
				pages := c.Pages()
				for {
					p, err := pages.ReadPage()
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n += p.NumValues()
					parquet.Release(p)
				}
				pages.Close()
			}
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(n/2), "cpu-ns/sample")
}
