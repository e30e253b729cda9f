package engine

import (
	"context"
	"sync"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"herringbone/promql/aggregates"
	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// Explanation gathers what the engine does with one query. It travels in the
// context of the request; the methods of nil do nothing.
type Explanation struct {
	mu        sync.Mutex // Guards what follows.
	expr      parser.Expr
	start     time.Time
	end       time.Time
	step      time.Duration       // 0: an instant query.
	selectors []*series.Trace     // In the order of parser.Inspect.
	others    *series.Trace       // Selects of functions such as info.
	choices   []*queryable.Choice // One a selector; nil: there are no aggregates.

	parts   int
	whole   string // Why it was not evaluated in parts; "": it was.
	waited  time.Duration
	took    time.Duration
	samples int64 // That the engine looked at.
	peak    int64 // That it held at once.

	resultSeries, resultPoints int
	warnings, infos            []string
}

type explanationKey struct{}

// WithExplanation returns a context whose query gathers into x.
func WithExplanation(ctx context.Context, x *Explanation) context.Context {
	return context.WithValue(ctx, explanationKey{}, x)
}

func explanationOf(ctx context.Context) *Explanation {
	x, _ := ctx.Value(explanationKey{}).(*Explanation)
	return x
}

// watch returns a Queryable whose Selects are gathered. Only ours can be.
func (x *Explanation) watch(q storage.Queryable) storage.Queryable {
	own, ok := q.(*queryable.Queryable)
	if x == nil || !ok {
		return q
	}
	return own.Traced(x.trace)
}

// describe takes the query as the engine evaluates it.
func (x *Explanation) describe(s parser.Statement) {
	stmt, ok := s.(*parser.EvalStmt)
	if x == nil || !ok {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expr, x.start, x.end, x.step = stmt.Expr, stmt.Start, stmt.End, stmt.Interval
	x.selectors, x.others, x.parts = nil, &series.Trace{}, 1
	parser.Inspect(stmt.Expr, func(n parser.Node, _ []parser.Node) error {
		if _, ok := n.(*parser.VectorSelector); ok {
			x.selectors = append(x.selectors, &series.Trace{})
		}
		return nil
	})
}

// trace returns where the n-th Select of a querier is gathered: the engine asks
// for its selectors in the order of parser.Inspect.
func (x *Explanation) trace(n int) *series.Trace {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n < len(x.selectors) {
		return x.selectors[n]
	}
	return x.others
}

// choose says what the selectors are answered from.
func (x *Explanation) choose(p *aggregates.Plan) {
	if x == nil || p == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.choices = p.Choices()
}

// unsplit says why the query is evaluated as a whole.
func (x *Explanation) unsplit(why string) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = why
}

// split says that the query is evaluated in parts.
func (x *Explanation) split(parts int) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.parts, x.whole = parts, ""
}

// finish takes the result's measures and drops the result: nobody wants it.
func (x *Explanation) finish(q *query, res *prom.Result, waited, took time.Duration) *prom.Result {
	if x == nil || res.Err != nil {
		return res
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waited, x.took = waited, took
	if s := q.Stats().Samples; s != nil {
		x.samples, x.peak = s.TotalSamples, int64(s.PeakSamples)
	}
	switch v := res.Value.(type) {
	case prom.Matrix:
		x.resultSeries, x.resultPoints = len(v), v.TotalSamples()
	case prom.Vector:
		x.resultSeries, x.resultPoints = len(v), len(v)
	default:
		x.resultPoints = 1
	}
	const most = 10 // As web/api/v1.
	x.warnings, x.infos = res.Warnings.AsStrings(q.String(), most, most)
	return &prom.Result{Value: prom.Matrix{}}
}
