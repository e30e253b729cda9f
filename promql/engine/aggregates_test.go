package engine

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"

	"herringbone/promql/queryable"
	"herringbone/promql/sourcetest"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// downsampledMemory holds three days of a few metrics.
func downsampledMemory(rng *rand.Rand) *seriestest.Memory {
	m := &seriestest.Memory{}
	for _, metric := range []string{"c_total", "g", "n_total", "h", "i"} {
		for i := range 3 {
			ls := labels.FromStrings("__name__", metric, "a", fmt.Sprint(i%2), "b", fmt.Sprint(i))
			fillDownsampled(m, ls, rng)
		}
	}
	return m
}

func fillDownsampled(m *seriestest.Memory, ls labels.Labels, rng *rand.Rand) {
	b := &series.Batch{}
	metric := ls.Get("__name__")
	sum := rng.Float64() * 1000
	for t := rng.Int64N(12 * sourcetest.Hour); t < 3*24*sourcetest.Hour-rng.Int64N(6*sourcetest.Hour); t += 20_000 + rng.Int64N(40_000) {
		switch rng.IntN(200) {
		case 0:
			t += rng.Int64N(2 * sourcetest.Hour)
		case 1:
			sum = 0
		case 2:
			t = queryable.CeilTo(t, []int64{sourcetest.Minute * 5, sourcetest.Hour, sourcetest.Unit}[rng.IntN(3)])
		}
		sum += math.Round(rng.Float64()*1000) / 8
		switch {
		case rng.IntN(300) == 0:
			b.Samples = append(b.Samples, series.Sample{T: t, V: math.Float64frombits(value.StaleNaN)})
		case metric == "n_total" && rng.IntN(20) == 0:
			b.Samples = append(b.Samples, series.Sample{T: t, V: math.NaN()})
		case metric == "h", metric == "i" && t/sourcetest.Unit%3 == 1:
			b.Histograms = append(b.Histograms, series.Histogram{T: t, H: &histogram.Histogram{
				Count: uint64(3 * sum), Sum: sum, Schema: 1, ZeroThreshold: 0.001, ZeroCount: uint64(sum),
				PositiveSpans: []histogram.Span{{Offset: 0, Length: 1}}, PositiveBuckets: []int64{int64(2 * sum)},
			}})
		case metric == "g":
			b.Samples = append(b.Samples, series.Sample{T: t, V: math.Sin(sum) * 100})
		default:
			b.Samples = append(b.Samples, series.Sample{T: t, V: sum})
		}
	}
	slices.SortFunc(b.Samples, func(x, y series.Sample) int { return cmp.Compare(x.T, y.T) })
	b.Entries = []series.Entry{{Key: series.AppendKey(nil, ls), Samples: int32(len(b.Samples)), Histograms: int32(len(b.Histograms))}}
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		panic(err)
	}
}

func aggregateEngine(parts int, starts bool) *Engine {
	e := New(prom.EngineOpts{
		MaxSamples:               50_000_000,
		Timeout:                  100 * time.Second,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return sourcetest.Minute },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnablePerStepStats:       true,
		UseStartTimestamps:       starts,
		Parser:                   parser.NewParser(promqltest.TestParserOpts),
	}, parts, 10, NewMetrics(nil))
	e.ForceParts = true
	return e
}

// asked is one question.
type asked struct {
	expr       string
	start, end time.Time
	step       time.Duration // 0: instant, at start.
	aligned    bool          // Aggregates of 5 minutes must answer all of it.
}

