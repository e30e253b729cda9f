package queryable

import (
	"context"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"herringbone/storage/series"
)

// ExemplarQueryable presents an ExemplarSource, or none, as Prometheus' storage.
type ExemplarQueryable struct{ source series.ExemplarSource }

// NewExemplars makes an ExemplarQueryable of a source, which may be nil.
func NewExemplars(source series.ExemplarSource) ExemplarQueryable { return ExemplarQueryable{source} }

// ExemplarQuerier implements storage.ExemplarQueryable.
func (q ExemplarQueryable) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	return exemplarQuerier{ctx: ctx, source: q.source}, nil
}

type exemplarQuerier struct {
	ctx    context.Context
	source series.ExemplarSource
}

// Select returns a list that is empty, never nil: Grafana takes a null for a
// server that knows no exemplars.
func (q exemplarQuerier) Select(minT, maxT int64, sets ...[]*labels.Matcher) ([]exemplar.QueryResult, error) {
	results := []exemplar.QueryResult{}
	if q.source == nil {
		return results, nil
	}
	tenant, err := TenantOf(q.ctx, "")
	if err != nil {
		return nil, err
	}
	found, err := q.source.SelectExemplars(q.ctx, tenant, minT, maxT, sets...)
	if err != nil {
		return nil, SourceError(err)
	}
	for _, s := range found {
		r := exemplar.QueryResult{SeriesLabels: s.Labels, Exemplars: make([]exemplar.Exemplar, 0, len(s.Exemplars))}
		for _, x := range s.Exemplars {
			r.Exemplars = append(r.Exemplars, exemplar.Exemplar{Labels: x.Labels, Value: x.V, Ts: x.T, HasTs: true})
		}
		results = append(results, r)
	}
	return results, nil
}
