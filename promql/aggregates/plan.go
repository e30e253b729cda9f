package aggregates

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/promql/queryable"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Plan is what the selectors of one query are answered from. The
// methods of nil do nothing: all is answered from samples.
type Plan struct {
	substitutions *queryable.Substitutions
	tenant        series.Tenant
	selectors     []*selector
	choices       []*queryable.Choice // One a selector.
	counted       *prometheus.CounterVec
}

// NewPlan chooses what the selectors of a statement are answered from, and
// changes it accordingly. m, which may be nil, are the query's substitutions;
// subqueryStep is that of subqueries that name none; starts says that start
// timestamps count as samples of counters. counted counts selectors by what
// answers them. It must be called once, right before the query runs: so what is
// kept is known as of then.
func NewPlan(ctx context.Context, s parser.Statement, m *queryable.Substitutions, subqueryStep time.Duration, starts bool, counted *prometheus.CounterVec) (*Plan, error) {
	stmt, ok := s.(*parser.EvalStmt)
	if !ok || m == nil {
		return nil, nil
	}
	tenant, err := queryable.TenantOf(ctx, m.Fallback)
	if err != nil {
		return nil, err
	}
	limit := resolutionLimitOf(ctx).of(stmt.Interval)
	p := &Plan{substitutions: m, tenant: tenant, counted: counted}
	p.selectors = survey(stmt, subqueryStep, starts)
	for _, s := range p.selectors {
		c, err := choose(s, p.known(s), limit)
		if err != nil {
			return nil, err
		}
		p.choices = append(p.choices, c)
	}
	p.Apply(stmt)
	return p, nil
}

// Choices are what the selectors are answered from, in the order of
// parser.Inspect.
func (p *Plan) Choices() []*queryable.Choice { return p.choices }

func (p *Plan) known(s *selector) []aggregate.Resolution {
	return p.substitutions.Source.Resolutions(p.tenant, s.query())
}

// Apply changes a statement of the query, or of a part of its range.
func (p *Plan) Apply(s parser.Statement) {
	if stmt, ok := s.(*parser.EvalStmt); ok && p != nil {
		rewrite(p.substitutions, stmt, p.choices)
	}
}

// Finish adds what is to be said of the answer. A query during which samples
// that it may have asked for were dropped is an error.
func (p *Plan) Finish(res *prom.Result) *prom.Result {
	if p == nil || res.Err != nil {
		return res
	}
	for i, c := range p.choices {
		s := p.selectors[i]
		for _, r := range p.known(s) {
			if r.SamplesDropped && r.Millis > c.DroppedBelow && r.Millis > c.Resolution {
				return &prom.Result{Err: queryable.SourceError(errReplaced), Warnings: res.Warnings}
			}
		}
		p.counted.WithLabelValues(c.Kind()).Inc()
		if c.Approximate {
			res.Warnings.Add(warning(c, s))
		}
	}
	return res
}

type resolutionKey struct{}

// WithLimit returns a context whose query takes aggregates as l says.
func WithLimit(ctx context.Context, l Limit) context.Context {
	return context.WithValue(ctx, resolutionKey{}, l)
}

func resolutionLimitOf(ctx context.Context) Limit {
	l, _ := ctx.Value(resolutionKey{}).(Limit)
	return l
}