func (a asked) query(t *testing.T, ctx context.Context, e *Engine, q *queryable.Queryable) *prom.Result {
	t.Helper()
	var query prom.Query
	var err error
	if a.step == 0 {
		query, err = e.NewInstantQuery(ctx, q, nil, a.expr, a.start)
	} else {
		query, err = e.NewRangeQuery(ctx, q, nil, a.expr, a.start, a.end, a.step)
	}
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	defer query.Close()
	res := query.Exec(ctx)
	switch v := res.Value.(type) { // Close takes the arrays back.
	case prom.Vector:
		m := prom.Matrix{}
		for _, s := range v {
			one := prom.Series{Metric: s.Metric}
			if s.H != nil {
				one.Histograms = []prom.HPoint{{T: s.T, H: s.H.Copy()}}
			} else {
				one.Floats = []prom.FPoint{{T: s.T, F: s.F}}
			}
			m = append(m, one)
		}
		slices.SortFunc(m, func(x, y prom.Series) int { return labels.Compare(x.Metric, y.Metric) })
		res.Value = m
	case prom.Matrix:
		m := prom.Matrix{}
		for _, s := range v {
			m = append(m, prom.Series{Metric: s.Metric, Floats: append([]prom.FPoint(nil), s.Floats...), Histograms: append([]prom.HPoint(nil), s.Histograms...)})
		}
		res.Value = m
	}
	return res
}

// randomQuestion asks with everything aligned to 5 minutes or an hour, or not.
func randomQuestion(rng *rand.Rand) asked {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	a := asked{aligned: rng.IntN(4) > 0}
	metric := pick("c_total", "g", "n_total", "h", "i")
	a.aligned = a.aligned && metric != "h" && metric != "i" && metric != "n_total" // Those may need samples.
	ranges, offsets, ats := []string{"5m", "10m", "1h", "2h", "6h"}, []string{"", "", " offset 5m", " offset 1h", " offset -2h"}, []string{"", "", "", " @ 90000", " @ start()"}
	steps, base := []time.Duration{5 * time.Minute, 10 * time.Minute, time.Hour}, pickInt(rng, 5*sourcetest.Minute, sourcetest.Hour)
	inner := []string{"5m", "10m", "1h"}
	if !a.aligned && rng.IntN(2) == 0 {
		ranges, offsets = append(ranges, "7m", "90s"), append(offsets, " offset 1s", " offset 7m")
		steps, base = append(steps, time.Minute, 7*time.Minute), pickInt(rng, 1, 1000, sourcetest.Minute)
		inner, ats = append(inner, "1m", "", "13m"), append(ats, " @ 90001")
	}
	selector := metric + pick("", `{a="1"}`, `{b!="2"}`)
	rest := pick(ats...) + pick(offsets...)
	matrix := selector + "[" + pick(ranges...) + "]" + rest
	expr := pick(selector+rest, "timestamp("+selector+rest+")")
	if rng.IntN(4) > 0 {
		expr = pick("rate", "increase", "delta", "count_over_time", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
			"last_over_time", "first_over_time", "present_over_time", "absent_over_time", "ts_of_first_over_time", "ts_of_last_over_time") + "(" + matrix + ")"
	}
	if !a.aligned && rng.IntN(5) == 0 {
		expr = pick("irate", "changes", "resets", "stddev_over_time", "deriv") + "(" + matrix + ")"
	}
	switch rng.IntN(8) {
	case 0:
		expr = pick("sum", "max", "avg", "count") + " by (a) (" + expr + ")"
	case 1:
		if !strings.HasPrefix(expr, "timestamp") { // Whose series come in no order, so that ties are random.
			expr = "topk(2, " + expr + ")"
		}
	case 2:
		expr = pick("max_over_time", "avg_over_time", "rate", "last_over_time") + "((" + expr + ")[" + pick("1h", "3h", "47m") + ":" + pick(inner...) + "]" + pick("", " offset 13m", " @ 100000") + ")"
	case 3:
		expr = "(" + expr + ") / on (b) group_left max by (b) (" + metric + ")"
	case 4:
		expr = "absent(" + expr + ")"
	}
	if strings.Contains(expr, ":") {
		a.aligned = false
	}
	a.expr = expr
	a.start = time.UnixMilli(queryable.FloorTo(rng.Int64N(3*24*sourcetest.Hour), base))
	if rng.IntN(5) > 0 {
		a.step = steps[rng.IntN(len(steps))]
		a.end = a.start.Add(time.Duration(rng.IntN(60)) * a.step).Add(time.Duration(rng.IntN(60)) * time.Second)
	}
	return a
}

func pickInt(rng *rand.Rand, of ...int64) int64 { return of[rng.IntN(len(of))] }

