package catalog

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// hundredThousand is 250 days of 8 buckets of 50 files of 2 metrics each.
func hundredThousand() []File {
	var files []File
	for day := range int64(250) {
		for bucket := range 8 {
			for i := range int64(50) {
				f := testFile(fmt.Sprintf("%026d-%d-%d", day, bucket, i), day)
				f.Partition = fmt.Sprintf("__name__~8=%d", bucket)
				f.MinT = day*series.DayMillis + i*series.DayMillis/50
				f.MaxT = f.MinT + series.DayMillis/50 - 1
				f.MinName, f.MaxName = "go_gc_cycles_total", "up"
				files = append(files, f)
			}
		}
	}
	return files
}

func filled(b *testing.B) (path string, c *Catalog) {
	path = filepath.Join(b.TempDir(), "catalog.db")
	c = open(b, path)
	if _, err := c.Commit(b.Context(), Edit{Token: "all", Add: hundredThousand()}); err != nil {
		b.Fatal(err)
	}
	return path, c
}

// BenchmarkCommit adds the 8 files of a flush to 100,000.
func BenchmarkCommit(b *testing.B) {
	_, c := filled(b)
	n := 0
	for b.Loop() {
		n++
		e := Edit{Token: fmt.Sprint(n), WAL: &WALPosition{Node: "node", Segment: uint64(n)}}
		for i := range 8 {
			f := testFile(fmt.Sprintf("new-%d-%d", n, i), 249)
			f.Partition = fmt.Sprintf("__name__~8=%d", i)
			e.Add = append(e.Add, f)
		}
		if _, err := c.Commit(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitTables compares a commit without tables to one with a thousand tables of ten
// labels that are known.
func BenchmarkCommitTables(b *testing.B) {
	for _, tables := range [][]Table{nil, thousandTables()} {
		b.Run(fmt.Sprint(len(tables)), func(b *testing.B) {
			c := open(b, filepath.Join(b.TempDir(), "catalog.db"))
			for n := 0; b.Loop(); n++ {
				e := Edit{Token: fmt.Sprint(n), Add: []File{testFile(fmt.Sprint("new-", n), 249)}, Tables: tables}
				if _, err := c.Commit(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFiles asks 100,000 files for one metric.
func BenchmarkFiles(b *testing.B) {
	s := (&Snapshot{}).apply(change{version: 1, add: pointers(hundredThousand())})
	metric := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "node_cpu_seconds_total")
	for _, days := range []int64{1, 30, 250} {
		b.Run(fmt.Sprintf("%d days", days), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				minT := (250 - days) * series.DayMillis
				if n := len(s.Files(series.DefaultTenant, Samples, minT, 250*series.DayMillis-1, metric)); n != int(days)*50 {
					b.Fatal(n)
				}
			}
		})
	}
}

// BenchmarkOpen checks and reads 100,000 files.
func BenchmarkOpen(b *testing.B) {
	path, _ := filled(b)
	for b.Loop() {
		if c := open(b, path); c.Snapshot().Len() != 100_000 {
			b.Fatal(c.Snapshot().Len())
		}
	}
}

// BenchmarkPutMetadata says 2,000 times what is known of 200 metrics.
func BenchmarkPutMetadata(b *testing.B) {
	c := open(b, filepath.Join(b.TempDir(), "catalog.db"))
	var metadata []series.Metadata
	for i := range 2000 {
		metadata = append(metadata, series.Metadata{Metric: fmt.Sprintf("node_metric_number_%d_total", i%200), Type: "counter", Help: "What this metric is about, in a line."})
	}
	now := time.UnixMilli(1_700_000_000_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.PutMetadata(b.Context(), series.DefaultTenant, metadata, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2000, "ns/entry")
}

func pointers(files []File) []*File {
	out := make([]*File, len(files))
	for i := range files {
		out[i] = &files[i]
	}
	return out
}
