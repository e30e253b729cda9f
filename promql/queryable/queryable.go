package queryable

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Queryable presents a Source as Prometheus' storage. The tenant of a query is
// the one in its context (WithTenant).
//
// Concurrency: a Queryable may be used from any goroutine, a querier made by it
// by one.
type Queryable struct {
	source   series.Source
	fallback series.Tenant
	limit    int64
	pool     *sync.Pool                // *series.Samples
	trace    func(n int) *series.Trace // Where the n-th Select is traced; nil: nobody asks.

	aggregates    aggregate.Source // nil: there are none.
	substitutions *Substitutions   // Of one query; nil: all is answered from samples.
}

var _ storage.SampleAndChunkQueryable = (*Queryable)(nil)

// NewQueryable makes a Queryable. fallback is the tenant of contexts that carry
// none; if it is "" they are answered with an error. maxSamples bounds the
// samples that one querier holds in memory at once; 0 is no bound.
func New(source series.Source, fallback series.Tenant, maxSamples int) *Queryable {
	return &Queryable{
		source:   source,
		fallback: fallback,
		limit:    int64(maxSamples),
		pool:     &sync.Pool{New: func() any { return &series.Samples{} }},
	}
}

// WithAggregates returns a Queryable whose queries may be answered from
// aggregates. Only engine asks it for them: remote-read and what is asked of
// labels are answered from samples alone, and samples are refused for times of
// which only aggregates are kept.
func (q *Queryable) WithAggregates(source aggregate.Source) *Queryable {
	own := *q
	own.aggregates = source
	return &own
}

// Traced returns a Queryable whose Selects are traced, each where trace says.
func (q *Queryable) Traced(trace func(n int) *series.Trace) *Queryable {
	own := *q
	own.trace = trace
	return &own
}

// Substituted returns a Queryable for one query and its substitutions, which are
// empty; nil if there are no aggregates. typed says that metrics have their type
// in a label.
func (q *Queryable) Substituted(typed bool) (*Queryable, *Substitutions) {
	if q.aggregates == nil {
		return q, nil
	}
	own := *q
	own.substitutions = &Substitutions{Source: q.aggregates, Chosen: map[*labels.Matcher]*Choice{}, typed: typed, Fallback: q.fallback}
	return &own, own.substitutions
}

// Share returns a Queryable with 1/n of the limit.
func (q *Queryable) Share(n int) *Queryable {
	part := *q
	if part.limit > 0 {
		part.limit = max(part.limit/int64(n), 1)
	}
	return &part
}

// Querier answers for samples in minT … maxT.
func (q *Queryable) Querier(minT, maxT int64) (storage.Querier, error) {
	return q.querier(minT, maxT), nil
}

// ChunkQuerier answers likewise, in chunks of at most 120 samples.
func (q *Queryable) ChunkQuerier(minT, maxT int64) (storage.ChunkQuerier, error) {
	return &chunkQuerier{q.querier(minT, maxT)}, nil
}

func (q *Queryable) querier(minT, maxT int64) *querier {
	return &querier{
		source: q.source, fallback: q.fallback, pool: q.pool, limit: q.limit, minT: minT, maxT: maxT,
		trace: q.trace, aggregates: q.aggregates, substitutions: q.substitutions,
	}
}

type querier struct {
	source     series.Source
	fallback   series.Tenant
	pool       *sync.Pool
	minT, maxT int64

	limit, held int64       // In samples; see hold.
	open        []io.Closer // Sets.
	iterators   []*iterator // Their arrays go back to the pool.

	aggregates    aggregate.Source
	substitutions *Substitutions

	trace   func(n int) *series.Trace
	selects int // So far; counted for trace.
}

// Select returns a set that asks the Source when it is first advanced.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	if q.trace != nil {
		ctx = series.WithTrace(ctx, q.trace(q.selects))
		q.selects++
	}
	query := q.query(hints, matchers)
	if c := q.substitutions.of(matchers); c != nil {
		return newBucketSet(ctx, q, q.substitutions, c, query)
	}
	return &seriesSet{querier: q, ctx: ctx, query: query, sorted: sorted}
}

// query narrows the querier's range to the hinted one. Hints of remote-read
// clients may be empty, which is not a range.
func (q *querier) query(hints *storage.SelectHints, matchers []*labels.Matcher) series.Query {
	query := series.Query{Matchers: matchers, MinT: q.minT, MaxT: q.maxT}
	if hints == nil {
		return query
	}
	if hints.Start <= hints.End && (hints.Start != 0 || hints.End != 0) {
		query.MinT, query.MaxT = max(query.MinT, hints.Start), min(query.MaxT, hints.End)
	}
	query.Limit = hints.Limit
	query.NoSamples = hints.Func == "series" // How web/api/v1 says that labels are enough.
	return query
}

func (q *querier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, hints, matchers, func(t series.Tenant, query series.Query) ([]string, error) {
		return q.source.LabelValues(ctx, t, name, query)
	})
}

func (q *querier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.strings(ctx, hints, matchers, func(t series.Tenant, query series.Query) ([]string, error) {
		return q.source.LabelNames(ctx, t, query)
	})
}

func (q *querier) strings(ctx context.Context, hints *storage.LabelHints, matchers []*labels.Matcher, ask func(series.Tenant, series.Query) ([]string, error)) ([]string, annotations.Annotations, error) {
	tenant, err := TenantOf(ctx, q.fallback)
	if err != nil {
		return nil, nil, err
	}
	query := series.Query{Matchers: matchers, MinT: q.minT, MaxT: q.maxT, NoSamples: true}
	if hints != nil {
		query.Limit = hints.Limit
	}
	found, err := ask(tenant, query)
	if err != nil {
		return nil, nil, SourceError(err)
	}
	if query.Limit > 0 && len(found) > query.Limit {
		found = found[:query.Limit]
	}
	return found, nil, nil
}

// Close ends the use of everything that the querier has handed out.
func (q *querier) Close() error {
	var errs []error
	for _, set := range q.open {
		errs = append(errs, set.Close())
	}
	for _, it := range q.iterators {
		it.samples.Reset()
		q.pool.Put(it.samples)
		it.samples = &series.Samples{}
	}
	q.open, q.iterators = nil, nil
	return errors.Join(errs...)
}

// iterator makes an iterator whose arrays live until Close.
func (q *querier) iterator() *iterator {
	it := &iterator{samples: q.pool.Get().(*series.Samples), owner: q, at: -1}
	q.iterators = append(q.iterators, it)
	return it
}
