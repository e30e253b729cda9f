package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"

	"herringbone/promql/queryable"
	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

func TestIndependent(t *testing.T) {
	p := parser.NewParser(promqltest.TestParserOpts)
	tests := map[string]struct {
		ok     bool
		window time.Duration
	}{
		"1":           {ok: true},
		"time()":      {ok: true},
		"x":           {ok: true},
		"-x":          {ok: true},
		"x offset 1h": {ok: true},
		"rate(x[5m])": {ok: true, window: 5 * time.Minute},
		"sum by (a) (rate(x[5m]) / on (a) group_left avg_over_time(y[1h]))": {ok: true, window: time.Hour},
		"max_over_time(rate(x[5m])[30m:1m])":                                {ok: true, window: 35 * time.Minute},
		"topk(3, x)":                                                        {ok: true},
		"topk(3, (rate(x[5m])))":                                            {ok: true, window: 5 * time.Minute},
		"x or y":                                                            {ok: true},
		"absent_over_time(x[5m])":                                           {ok: true, window: 5 * time.Minute},
		"histogram_quantile(0.9, sum by (le) (rate(x[5m])))":                {ok: true, window: 5 * time.Minute},

		"x @ 100":                             {},
		"x @ start()":                         {},
		"rate(x[5m] @ end())":                 {},
		"max_over_time(x[5m:1m] @ end())":     {},
		"start()":                             {},
		"x + end()":                           {},
		"x > range()":                         {},
		"x * step()":                          {},
		"x offset (range() / 2)":              {},
		"rate(x[range()])":                    {},
		"rate(x[step() + 1m])":                {},
		"max_over_time(x[5m:range() / 10])":   {},
		"info(x)":                             {},
		`label_replace(x, "a", "b", "c", "")`: {},
		`label_join(x, "a", "b", "c")`:        {},
		"limitk(1, x)":                        {},
		"limit_ratio(0.1, x)":                 {},
		"topk(3, sum by (a) (x))":             {},
		"bottomk(3, x or y)":                  {},
		"topk(3, absent_over_time(x[5m]))":    {},
		`{job="x"}`:                           {},
		`{__name__=~"x|y"}`:                   {},
		"sum by (__name__) (x)":               {},
		"x + on (__name__) y":                 {},
		"x + fill(0) y":                       {},
		"rate(x[5m] smoothed)":                {},
		"rate(x[5m] anchored)":                {},
		"rate((x or y)[5m:1m])":               {},
		`x{__name__=""} or y`:                 {},
	}
	for text, tt := range tests {
		expr, err := p.ParseExpr(text)
		if err != nil {
			if text == `x{__name__=""} or y` {
				continue // The parser refuses it, as it should.
			}
			t.Errorf("%s: %v", text, err)
			continue
		}
		if window, ok := independent(expr, false); ok != tt.ok || ok && window != tt.window {
			t.Errorf("%s: %v %v, want %v %v", text, ok, window, tt.ok, tt.window)
		}
	}
	or, err := p.ParseExpr("x or y")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := independent(or, true); ok {
		t.Error("x or y, with names dropped late, is split")
	}
}

// TestCut: the spans hold each step once, in order, and are of about one size.
func TestCut(t *testing.T) {
	for _, start := range []int64{0, -90_000, 1_700_000_000_123} {
		for _, step := range []int64{1, 15_000, 37} {
			for steps := int64(2); steps < 40; steps++ {
				for n := 2; n <= 4 && int64(n) <= steps; n++ {
					rest := step / 2 // The end need not be a step.
					end := start + (steps-1)*step + rest
					at := start
					for _, s := range cut(time.UnixMilli(start), time.UnixMilli(end), time.Duration(step)*time.Millisecond, n) {
						size := int64(0)
						if s.start.UnixMilli() != at {
							t.Fatalf("span starts at %d, want %d", s.start.UnixMilli(), at)
						}
						for ; at <= s.end.UnixMilli(); at += step {
							size++
						}
						if s.end.UnixMilli() != at-step || size < steps/int64(n) || size > steps/int64(n)+1 {
							t.Fatalf("%d steps in %d: a span of %d up to %d", steps, n, size, s.end.UnixMilli())
						}
					}
					if at <= end {
						t.Fatalf("steps from %d on are missing", at)
					}
				}
			}
		}
	}
}

