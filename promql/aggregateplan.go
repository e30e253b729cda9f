package promql

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// withMarks returns a Queryable for one query, and where its selectors are
// marked; that is nil if there are no aggregates.
func withSubstitutions(q storage.Queryable, typed bool) (storage.Queryable, *substitutions) {
	own, ok := q.(*Queryable)
	if !ok || own.aggregates == nil {
		return q, nil
	}
	marked := *own
	marked.substitutions = &substitutions{source: own.aggregates, chosen: map[*labels.Matcher]*choice{}, typed: typed, fallback: own.fallback}
	return &marked, marked.substitutions
}

// aggregatePlan is what the selectors of one query are answered from. The
// methods of nil do nothing: all is answered from samples.
type aggregatePlan struct {
	substitutions *substitutions
	tenant        series.Tenant
	selectors     []*selector
	choices       []*choice // One a selector.
	metrics       *metrics
}

// plan chooses and changes the query's statement accordingly. It must be called
// once, right before the query runs: so what is kept is known as of then.
func (q *query) plan(ctx context.Context) (*aggregatePlan, error) {
	stmt, ok := q.Query.Statement().(*parser.EvalStmt)
	if !ok || q.substitutions == nil {
		return nil, nil
	}
	tenant, err := tenantOf(ctx, q.substitutions.fallback)
	if err != nil {
		return nil, err
	}
	limit := resolutionLimitOf(ctx).of(stmt.Interval)
	p := &aggregatePlan{substitutions: q.substitutions, tenant: tenant, metrics: q.engine.metrics}
	p.selectors = survey(stmt, q.engine.subqueryStep, q.engine.starts)
	for _, s := range p.selectors {
		c, err := choose(s, p.known(s), limit)
		if err != nil {
			return nil, err
		}
		p.choices = append(p.choices, c)
	}
	p.apply(stmt)
	return p, nil
}

func (p *aggregatePlan) known(s *selector) []aggregate.Resolution {
	return p.substitutions.source.Resolutions(p.tenant, s.query())
}

// apply changes a statement of the query, or of a part of its range.
func (p *aggregatePlan) apply(s parser.Statement) {
	if stmt, ok := s.(*parser.EvalStmt); ok && p != nil {
		p.substitutions.apply(stmt, p.choices)
	}
}

// finish adds what is to be said of the answer. A query during which samples
// that it may have asked for were dropped is an error.
func (p *aggregatePlan) finish(res *prom.Result) *prom.Result {
	if p == nil || res.Err != nil {
		return res
	}
	for i, c := range p.choices {
		s := p.selectors[i]
		for _, r := range p.known(s) {
			if r.SamplesDropped && r.Millis > c.droppedBelow && r.Millis > c.resolution {
				return &prom.Result{Err: sourceError(errReplaced), Warnings: res.Warnings}
			}
		}
		p.metrics.selectors.WithLabelValues(c.kind()).Inc()
		if c.approximate {
			res.Warnings.Add(c.warning(s))
		}
	}
	return res
}

type resolutionKey struct{}

func withResolutionLimit(ctx context.Context, l resolutionLimit) context.Context {
	return context.WithValue(ctx, resolutionKey{}, l)
}

func resolutionLimitOf(ctx context.Context) resolutionLimit {
	l, _ := ctx.Value(resolutionKey{}).(resolutionLimit)
	return l
}
