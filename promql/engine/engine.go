package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/stats"

	"herringbone/promql/aggregates"
	"herringbone/promql/queryable"
)

// Engine is Prometheus' engine behind a gate, with range queries evaluated in
// parts where that is faster.
type Engine struct {
	whole   *prom.Engine
	part    *prom.Engine // As whole, with 1/parts of its sample limit.
	Parts   int          // At most so many parts; 1 is never split.
	parser  parser.Parser
	timeout time.Duration
	gate    *gate
	Metrics *Metrics

	lookbackDelta time.Duration
	subqueryStep  time.Duration // Of subqueries that name none.
	lateNames     bool          // Metric names are dropped at the end.
	starts        bool          // Start timestamps count as samples of counters.
	typed         bool          // Metrics have their type in a label.
	ForceParts    bool          // Split however few cores are idle; for tests.
}

var _ prom.QueryEngine = (*Engine)(nil)

// New makes an engine with opts, which leave the concurrency to gate.
func New(opts prom.EngineOpts, parts, concurrency int, m *Metrics) *Engine {
	partial := opts
	partial.MaxSamples = max(opts.MaxSamples/parts, 1)
	partial.FeatureRegistry = nil
	if reg := opts.Reg; reg != nil {
		opts.Reg = prometheus.WrapRegistererWith(prometheus.Labels{"engine": "whole"}, reg)
		partial.Reg = prometheus.WrapRegistererWith(prometheus.Labels{"engine": "part"}, reg)
	}
	m.limit.Set(float64(concurrency))
	queryable.RegisterRowFunctions()
	return &Engine{
		whole:   prom.NewEngine(opts),
		part:    prom.NewEngine(partial),
		Parts:   parts,
		parser:  opts.Parser,
		timeout: opts.Timeout,
		gate:    newGate(concurrency),
		Metrics: m,

		lookbackDelta: opts.LookbackDelta,
		subqueryStep:  time.Duration(opts.NoStepSubqueryIntervalFn(0)) * time.Millisecond,
		lateNames:     opts.EnableDelayedNameRemoval,
		starts:        opts.UseStartTimestamps,
		typed:         opts.EnableTypeAndUnitLabels,
	}
}

// NewInstantQuery implements promql.QueryEngine.
func (e *Engine) NewInstantQuery(ctx context.Context, q storage.Queryable, opts prom.QueryOpts, qs string, ts time.Time) (prom.Query, error) {
	x := explanationOf(ctx)
	q, m := e.substituted(x.watch(q))
	whole, err := e.whole.NewInstantQuery(ctx, q, opts, qs, ts)
	if err != nil {
		return nil, err
	}
	if err := checkSubqueries(whole.Statement(), e.subqueryStep); err != nil {
		return nil, err
	}
	x.describe(whole.Statement())
	x.unsplit("it is an instant query")
	return &query{Query: whole, engine: e, explain: x, substitutions: m}, nil
}

// NewRangeQuery implements promql.QueryEngine; the query may be evaluated in parts.
func (e *Engine) NewRangeQuery(ctx context.Context, q storage.Queryable, opts prom.QueryOpts, qs string, start, end time.Time, step time.Duration) (prom.Query, error) {
	if step < time.Millisecond {
		return nil, errTinyStep // The engine would divide by its zero milliseconds.
	}
	x := explanationOf(ctx)
	q, m := e.substituted(x.watch(q))
	whole, err := e.whole.NewRangeQuery(ctx, q, opts, qs, start, end, step)
	if err != nil {
		return nil, err
	}
	if err := checkSubqueries(whole.Statement(), e.subqueryStep); err != nil {
		return nil, err
	}
	query := &query{Query: whole, engine: e, explain: x, substitutions: m}
	x.describe(whole.Statement())
	x.unsplit("queries are not split, or there is one core")
	if expr, err := e.parser.ParseExpr(qs); err == nil && e.Parts > 1 {
		var dont error
		if query.split, dont = newSplit(e, expr, q, opts, qs, start, end, step); dont != nil && x != nil {
			x.unsplit(dont.Error())
		}
	}
	return query, nil
}

// substituted prepares a Queryable of ours for one query's substitutions; others
// have none.
func (e *Engine) substituted(q storage.Queryable) (storage.Queryable, *queryable.Substitutions) {
	if own, ok := q.(*queryable.Queryable); ok {
		return own.Substituted(e.typed)
	}
	return q, nil
}

// query is one query behind the gate.
type query struct {
	prom.Query    // The whole.
	engine        *Engine
	split         *split                   // nil: evaluate the whole.
	explain       *Explanation             // nil: nobody asks.
	substitutions *queryable.Substitutions // nil: there are no aggregates.

	mu       sync.Mutex // Guards the two.
	cancel   context.CancelFunc
	canceled bool
}

// Exec waits for a slot and evaluates, both within the engine's timeout.
func (q *query) Exec(ctx context.Context) *prom.Result {
	ctx, cancel := context.WithTimeout(ctx, q.engine.timeout)
	defer cancel()
	q.onCancel(cancel)

	begin := time.Now()
	running, err := q.enter(ctx)
	if err != nil {
		return &prom.Result{Err: err}
	}
	defer q.engine.gate.leave()
	waited := time.Since(begin)
	res := q.evaluate(ctx, running)
	return q.explain.finish(q, res, waited, time.Since(begin)-waited)
}

func (q *query) evaluate(ctx context.Context, running int) *prom.Result {
	p, err := aggregates.NewPlan(ctx, q.Query.Statement(), q.substitutions, q.engine.subqueryStep, q.engine.starts, q.engine.Metrics.selectors)
	if err != nil {
		return &prom.Result{Err: err}
	}
	q.explain.choose(p)
	res := q.run(ctx, running, p)
	return p.Finish(res)
}

func (q *query) run(ctx context.Context, running int, p *aggregates.Plan) *prom.Result {
	if q.split == nil {
		return q.Query.Exec(ctx)
	}
	return q.split.exec(ctx, q.Query, running, p, q.explain)
}

func (q *query) enter(ctx context.Context) (running int, err error) {
	timer, ctx := q.Query.Stats().Timers.GetSpanTimer(ctx, stats.ExecQueueTime)
	defer timer.Finish()
	q.engine.Metrics.waiting.Inc()
	defer q.engine.Metrics.waiting.Dec()
	running, err = q.engine.gate.enter(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = prom.ErrQueryTimeout("query queue")
	case errors.Is(err, context.Canceled):
		err = prom.ErrQueryCanceled("query queue")
	}
	return running, err
}

func (q *query) onCancel(cancel context.CancelFunc) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cancel = cancel
	if q.canceled {
		cancel()
	}
}

// Cancel ends a running Exec, or the next one.
func (q *query) Cancel() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.canceled = true
	if q.cancel != nil {
		q.cancel()
	}
}

// Stats are those of the evaluation, whether split or not.
func (q *query) Stats() *stats.Statistics {
	if q.split != nil && q.split.samples != nil {
		return &stats.Statistics{Timers: q.Query.Stats().Timers, Samples: q.split.samples}
	}
	return q.Query.Stats()
}

// Close recovers the memory of the result.
func (q *query) Close() {
	q.Query.Close()
	if q.split != nil {
		q.split.close()
	}
}
