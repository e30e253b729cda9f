package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"herringbone/storage/series"
)

// benchSeries is what a node exporter's series look like: 150 bytes of labels.
func benchSeries(i int) []string {
	return []string{
		"__name__", fmt.Sprintf("node_cpu_seconds_total_%d", i/64), "cluster", "production-eu-1", "cpu", fmt.Sprint(i % 8),
		"instance", fmt.Sprintf("node-%03d.example.org:9100", i/64), "job", "node-exporter", "mode", []string{"idle", "user", "system", "iowait"}[i%4],
	}
}

const benchSamples = 2000

func benchOne(b testing.TB) []byte {
	req := &prompb.WriteRequest{}
	for i := range benchSamples {
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels:  labelsOne(benchSeries(i)),
			Samples: []prompb.Sample{{Value: float64(i) * 1.37, Timestamp: now.UnixMilli() + int64(i%7)}},
		})
	}
	return encode(b, req)
}

func benchTwo(b testing.TB) []byte {
	req, table := &writev2.Request{}, writev2.NewSymbolTable()
	for i := range benchSamples {
		req.Timeseries = append(req.Timeseries, writev2.TimeSeries{
			LabelsRefs: refsTwo(&table, benchSeries(i)),
			Samples:    []writev2.Sample{{Value: float64(i) * 1.37, Timestamp: now.UnixMilli() + int64(i%7)}},
			Metadata:   writev2.Metadata{Type: 1, HelpRef: table.Symbolize("Seconds the CPUs spent in each mode."), UnitRef: table.Symbolize("seconds")},
		})
	}
	req.Symbols = table.Symbols()
	return encode(b, req)
}

// perSample reports time and the process' CPU time since before: on a shared
// machine only the latter means something.
func perSample(b *testing.B, before time.Duration) {
	n := float64(b.N) * benchSamples
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/sample")
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/n, "cpu-ns/sample")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkDecode(b *testing.B) {
	for _, v := range []version{versionOne, versionTwo} {
		plain := map[version]func(testing.TB) []byte{versionOne: benchOne, versionTwo: benchTwo}[v](b)
		packed := snappy.Encode(nil, plain)
		b.Run("version="+v.String()+"/step=snappy", func(b *testing.B) {
			buf := make([]byte, len(plain))
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				if _, err := decompress(packed, buf, int64(len(plain))); err != nil {
					b.Fatal(err)
				}
			}
			perSample(b, before)
		})
		b.Run("version="+v.String()+"/step=walk", func(b *testing.B) {
			d := newDecoder(0)
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				resetFor(d, plain)
				if err := decodeVersion(d, v, plain); err != nil {
					b.Fatal(err)
				}
			}
			perSample(b, before)
		})
		b.Run("version="+v.String()+"/step=unmarshal", func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				if v == versionOne {
					if err := new(prompb.WriteRequest).Unmarshal(plain); err != nil {
						b.Fatal(err)
					}
				} else if err := new(writev2.Request).Unmarshal(plain); err != nil {
					b.Fatal(err)
				}
			}
			perSample(b, before)
		})
	}
}

func decodeVersion(d *decoder, v version, body []byte) error {
	if v == versionTwo {
		return d.decodeTwo(body)
	}
	return d.decodeOne(body)
}

// sinkFunc is a Sink that only counts.
type sinkFunc func(*series.Batch) (series.Written, error)

func (f sinkFunc) Append(_ context.Context, _ series.Tenant, b *series.Batch) (series.Written, error) {
	return f(b)
}

func BenchmarkHandler(b *testing.B) {
	h := testHandler(b, testOptions(sinkFunc(func(b *series.Batch) (series.Written, error) {
		return series.Written{Samples: len(b.Samples)}, nil
	})))
	for v, contentType := range map[version]string{versionOne: typeOne, versionTwo: typeTwo} {
		plain := map[version]func(testing.TB) []byte{versionOne: benchOne, versionTwo: benchTwo}[v](b)
		packed := snappy.Encode(nil, plain)
		b.Run("version="+v.String(), func(b *testing.B) {
			body := &rewinding{b: packed}
			r := httptest.NewRequest(http.MethodPost, "/", body)
			r.ContentLength = int64(len(packed))
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Content-Encoding", "snappy")
			b.ReportAllocs()
			before := cpuTime()
			for b.Loop() {
				body.at = 0
				w := httptest.ResponseRecorder{}
				h.ServeHTTP(&w, r)
				if w.Code != http.StatusNoContent {
					b.Fatal(w.Code)
				}
			}
			perSample(b, before)
		})
	}
}

// rewinding is a request body that can be read again.
type rewinding struct {
	b  []byte
	at int
}

func (r *rewinding) Read(p []byte) (int, error) {
	if r.at == len(r.b) {
		return 0, io.EOF
	}
	n := copy(p, r.b[r.at:])
	r.at += n
	return n, nil
}

func (r *rewinding) Close() error { return nil }
