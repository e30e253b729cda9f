package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"
	promstorage "github.com/prometheus/prometheus/storage"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// TestPrometheusSuite runs Prometheus' own PromQL tests over the real store on a
// real disk. There is no known gap.
func TestPrometheusSuite(t *testing.T) {
	layouts := map[string]func(testing.TB, *cellar) (series.Sink, func()){
		"memory": func(_ testing.TB, c *cellar) (series.Sink, func()) { return c.store, nil },
		"files": func(tb testing.TB, c *cellar) (series.Sink, func()) {
			return c.store, func() { c.flush(tb) }
		},
		"split": func(tb testing.TB, c *cellar) (series.Sink, func()) {
			return &splitSink{store: c.store, between: func() { c.flush(tb) }}, nil
		},
	}
	for name, layout := range layouts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := promqltest.NewTestEngine(t, false, 5*time.Minute, promqltest.DefaultMaxSamplesPerQuery)
			promqltest.RunBuiltinTestsWithStorage(t, engine, func(tb testing.TB) promstorage.Storage {
				c := newCellar(tb)
				sink, flush := layout(tb, c)
				return seriestest.NewStorage(tb, sink, queryable.New(c.store, series.DefaultTenant, 0), flush)
			})
		})
	}
}

// splitSink cuts each batch in the middle of its time: the earlier half is
// flushed to files, the later half stays in memory.
type splitSink struct {
	store   series.Sink
	between func()
}

func (s *splitSink) Append(ctx context.Context, t series.Tenant, b *series.Batch) (series.Written, error) {
	middle := middleTime(b)
	first, err := s.store.Append(ctx, t, half(b, func(t int64) bool { return t < middle }))
	if err != nil {
		return series.Written{}, err
	}
	s.between()
	second, err := s.store.Append(ctx, t, half(b, func(t int64) bool { return t >= middle }))
	second.Samples += first.Samples
	second.Histograms += first.Histograms
	second.Exemplars += first.Exemplars
	second.Rejected = append(second.Rejected, first.Rejected...)
	return second, err
}

func middleTime(b *series.Batch) int64 {
	var times []int64
	for _, s := range b.Samples {
		times = append(times, s.T)
	}
	for _, h := range b.Histograms {
		times = append(times, h.T)
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// half returns the part of a batch whose times are wanted. Metadata goes with
// both halves.
func half(b *series.Batch, wanted func(int64) bool) *series.Batch {
	out := &series.Batch{Metadata: b.Metadata}
	samples, histograms, exemplars := b.Samples, b.Histograms, b.Exemplars
	for _, e := range b.Entries {
		part := series.Entry{Key: e.Key}
		for _, s := range samples[:e.Samples] {
			if wanted(s.T) {
				out.Samples = append(out.Samples, s)
				part.Samples++
			}
		}
		for _, h := range histograms[:e.Histograms] {
			if wanted(h.T) {
				out.Histograms = append(out.Histograms, h)
				part.Histograms++
			}
		}
		for _, x := range exemplars[:e.Exemplars] {
			if wanted(x.T) {
				out.Exemplars = append(out.Exemplars, x)
				part.Exemplars++
			}
		}
		samples, histograms, exemplars = samples[e.Samples:], histograms[e.Histograms:], exemplars[e.Exemplars:]
		if part.Samples+part.Histograms+part.Exemplars > 0 {
			out.Entries = append(out.Entries, part)
		}
	}
	return out
}
