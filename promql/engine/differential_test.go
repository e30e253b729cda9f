package engine

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// differ evaluates range queries both as a whole and split, and compares.
type differ struct {
	t     *testing.T
	whole *prom.Engine
	split *Engine
	suite *Engine // Answers the suite, which expects names to be dropped late.

	asked, splits int
}

func newDiffer(t *testing.T, delayedNames bool) *differ {
	opts := prom.EngineOpts{
		MaxSamples:               5_000_000,
		Timeout:                  100 * time.Second,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnablePerStepStats:       true,
		EnableDelayedNameRemoval: delayedNames,
		UseStartTimestamps:       true,
		Parser:                   parser.NewParser(promqltest.TestParserOpts),
	}
	e := New(opts, 3, 10, NewMetrics(nil))
	e.ForceParts = true
	return &differ{t: t, whole: prom.NewEngine(opts), split: e, suite: suiteEngine(t, 1, 5_000_000)}
}

// NewInstantQuery compares range queries of the same expression, then answers
// the question.
func (d *differ) NewInstantQuery(ctx context.Context, q storage.Queryable, opts prom.QueryOpts, qs string, ts time.Time) (prom.Query, error) {
	d.compare(ctx, q, qs, ts.Add(-20*time.Minute), ts.Add(20*time.Minute), time.Minute)
	d.compare(ctx, q, qs, time.Unix(0, 0), time.Unix(7000, 0), 150*time.Second)
	return d.suite.NewInstantQuery(ctx, q, opts, qs, ts)
}

func (d *differ) NewRangeQuery(ctx context.Context, q storage.Queryable, opts prom.QueryOpts, qs string, start, end time.Time, step time.Duration) (prom.Query, error) {
	d.compare(ctx, q, qs, start, end.Add(40*step), step)
	return d.suite.NewRangeQuery(ctx, q, opts, qs, start, end, step)
}

func (d *differ) compare(ctx context.Context, q storage.Queryable, qs string, start, end time.Time, step time.Duration) {
	d.t.Helper()
	opts := prom.NewPrometheusQueryOpts(true, 0)
	a, errA := d.whole.NewRangeQuery(ctx, q, opts, qs, start, end, step)
	b, errB := d.split.NewRangeQuery(ctx, q, opts, qs, start, end, step)
	if fmt.Sprint(errA) != fmt.Sprint(errB) {
		d.t.Errorf("%s: whole %v, split %v", qs, errA, errB)
	}
	if errA != nil || errB != nil {
		return
	}
	defer a.Close()
	defer b.Close()
	d.asked++
	if b.(*query).split == nil {
		return
	}
	ra, rb := a.Exec(ctx), b.Exec(ctx)
	d.splits++
	if diff := compareResults(ra, rb); diff != "" {
		d.t.Errorf("%s from %d to %d step %v (-whole +split):\n%s", qs, start.Unix(), end.Unix(), step, diff)
		return
	}
	if ra.Err != nil {
		return
	}
	sa, sb := a.Stats().Samples, b.Stats().Samples
	if sa.TotalSamples != sb.TotalSamples || !slices.Equal(sa.TotalSamplesPerStep, sb.TotalSamplesPerStep) {
		d.t.Errorf("%s: whole read %d samples, split %d: %v", qs, sa.TotalSamples, sb.TotalSamples, cmp.Diff(sa.TotalSamplesPerStep, sb.TotalSamplesPerStep))
	}
}

func compareResults(a, b *prom.Result) string {
	if (a.Err == nil) != (b.Err == nil) {
		return fmt.Sprintf("-%v\n+%v", a.Err, b.Err)
	}
	if a.Err != nil {
		return ""
	}
	// What an annotation counts, like the ranges it merges, may differ; its
	// identity may not.
	if diff := cmp.Diff(keys(a.Warnings), keys(b.Warnings)); diff != "" {
		return diff
	}
	return cmp.Diff(append(prom.Matrix{}, a.Value.(prom.Matrix)...), append(prom.Matrix{}, b.Value.(prom.Matrix)...),
		cmp.Comparer(func(x, y labels.Labels) bool { return labels.Equal(x, y) }),
		cmp.Comparer(nearlyEqual),
		cmp.Comparer(func(x, y *histogram.FloatHistogram) bool { return histogramsEqual(x, y) }),
		cmp.Transformer("nil", func(p []prom.FPoint) []prom.FPoint { return append([]prom.FPoint{}, p...) }),
		cmp.Transformer("nil", func(p []prom.HPoint) []prom.HPoint { return append([]prom.HPoint{}, p...) }),
	)
}

