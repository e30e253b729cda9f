package engine

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/promql/queryable"
	"herringbone/promql/sourcetest"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// year is one year of series with a sample a minute, kept both as samples and as
// aggregates. It is its own source.
type year struct {
	series.Source
	all        []labels.Labels
	samples    *series.Samples // The same for all.
	aggregates map[int64]*aggregate.Buckets
	only       int64 // The one resolution that is known.
}

func newYear(n int) *year {
	y := &year{samples: &series.Samples{}, aggregates: map[int64]*aggregate.Buckets{}}
	for i := range n {
		y.all = append(y.all, labels.FromStrings("__name__", "x_total", "i", fmt.Sprint(i)))
	}
	for i := range int64(365 * 24 * 60) {
		y.samples.AppendFloat(i*sourcetest.Minute+1234, float64(i%10_000), 0)
	}
	for _, r := range []int64{5 * sourcetest.Minute, sourcetest.Hour} {
		y.aggregates[r] = &aggregate.Buckets{}
		aggregate.Append(y.aggregates[r], y.samples, r)
	}
	return y
}

func (y *year) Select(_ context.Context, _ series.Tenant, q series.Query) (series.Set, error) {
	return &yearSet{of: y, query: q}, nil
}

func (y *year) Resolutions(series.Tenant, series.Query) []aggregate.Resolution {
	return []aggregate.Resolution{{Millis: y.only}}
}

func (y *year) SelectAggregates(_ context.Context, _ series.Tenant, q aggregate.Query) (aggregate.Set, error) {
	return &yearBuckets{yearSet{of: y, query: q.Query}, q}, nil
}

type yearSet struct {
	of    *year
	query series.Query
	next  int
}

func (s *yearSet) Next() bool        { s.next++; return s.next <= len(s.of.all) }
func (s *yearSet) Err() error        { return nil }
func (s *yearSet) Close() error      { return nil }
func (s *yearSet) At() series.Series { return &yearSeries{s, s.of.all[s.next-1]} }

type yearBuckets struct {
	yearSet
	wanted aggregate.Query
}

func (s *yearBuckets) At() aggregate.Series {
	return &yearBucketSeries{yearSeries{&s.yearSet, s.of.all[s.next-1]}, s.wanted}
}

type yearSeries struct {
	set    *yearSet
	labels labels.Labels
}

func (s *yearSeries) Labels() labels.Labels { return s.labels }

func (s *yearSeries) Read(dst *series.Samples) error {
	dst.Reset()
	from, to := s.set.of.samples.Range(s.set.query.MinT, s.set.query.MaxT)
	dst.AppendRange(s.set.of.samples, from, to)
	return nil
}

type yearBucketSeries struct {
	yearSeries
	wanted aggregate.Query
}

func (s *yearBucketSeries) Read(samples *series.Samples, buckets *aggregate.Buckets) error {
	samples.Reset()
	buckets.Reset()
	a := s.set.of.aggregates[s.set.of.only]
	from, to := a.Range(s.set.query.MinT, s.set.query.MaxT)
	part := a.Slice(from, to)
	part.Keep(s.wanted.Columns)
	aggregate.Coarsen(buckets, &part, s.wanted.Resolution)
	return nil
}

// BenchmarkYear evaluates a year of 20 series, in one core, without the cost of
// reading files.
func BenchmarkYear(b *testing.B) {
	y := newYear(20)
	e := aggregateEngine(1, false)
	for _, step := range []time.Duration{time.Hour, 24 * time.Hour} {
		for _, expr := range []string{"sum(rate(x_total[1h]))", "sum(max_over_time(x_total[1d]))"} {
			var want float64
			for _, only := range []int64{0, 5 * sourcetest.Minute, sourcetest.Hour} {
				q := queryable.New(y, series.DefaultTenant, 0)
				if y.only = only; only > 0 {
					q = q.WithAggregates(y)
				}
				b.Run(fmt.Sprintf("%s/step=%s/from=%s", expr, step, queryable.MillisText(only)), func(b *testing.B) {
					var sum float64
					before := cpuTime(b)
					for b.Loop() {
						sum = sumOf(b, e, q, expr, step)
					}
					b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
					if want == 0 {
						want = sum
					}
					if math.Abs(sum-want) > 1e-9*want {
						b.Errorf("sum %v, from samples %v", sum, want)
					}
				})
			}
		}
	}
}

// cpuTime is what the process has used of it.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sumOf is the sum of all points of the answer.
func sumOf(b *testing.B, e *Engine, q *queryable.Queryable, expr string, step time.Duration) (sum float64) {
	query, err := e.NewRangeQuery(b.Context(), q, nil, expr, time.Unix(24*3600, 0), time.Unix(365*24*3600, 0), step)
	if err != nil {
		b.Fatal(err)
	}
	defer query.Close()
	m, err := query.Exec(b.Context()).Matrix()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range m {
		for _, p := range s.Floats {
			sum += p.F
		}
	}
	return sum
}
