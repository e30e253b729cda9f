package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/stats"

	"herringbone/promql/aggregates"
	"herringbone/promql/queryable"
)

// minSteps is how many steps a part must have to be worth the second look at
// the index.
const minSteps = 8

// split is a range query that may be evaluated in parts: consecutive ranges of
// steps, at the same time, each by an engine with its share of the sample
// limit. If a part reaches its share, the whole is evaluated instead, so the
// limit means what it means without a split.
type split struct {
	engine    *Engine
	queryable storage.Queryable
	opts      prom.QueryOpts
	text      string
	start     time.Time
	end       time.Time
	step      time.Duration
	most      int // Parts.

	parts   []prom.Query
	samples *stats.QuerySamples // Of all parts; nil if the whole was evaluated.
}

// errShortRange says, for people, why a range is evaluated as a whole.
var errShortRange = errors.New("the range is too short: parts would be a few steps, or mostly read the same samples again")

// newSplit returns an error that says why if the query cannot be split or is not
// worth it.
func newSplit(e *Engine, expr parser.Expr, q storage.Queryable, opts prom.QueryOpts, text string, start, end time.Time, step time.Duration) (*split, error) {
	window, err := dependence(expr, e.lateNames)
	if err != nil {
		return nil, err
	}
	if !plainTime(start) || !plainTime(end) {
		return nil, aggregates.ErrFarTime
	}
	lookback := e.lookback(opts)
	most := e.Parts
	if steps := int(end.Sub(start)/step) + 1; steps/minSteps < most {
		most = steps / minSteps
	}
	// Each part reads its own window before its first step. Parts shorter than
	// that would mostly read the same samples again.
	for most > 1 && end.Sub(start)/time.Duration(most) < window+lookback {
		most--
	}
	if most < 2 {
		return nil, errShortRange
	}
	return &split{engine: e, queryable: q, opts: opts, text: text, start: start, end: end, step: step, most: most}, nil
}

func (e *Engine) lookback(opts prom.QueryOpts) time.Duration {
	if opts != nil && opts.LookbackDelta() > 0 {
		return opts.LookbackDelta()
	}
	return e.lookbackDelta
}

// plainTime reports whether t is so near that the engine's arithmetic on
// nanoseconds holds.
func plainTime(t time.Time) bool {
	const years = 200 * 365 * 24 * 60 * 60
	s := t.Unix()
	return -years < s && s < years
}

// span is a range of steps, both ends included.
type span struct{ start, end time.Time }

// cut divides the steps start, start+step, … end into n spans that differ by at
// most one step.
func cut(start, end time.Time, step time.Duration, n int) []span {
	const ms = int64(time.Millisecond)
	first, width := start.UnixNano()/ms, int64(step)/ms
	steps := (end.UnixNano()/ms-first)/width + 1
	spans := make([]span, n)
	for i := range spans {
		from, to := steps*int64(i)/int64(n), steps*int64(i+1)/int64(n)-1
		spans[i] = span{time.UnixMilli(first + from*width).UTC(), time.UnixMilli(first + to*width).UTC()}
	}
	return spans
}

// exec evaluates in as many parts as there are cores left by the other running
// queries, or else the whole.
func (s *split) exec(ctx context.Context, whole prom.Query, running int, p *aggregates.Plan, x *Explanation) *prom.Result {
	n := min(s.most, runtime.GOMAXPROCS(0)+1-running)
	if s.engine.ForceParts {
		n = s.most
	}
	if n < 2 {
		x.unsplit("other queries keep the cores busy")
		return whole.Exec(ctx)
	}
	x.split(n)
	timers := whole.Stats().Timers
	stop := startTimers(timers, stats.ExecTotalTime, stats.EvalTotalTime, stats.InnerEvalTime)
	results, err := s.execParts(ctx, cut(s.start, s.end, s.step, n), p)
	stop()
	if err != nil {
		return &prom.Result{Err: err}
	}
	if reachedShare(results) {
		s.engine.Metrics.splitUndone.Inc()
		x.split(1)
		x.unsplit("a part reached its share of the sample limit; figures include the parts that were given up")
		s.close()
		return whole.Exec(ctx)
	}
	s.engine.Metrics.Split.Inc()
	defer startTimers(timers, stats.ExecTotalTime, stats.ResultSortTime)()
	s.samples = joinSamples(s.parts)
	return join(results)
}

// startTimers returns the function that stops them.
func startTimers(t *stats.QueryTimers, names ...stats.QueryTiming) func() {
	for _, name := range names {
		t.GetTimer(name).Start()
	}
	return func() {
		for _, name := range names {
			t.GetTimer(name).Stop()
		}
	}
}

// execParts evaluates one part in this goroutine and the others beside it. The
// first error ends them all. All are answered from the same aggregates.
func (s *split) execParts(ctx context.Context, spans []span, plan *aggregates.Plan) ([]*prom.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := s.queryable
	if q, ok := source.(*queryable.Queryable); ok {
		source = q.Share(s.engine.Parts)
	}
	for _, p := range spans {
		q, err := s.engine.part.NewRangeQuery(ctx, source, s.opts, s.text, p.start, p.end, s.step)
		if err != nil {
			return nil, err
		}
		plan.Apply(q.Statement())
		s.parts = append(s.parts, q)
	}
	results := make([]*prom.Result, len(s.parts))
	panics := make([]any, len(s.parts))
	var first sync.Once
	var failed *prom.Result
	run := func(i int) {
		defer func() {
			if panics[i] = recover(); panics[i] != nil {
				cancel()
			}
		}()
		results[i] = s.parts[i].Exec(ctx)
		if results[i].Err != nil {
			first.Do(func() { failed = results[i]; cancel() })
		}
	}
	var wg sync.WaitGroup
	for i := 1; i < len(results); i++ {
		wg.Go(func() { run(i) })
	}
	run(0)
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p) // In the caller's goroutine, where a server recovers it.
		}
	}
	if failed != nil {
		return []*prom.Result{failed}, nil
	}
	return results, nil
}

func reachedShare(results []*prom.Result) bool {
	var samples prom.ErrTooManySamples
	return errors.As(results[0].Err, &samples)
}

func (s *split) close() {
	for _, q := range s.parts {
		q.Close()
	}
	s.parts = nil
}

// joinSamples adds up the statistics of consecutive parts. What parts read
// twice, at their borders, counts twice.
func joinSamples(parts []prom.Query) *stats.QuerySamples {
	sum := *parts[0].Stats().Samples
	for _, q := range parts[1:] {
		s := q.Stats().Samples
		sum.TotalSamples += s.TotalSamples
		sum.SamplesRead += s.SamplesRead
		sum.PeakSamples += s.PeakSamples
		sum.TotalSamplesPerStep = append(sum.TotalSamplesPerStep, s.TotalSamplesPerStep...)
		sum.SamplesReadPerStep = append(sum.SamplesReadPerStep, s.SamplesReadPerStep...)
	}
	return &sum
}

// join puts the results of consecutive parts together.
func join(results []*prom.Result) *prom.Result {
	if results[0].Err != nil {
		return results[0]
	}
	var warnings annotations.Annotations
	parts := make([]prom.Matrix, len(results))
	for i, r := range results {
		warnings.Merge(r.Warnings)
		m, err := r.Matrix()
		if err != nil {
			return &prom.Result{Err: err, Warnings: warnings}
		}
		parts[i] = m
	}
	return &prom.Result{Value: joinMatrices(parts), Warnings: warnings}
}
