package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// fileIndex is what a query needs to know of a file before DuckDB reads it:
// *block.Reader and *block.AggregateReader are such.
type fileIndex interface {
	// Select returns the matching series that have rows in the range, in label
	// order; at most limit of them if it is not 0.
	Select(matchers []*labels.Matcher, minT, maxT int64, limit int) []block.Ref
	Layout() (*block.Layout, error)
}

// index opens the index of a file of r.
func (q *query) index(ctx context.Context, r *relation, f *catalog.File) (fileIndex, func(), error) {
	if r.table.Resolution > 0 {
		return q.engine.openAggregates(ctx, f)
	}
	reader, release, err := q.engine.opts.Store.OpenFile(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	return reader, release, nil
}

// openAggregates opens the index of a file of aggregates where its bytes can be
// read; release ends its use.
func (e *Engine) openAggregates(ctx context.Context, f *catalog.File) (_ fileIndex, release func(), err error) {
	path, err := e.opts.Path(ctx, f)
	if err != nil {
		return nil, nil, fmt.Errorf("locate file %s: %w", f.Name, err)
	}
	if _, err := identify(path, f); err != nil {
		return nil, nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open file %s: %w", f.Name, err)
	}
	reader, err := block.OpenAggregates(file, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return reader, func() { _ = file.Close() }, nil // Only read.
}

// kind is the kind of files that r is read from.
func (r *relation) kind() catalog.Kind {
	if r.table.Resolution > 0 {
		return catalog.Aggregates(r.table.Resolution)
	}
	return catalog.Samples
}

// times are those of the samples that r asks for: a bucket in its range may be of
// samples before it.
func (r *relation) times() (minT, maxT int64) { return widened(r.minT(), r.maxT(), r.table.Resolution) }

func widened(minT, maxT, by int64) (int64, int64) {
	if minT > math.MinInt64+by {
		minT -= by
	}
	if maxT < math.MaxInt64-by {
		maxT += by
	}
	return minT, maxT
}

// aggregateTable finds the table of aggregates of that name: metric@5m, if the
// tenant has any of that resolution.
func (q *query) aggregateTable(name string) (t plan.Table, ok bool, err error) {
	at := strings.LastIndexByte(name, '@')
	if at < 0 {
		return t, false, nil
	}
	d, err := model.ParseDuration(name[at+1:])
	if err != nil {
		return t, false, nil
	}
	resolution := time.Duration(d).Milliseconds()
	if !slices.Contains(q.resolutions(), resolution) {
		return t, false, nil
	}
	metric, ok, err := q.engine.opts.Store.Table(q.tenant, name[:at])
	return plan.AggregateTable(metric, resolution), ok, err
}

// resolutions are those of which the tenant has aggregates.
func (q *query) resolutions() []int64 {
	var list []int64
	for _, k := range q.engine.opts.Store.Snapshot().Kinds(q.tenant) {
		if r := k.Resolution(); r > 0 {
			list = append(list, r)
		}
	}
	return list
}

// aggregateStubs make the tables of aggregates visible that there may be rows of,
// as far as the catalog tells.
func (q *query) aggregateStubs(tables []catalog.Table, taken map[string]bool) []string {
	var statements []string
	snapshot := q.engine.opts.Store.Snapshot()
	for _, resolution := range q.resolutions() {
		suffix := "@" + model.Duration(time.Duration(resolution)*time.Millisecond).String()
		for _, t := range tables {
			name := t.Metric + suffix
			m := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, t.Metric)
			if taken[strings.ToLower(name)] || len(snapshot.Files(q.tenant, catalog.Aggregates(resolution), math.MinInt64, math.MaxInt64, m)) == 0 {
				continue
			}
			taken[strings.ToLower(name)] = true
			table := plan.AggregateTable(t, resolution)
			statements = append(statements, table.Stub(schemaMain+"."+plan.Quote(name)))
		}
	}
	return statements
}

// aggregated reports whether one of the relations is a table of aggregates.
func aggregated(relations []*relation) bool {
	return slices.ContainsFunc(relations, func(r *relation) bool { return r.table.Resolution > 0 })
}

// memorySet selects what is in memory of r: aggregates never are.
func (q *query) memorySet(r *relation) (series.Set, error) {
	if r.table.Resolution > 0 {
		return nil, nil
	}
	return q.engine.opts.Store.Unflushed(q.ctx, q.tenant, series.Query{Matchers: r.matchers, MinT: r.minT(), MaxT: r.maxT()})
}
