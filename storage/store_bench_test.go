package storage

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
)

// benchKeys are labels of the size that a node exporter's have.
func benchKeys(n int) [][]byte {
	keys := make([][]byte, n)
	for i := range keys {
		for _, p := range [][2]string{
			{"__name__", fmt.Sprintf("node_metric_number_%d_total", i%200)}, {"instance", fmt.Sprintf("host-%04d.example.org:9100", i/200)},
			{"job", "node-exporter"}, {"mode", "user"}, {"cpu", fmt.Sprint(i % 16)}, {"cluster", "eu-central-1"}, {"namespace", "monitoring"},
		} {
			keys[i] = series.AppendKeyLabel(keys[i], p[0], p[1])
		}
	}
	return keys
}

func BenchmarkAppend(b *testing.B) {
	const perBatch, count = 2000, 10000
	s := benchStore(b)
	keys := benchKeys(count)
	var next atomic.Int64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		batch := &series.Batch{Entries: make([]series.Entry, perBatch), Samples: make([]series.Sample, perBatch)}
		for pb.Next() {
			n := next.Add(1) - 1
			round, part := n/(count/perBatch), int(n%(count/perBatch))
			for i := range perBatch {
				batch.Entries[i] = series.Entry{Key: keys[part*perBatch+i], Samples: 1}
				batch.Samples[i] = series.Sample{T: 1_700_000_000_000 + round*15000, V: float64(n)}
			}
			if _, err := s.Append(context.Background(), series.DefaultTenant, batch); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBatch, "ns/sample")
}

func benchStore(b *testing.B) *Store {
	dir := b.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	objects, err := bucket.Dir(fsys.OS, filepath.Join(dir, "objects"))
	if err != nil {
		b.Fatal(err)
	}
	c, err := catalog.Open(ctx, filepath.Join(dir, "catalog.db"), catalog.DefaultOptions(), nil)
	if err != nil {
		b.Fatal(err)
	}
	o := DefaultOptions()
	o.Dir = dir
	s, err := Open(ctx, fsys.OS, objects, c, o, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Replay(ctx); err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = s.Run(ctx); close(done) }()
	b.Cleanup(func() {
		cancel()
		<-done
		_ = s.Close()
		_ = c.Close()
	})
	return s
}

// BenchmarkSelect finds series in files of some hours, and reads none of them.
func BenchmarkSelect(b *testing.B) {
	s := benchStore(b)
	keys := benchKeys(4000)
	batch := &series.Batch{Entries: make([]series.Entry, len(keys)), Samples: make([]series.Sample, len(keys))}
	for hour := range int64(4) {
		for i := range keys {
			batch.Entries[i] = series.Entry{Key: keys[i], Samples: 1}
			batch.Samples[i] = series.Sample{T: 1_700_000_000_000 + hour*3_600_000, V: 1}
		}
		if _, err := s.Append(context.Background(), series.DefaultTenant, batch); err != nil {
			b.Fatal(err)
		}
		if hour < 3 {
			if err := s.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	one := all()
	one.Matchers = []*promlabels.Matcher{promlabels.MustNewMatcher(promlabels.MatchEqual, "__name__", "node_metric_number_7_total")}
	for name, q := range map[string]series.Query{"all series": all(), "one metric": one} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set, err := s.Select(context.Background(), series.DefaultTenant, q)
				if err != nil {
					b.Fatal(err)
				}
				if err := set.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
