package block

import (
	"bytes"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block/internal/encoding"
	"herringbone/storage/series"
)

func benchSeries(samples int) []one { return nodeSeries(10_000/(samples/500+1), samples, 1) }

// cpuTime is the time that this process has used, in nanoseconds: on a shared
// machine it says more than the clock.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func countRows(all []one) int {
	n := 0
	for _, x := range all {
		n += x.s.Len()
	}
	return n
}

func BenchmarkWrite(b *testing.B) {
	for _, samples := range []int{120, 500, 1440} {
		all := benchSeries(samples)
		rows := countRows(all)
		for name, effort := range map[string]Effort{"quick": Quick, "balanced": Balanced, "densest": Densest} {
			b.Run(fmt.Sprintf("samples=%d/%s", samples, name), func(b *testing.B) {
				var m Meta
				b.ReportAllocs()
				before := cpuTime()
				for b.Loop() {
					w, err := NewWriter(io.Discard, Options{Labels: nodeColumns, Effort: effort})
					if err != nil {
						b.Fatal(err)
					}
					for _, x := range all {
						if err := w.Append(x.ls, x.s); err != nil {
							b.Fatal(err)
						}
					}
					if m, err = w.Close(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(m.Size)/float64(rows), "bytes/sample")
				b.ReportMetric(float64(cpuTime()-before)/float64(rows)/float64(b.N), "cpu-ns/sample")
			})
		}
	}
}

// BenchmarkLevels writes and reads files as long as those of each level: minutes,
// an hour, a day, four days.
func BenchmarkLevels(b *testing.B) {
	for level, samples := range []int{60, 240, 5760, 4 * 5760} {
		all := nodeSeries(max(130, 500_000/samples), samples, 1) // All kinds.
		o := LevelOptions(level)
		o.Labels = nodeColumns
		f := write(b, o, all)
		b.Run(fmt.Sprintf("level=%d/write", level), func(b *testing.B) {
			before := cpuTime()
			for b.Loop() {
				write(b, o, all)
			}
			b.ReportMetric(float64(f.meta.Size)/float64(f.meta.Rows), "bytes/sample")
			b.ReportMetric(float64(cpuTime()-before)/float64(f.meta.Rows)/float64(b.N), "cpu-ns/sample")
		})
		b.Run(fmt.Sprintf("level=%d/read", level), func(b *testing.B) {
			r := f.open(b)
			before := cpuTime()
			for b.Loop() {
				if err := r.Each(func(labels.Labels, *series.Samples) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-before)/float64(f.meta.Rows)/float64(b.N), "cpu-ns/sample")
		})
	}
}

func BenchmarkPageRows(b *testing.B) {
	all := benchSeries(500)
	for _, rows := range []int{2000, 4000, 8000, 16000} {
		f := write(b, Options{Labels: nodeColumns, PageRows: rows}, all)
		r := f.open(b)
		refs := r.Select(nil, minTime, maxTime, 0)
		b.Run(fmt.Sprintf("one series/rows=%d", rows), func(b *testing.B) {
			var dst series.Samples
			before, i := cpuTime(), 0
			for b.Loop() {
				s := r.Scan(minTime, maxTime)
				dst.Reset()
				if err := s.Read(refs[i*37%len(refs)], &dst); err != nil {
					b.Fatal(err)
				}
				s.Close()
				i++
			}
			b.ReportMetric(float64(f.meta.Size)/float64(f.meta.Rows), "bytes/sample")
			b.ReportMetric(float64(cpuTime()-before)/1e3/float64(b.N), "cpu-µs/read")
		})
	}
}

func BenchmarkScan(b *testing.B) {
	all := benchSeries(500)
	for _, mode := range []string{"alone", "prefetch", "cold cache", "warm cache"} {
		f := write(b, Options{Labels: nodeColumns}, all)
		r := f.open(b)
		switch mode {
		case "cold cache":
			r.UseCache(NewCache(1 << 20))
		case "warm cache":
			r.UseCache(NewCache(1 << 30))
		}
		refs := r.Select(nil, minTime, maxTime, 0)
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime()
			var dst series.Samples
			for b.Loop() {
				s := r.Scan(minTime, maxTime)
				if mode == "prefetch" {
					s.Prefetch(refs)
				}
				for _, ref := range refs {
					dst.Reset()
					if err := s.Read(ref, &dst); err != nil {
						b.Fatal(err)
					}
				}
				s.Close()
			}
			n := float64(r.Rows()) * float64(b.N)
			b.ReportMetric(float64(cpuTime()-before)/n, "cpu-ns/sample")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/sample")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	f := write(b, Options{Labels: nodeColumns}, nodeSeries(10_000, 20, 1))
	b.ReportAllocs()
	for b.Loop() {
		f.open(b)
	}
	b.ReportMetric(float64(f.open(b).SizeBytes())/float64(f.meta.Series), "index-bytes/series")
	b.ReportMetric(float64(f.meta.Size-f.meta.Tail)/float64(f.meta.Series), "tail-bytes/series")
}

func BenchmarkSelect(b *testing.B) {
	f := write(b, Options{Labels: nodeColumns}, nodeSeries(10_000, 20, 1))
	r := f.open(b)
	for name, matchers := range map[string][]*labels.Matcher{
		"one metric":   {labels.MustNewMatcher(labels.MatchEqual, "__name__", "node_cpu_seconds_total")},
		"one instance": {labels.MustNewMatcher(labels.MatchRegexp, "instance", "node-0042.*")},
		"all":          nil,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = len(r.Select(matchers, minTime, maxTime, 0))
			}
			b.ReportMetric(float64(n), "series")
		})
	}
}

// BenchmarkReferenceParquetGo decodes the same two columns page by page with
// parquet-go, without taking the numbers out of its pages.
func BenchmarkReferenceParquetGo(b *testing.B) {
	all := benchSeries(500)
	f := write(b, Options{Labels: nodeColumns}, all)
	pf, err := parquet.OpenFile(bytes.NewReader(f.bytes), int64(len(f.bytes)))
	if err != nil {
		b.Fatal(err)
	}
	before := cpuTime()
	n := int64(0)
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

func BenchmarkDecodeDelta(b *testing.B) {
	s := nodeSeries(32, 500, 1)
	var times []int64
	for _, x := range s {
		times = append(times, x.s.Times...)
	}
	enc, err := new(delta.BinaryPackedEncoding).EncodeInt64(nil, times)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if err := encoding.DecodeDelta(times, enc); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(times))/float64(b.N), "ns/value")
	})
	b.Run("parquet-go", func(b *testing.B) {
		for b.Loop() {
			if _, err := new(delta.BinaryPackedEncoding).DecodeInt64(times, enc); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(times))/float64(b.N), "ns/value")
	})
}