func TestWorthSplitting(t *testing.T) {
	tests := map[string]struct {
		query string
		steps int
		step  time.Duration
		want  int
	}{
		"long":                        {"x", 100, time.Minute, 4},
		"few steps":                   {"x", 15, time.Minute, 0},
		"steps for two":               {"x", 16, time.Minute, 2},
		"steps for three":             {"x", 31, time.Minute, 3},
		"shorter than the lookback":   {"x", 100, time.Second, 0},
		"window as wide as the range": {"rate(x[100m])", 100, time.Minute, 0},
		"window of a third":           {"rate(x[25m])", 100, time.Minute, 3},
		"dependent":                   {"x @ end()", 100, time.Minute, 0},
	}
	e := suiteEngine(t, 4, 1000)
	for name, tt := range tests {
		end := time.Unix(0, 0).Add(time.Duration(tt.steps-1) * tt.step)
		q, err := e.NewRangeQuery(t.Context(), queryable.New(&seriestest.Memory{}, "default", 0), nil, tt.query, time.Unix(0, 0), end, tt.step)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if s := q.(*query).split; s != nil {
			got = s.most
		}
		if got != tt.want {
			t.Errorf("%s: %d parts, want %d", name, got, tt.want)
		}
	}
}

func TestJoinMatrices(t *testing.T) {
	part := func(from int64, metrics ...string) prom.Matrix {
		var m prom.Matrix
		for _, name := range metrics {
			m = append(m, prom.Series{
				Metric:     labels.FromStrings("__name__", name),
				Floats:     []prom.FPoint{{T: from, F: 1}, {T: from + 1, F: 2}},
				Histograms: append(make([]prom.HPoint, 0, 8), prom.HPoint{T: from + 2}), // With capacity that is not join's.
			})
		}
		return m
	}
	parts := []prom.Matrix{part(0, "b", "c"), part(10, "a", "c"), part(20, "a", "b", "c", "d"), nil}
	original := fmt.Sprint(parts)
	got := map[string]string{}
	last := ""
	for _, s := range joinMatrices(append([]prom.Matrix{}, parts...)) {
		name := s.Metric.Get("__name__")
		if name <= last {
			t.Errorf("%s after %s", name, last)
		}
		last = name
		var times []int64
		for _, p := range s.Floats {
			times = append(times, p.T)
		}
		for _, p := range s.Histograms {
			times = append(times, p.T)
		}
		got[name] = fmt.Sprint(times)
	}
	want := map[string]string{
		"a": "[10 11 20 21 12 22]",
		"b": "[0 1 20 21 2 22]",
		"c": "[0 1 10 11 20 21 2 12 22]",
		"d": "[20 21 22]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if now := fmt.Sprint(parts); now != original {
		t.Errorf("the parts were changed:\n%s\n%s", original, now)
	}
	if h := parts[0][1].Histograms[:2]; h[1].T != 0 {
		t.Errorf("the capacity behind a part's histograms was used: %v", h)
	}
}

func rangeQuery(tb testing.TB, e *Engine, source series.Source, text string) *query {
	tb.Helper()
	q, err := e.NewRangeQuery(tb.Context(), queryable.New(source, "default", 0), nil, text, time.Unix(0, 0), time.Unix(7200, 0), time.Minute)
	if err != nil {
		tb.Fatal(err)
	}
	if q.String() != text || q.Statement().String() == "" {
		tb.Errorf("%s: is %s, %s", text, q, q.Statement())
	}
	return q.(*query)
}