func keys(m map[string]error) []string {
	list := []string{}
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// nearlyEqual allows what comes from adding the same numbers in another order.
func nearlyEqual(x, y float64) bool {
	if math.IsNaN(x) || math.IsNaN(y) {
		return math.IsNaN(x) && math.IsNaN(y)
	}
	return x == y || math.Abs(x-y) <= 1e-11*max(math.Abs(x), math.Abs(y))
}

func histogramsEqual(x, y *histogram.FloatHistogram) bool {
	if x == nil || y == nil {
		return x == y
	}
	x, y = x.Copy().Compact(0), y.Copy().Compact(0)
	if x.CounterResetHint != y.CounterResetHint {
		return false
	}
	return cmp.Equal(x, y, cmp.Comparer(nearlyEqual))
}

// TestSplitOfSuite evaluates every expression of Prometheus' suite, over the
// suite's own samples, as range queries both ways.
func TestSplitOfSuite(t *testing.T) {
	for name, delayed := range map[string]bool{"names dropped at once": false, "names dropped late": true} {
		t.Run(name, func(t *testing.T) {
			d := newDiffer(t, delayed)
			promqltest.RunBuiltinTestsWithStorage(t, d, newMemoryStorage)
			t.Logf("%d range queries, %d of them split", d.asked, d.splits)
			if d.splits < 1000 {
				t.Errorf("only %d of %d queries were split", d.splits, d.asked)
			}
		})
	}
}

// TestSplitOfRandomQueries compares random expressions over random samples with
// gaps, resets, staleness markers, floats and histograms.
func TestSplitOfRandomQueries(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	d := newDiffer(t, false)
	m := randomMemory(rng)
	q := queryable.New(m, series.DefaultTenant, 0)
	for range 1500 {
		start := time.UnixMilli(rng.Int64N(3 * 3600 * 1000))
		step := time.Duration(1+rng.IntN(300_000)) * time.Millisecond
		steps := 16 + rng.IntN(100)
		qs := randomExpr(rng, 3)
		d.compare(t.Context(), q, qs, start, start.Add(time.Duration(steps)*step), step)
	}
	t.Logf("%d range queries, %d of them split", d.asked, d.splits)
	if d.splits < 300 {
		t.Errorf("only %d of %d queries were split", d.splits, d.asked)
	}
}

// randomMemory holds six hours of a few metrics.
func randomMemory(rng *rand.Rand) *seriestest.Memory {
	m := &seriestest.Memory{}
	for _, metric := range []string{"c_total", "g", "h", "i"} {
		for i := range 6 {
			ls := labels.FromStrings("__name__", metric, "a", fmt.Sprint(i%3), "b", fmt.Sprint(i))
			appendRandom(m, ls, rng)
		}
	}
	return m
}

func appendRandom(m *seriestest.Memory, ls labels.Labels, rng *rand.Rand) {
	b := &series.Batch{}
	e := series.Entry{Key: series.AppendKey(nil, ls)}
	from, to := rng.Int64N(6*3600_000), rng.Int64N(6*3600_000)
	sum := 0.0
	for t := min(from, to); t < max(from, to); t += 10_000 + rng.Int64N(20_000) {
		switch rng.IntN(60) {
		case 0:
			t += rng.Int64N(1200_000)
		case 1:
			sum = 0
		}
		sum += math.Round(rng.Float64() * 100)
		switch {
		case rng.IntN(80) == 0:
			b.Samples = append(b.Samples, series.Sample{T: t, V: math.Float64frombits(value.StaleNaN)})
			e.Samples++
		case ls.Get("__name__") == "h" || ls.Get("__name__") == "i" && rng.IntN(2) == 0:
			b.Histograms = append(b.Histograms, series.Histogram{T: t, H: &histogram.Histogram{
				Count: uint64(3 * sum), Sum: sum, Schema: 1, ZeroThreshold: 0.001, ZeroCount: uint64(sum),
				PositiveSpans: []histogram.Span{{Offset: 0, Length: 1}}, PositiveBuckets: []int64{int64(2 * sum)},
			}})
			e.Histograms++
		default:
			b.Samples = append(b.Samples, series.Sample{T: t, V: sum})
			e.Samples++
		}
	}
	b.Entries = append(b.Entries, e)
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		panic(err)
	}
}

func randomExpr(rng *rand.Rand, depth int) string {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	selector := func() string {
		return pick("c_total", "g", "h", "i") + pick("", `{a="1"}`, `{b!="2"}`) + pick("", "", "", " offset 3m", " offset -2m")
	}
	matrix := func() string {
		name, offset, _ := strings.Cut(selector(), " ")
		return name + pick("[1m]", "[5m]", "[10m]") + " " + offset
	}
	if depth == 0 {
		return pick(selector(), selector(), "1", "time()", "rate("+matrix()+")")
	}
	inner := func() string { return randomExpr(rng, depth-1) }
	vector := func() string {
		return pick(
			selector(), "rate("+matrix()+")", "increase("+matrix()+")", "max_over_time("+matrix()+")",
			"avg_over_time("+matrix()+")", "count_over_time("+matrix()+")", "delta("+matrix()+")", "resets("+matrix()+")",
			"last_over_time("+matrix()+")", "quantile_over_time(0.3, "+matrix()+")",
			"sum by (a) ("+selector()+")", "timestamp("+selector()+")")
	}
	switch rng.IntN(14) {
	case 0:
		return fmt.Sprintf("%s %s (a) (%s)", pick("sum", "avg", "max", "count", "stddev", "group"), pick("by", "without"), vector())
	case 1:
		return fmt.Sprintf("%s %s on (a, b) %s", vector(), pick("+", "/", "and", "or", "unless", "> bool"), vector())
	case 2:
		return fmt.Sprintf("(%s) %s %s", vector(), pick("+", "*", ">", "=="), pick("1", "100", "time()"))
	case 3:
		return fmt.Sprintf("%s(2, %s)", pick("topk", "bottomk", "quantile", "limitk"), vector())
	case 4:
		return fmt.Sprintf("max_over_time((%s)[5m:%s])", vector(), pick("1m", "37s", ""))
	case 5:
		return fmt.Sprintf("absent(%s)", vector())
	case 6:
		return fmt.Sprintf("absent_over_time(%s)", matrix())
	case 7:
		return fmt.Sprintf("histogram_quantile(0.9, %s)", vector())
	case 8:
		return fmt.Sprintf("histogram_count(%s)", vector())
	case 9:
		return fmt.Sprintf("-%s", vector())
	case 10:
		return fmt.Sprintf("sort(%s)", vector())
	case 11:
		return fmt.Sprintf("clamp_max(%s, scalar(sum(%s)))", vector(), selector())
	case 12:
		return fmt.Sprintf("count_values(\"v\", round(%s, 100))", vector())
	default:
		return inner()
	}
}