// TestAggregatesAnswerAsSamplesDo compares the answers to random questions over
// random samples, of which random parts are aggregated, with those of samples.
func TestAggregatesAnswerAsSamplesDo(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	plain, engines := aggregateEngine(1, false), []*Engine{aggregateEngine(1, false), aggregateEngine(3, false), aggregateEngine(1, true)}
	asked, used, aligned := 0, 0, 0
	for range 12 {
		m := downsampledMemory(rng)
		for _, known := range [][]aggregate.Resolution{{{Millis: 5 * sourcetest.Minute}}, {{Millis: 5 * sourcetest.Minute}, {Millis: sourcetest.Hour}}} {
			d := &sourcetest.Downsampled{Memory: m, Salt: rng.Uint64(), Share: 5 + uint64(rng.IntN(6)), Known: known}
			raw := queryable.New(m, series.DefaultTenant, 0)
			q := queryable.New(d, series.DefaultTenant, 0).WithAggregates(d)
			for range 80 {
				a, e := randomQuestion(rng), engines[rng.IntN(3)]
				d.Selects.Store(0)
				d.Buckets.Store(0)
				want := a.query(t, t.Context(), plain, raw)
				got := a.query(t, t.Context(), e, q)
				if diff := compareAggregated(want, got); diff != "" {
					t.Fatalf("%+v, resolutions %v (-samples +aggregates):\n%s", a, known, diff)
				}
				asked++
				if d.Buckets.Load() > 0 {
					used++
				}
				if a.aligned && !e.starts {
					aligned++
					if n := d.Selects.Load(); n != 0 {
						t.Errorf("%+v: %d selects of samples", a, n)
					}
				}
			}
		}
	}
	t.Logf("%d questions, %d answered with aggregates, %d of them aligned", asked, used, aligned)
	if used < asked/4 || aligned < asked/8 {
		t.Errorf("of %d questions only %d used aggregates, %d were aligned", asked, used, aligned)
	}
}

func compareAggregated(a, b *prom.Result) string {
	if (a.Err == nil) != (b.Err == nil) {
		return fmt.Sprintf("-%v\n+%v", a.Err, b.Err)
	}
	if a.Err != nil {
		return ""
	}
	if diff := gocmp.Diff(keys(a.Warnings), keys(b.Warnings)); diff != "" {
		return diff
	}
	near := func(x, y float64) bool {
		return nearlyEqual(x, y) || math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y), 1e-3)
	}
	return gocmp.Diff(a.Value, b.Value,
		gocmp.Comparer(func(x, y labels.Labels) bool { return labels.Equal(x, y) }),
		gocmp.Comparer(near),
		gocmp.Comparer(func(x, y *histogram.FloatHistogram) bool { return histogramsEqual(x, y) }),
	)
}

// TestHistogramsBeforeBuckets: a range that begins among histograms of a series
// and ends in its buckets. Whether the first of them follows a reset shows in the
// one before the range.
func TestHistogramsBeforeBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1)) // Any samples do.
	m := downsampledMemory(rng)
	d := &sourcetest.Downsampled{Memory: m, Share: 10, Known: []aggregate.Resolution{{Millis: 5 * sourcetest.Minute}}}
	plain, e := aggregateEngine(1, false), aggregateEngine(1, false)
	raw, q := queryable.New(m, series.DefaultTenant, 0), queryable.New(d, series.DefaultTenant, 0).WithAggregates(d)
	for from := range int64(60) {
		start := 5*sourcetest.Unit - (from+2)*5*sourcetest.Minute
		a := asked{expr: "first_over_time(i[5m])", start: time.UnixMilli(start), end: time.UnixMilli(5*sourcetest.Unit + sourcetest.Hour), step: 5 * time.Minute}
		if diff := compareAggregated(a.query(t, t.Context(), plain, raw), a.query(t, t.Context(), e, q)); diff != "" {
			t.Fatalf("%+v (-samples +aggregates):\n%s", a, diff)
		}
	}
	if d.Buckets.Load() == 0 {
		t.Error("no buckets were read")
	}
}