// TestShareOfSampleLimit: what is within the limit as a whole is answered, even
// if a part needs more than its share, and what is beyond fails.
func TestShareOfSampleLimit(t *testing.T) {
	m := &seriestest.Memory{}
	b := &series.Batch{Entries: []series.Entry{{Key: series.AppendKeyLabel(nil, "__name__", "x"), Samples: 60}}}
	for i := range 60 {
		b.Samples = append(b.Samples, series.Sample{T: 7_150_000 + int64(i)*500}) // All of it in the last part.
	}
	if _, err := m.Append(t.Context(), series.DefaultTenant, b); err != nil {
		t.Fatal(err)
	}
	for limit, fits := range map[int]bool{70: true, 30: false} {
		e := suiteEngine(t, 2, limit)
		q := rangeQuery(t, e, m, "count_over_time(x[1m])")
		res := q.Exec(t.Context())
		var samples prom.ErrTooManySamples
		if fits != (res.Err == nil) || !fits && !errors.As(res.Err, &samples) {
			t.Errorf("limit %d: %v", limit, res.Err)
		}
		if testutil.ToFloat64(e.Metrics.splitUndone) != 1 || testutil.ToFloat64(e.Metrics.Split) != 0 {
			t.Errorf("limit %d: %v undone, %v split", limit, testutil.ToFloat64(e.Metrics.splitUndone), testutil.ToFloat64(e.Metrics.Split))
		}
		q.Close()
	}
}

func TestSplitErrors(t *testing.T) {
	w := sourcetest.NewWitness(t, "x")
	w.FailRead = fmt.Errorf("file 7: %w", series.ErrCorrupt)
	q := rangeQuery(t, suiteEngine(t, 3, 1000), w, "x")
	defer q.Close()
	if res := q.Exec(t.Context()); !errors.Is(res.Err, series.ErrCorrupt) {
		t.Errorf("got %v", res.Err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q = rangeQuery(t, suiteEngine(t, 3, 1000), sourcetest.NewWitness(t, "x"), "x")
	var canceled prom.ErrQueryCanceled
	if res := q.Exec(ctx); !errors.As(res.Err, &canceled) {
		t.Errorf("context ended: %v", res.Err)
	}
	q = rangeQuery(t, suiteEngine(t, 3, 1000), sourcetest.NewWitness(t, "x"), "x")
	q.Cancel()
	if res := q.Exec(t.Context()); !errors.As(res.Err, &canceled) {
		t.Errorf("canceled: %v", res.Err)
	}
}

// TestPanicOfAPart must arrive where a server can recover it.
func TestPanicOfAPart(t *testing.T) {
	q := rangeQuery(t, suiteEngine(t, 3, 1000), panicking{}, "x")
	defer func() {
		if p := recover(); p != "BUG: test" {
			t.Errorf("panic %v", p)
		}
	}()
	q.Exec(t.Context())
}

// panicking breaks where the engine does not recover: at the end, in Close.
type panicking struct{ series.Source }

func (panicking) Select(context.Context, series.Tenant, series.Query) (series.Set, error) {
	return panickingSet{}, nil
}

type panickingSet struct{ series.Set }

func (panickingSet) Next() bool   { return false }
func (panickingSet) Err() error   { return nil }
func (panickingSet) Close() error { panic("BUG: test") }

// TestSplitOnlyOnIdleCores: with other queries running, a query is one of them.
func TestSplitOnlyOnIdleCores(t *testing.T) {
	e := suiteEngine(t, 4, 1000)
	e.ForceParts = false
	for running, want := range map[int]float64{1: 1, 1000: 0} {
		before := testutil.ToFloat64(e.Metrics.Split)
		q := rangeQuery(t, e, sourcetest.NewWitness(t, "x"), "x")
		q.split.exec(t.Context(), q.Query, running, nil, nil)
		if got := testutil.ToFloat64(e.Metrics.Split) - before; got != min(want, float64(cores()-1)) {
			t.Errorf("%d running: split %v", running, got)
		}
		q.Close()
	}
}

func TestQueueEndsWithTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := suiteEngine(t, 1, 1000)
		e.gate = newGate(1)
		e.timeout = time.Minute
		if _, err := e.gate.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		q, err := e.NewInstantQuery(t.Context(), queryable.New(&seriestest.Memory{}, "default", 0), nil, "1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var timeout prom.ErrQueryTimeout
		if res := q.Exec(t.Context()); !errors.As(res.Err, &timeout) || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), res.Err)
		}
		e.gate.leave()
		if running, err := e.gate.enter(t.Context()); running != 1 || err != nil {
			t.Errorf("the slot was not given back: %d %v", running, err)
		}
	})
}

func cores() int { return runtime.GOMAXPROCS(0) }
