package engine

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
	"herringbone/sql/rows"
	"herringbone/storage/block"
	"herringbone/storage/series"
)

// Few rows are read by the series index of the files, page by page and each page
// with its checksum, and handed over like rows in memory: DuckDB would decode the
// label columns of whole row groups to find them, after we had read whole files
// for their checksum.
const (
	alwaysIndexed = 20_000  // Rows that are always read so.
	mostIndexed   = 200_000 // Rows that are, if they are a small share:
	indexedShare  = 16      // of one in so many.
)

// indexed is what was read by index.
type indexed struct {
	rows.Memory
	trace *series.Trace // nil: nobody asked for a plan.
}

// fewRows estimates what sources hold of r in minT … maxT, and whether that is
// little enough to be read by index.
func fewRows(sources []*plan.Source, minT, maxT int64) bool {
	var wanted, all int64
	for _, s := range sources {
		if s.Memory() {
			wanted += s.Rows
			continue
		}
		all += s.File.Rows
		for _, ref := range s.Refs(minT, maxT) {
			wanted += share(ref, minT, maxT)
			if wanted > mostIndexed {
				return false
			}
		}
	}
	return all > 0 && (wanted <= alwaysIndexed || wanted <= all/indexedShare)
}

// share estimates how many samples of a series lie in minT … maxT.
func share(ref block.Ref, minT, maxT int64) int64 {
	from, to := max(ref.MinT, minT), min(ref.MaxT, maxT)
	if from <= ref.MinT && to >= ref.MaxT {
		return ref.Rows
	}
	return 1 + int64(float64(ref.Rows)*float64(to-from)/float64(ref.MaxT-ref.MinT))
}

// makeIndexed makes the table of r of its rows in minT … maxT, from memory and
// files, deduplicated: if it can, as a table of that name, which saves a view.
func (q *query) makeIndexed(r *relation, minT, maxT int64) error {
	list, done, err := q.selectIndexed(r, minT, maxT)
	if err != nil {
		return fmt.Errorf("select rows by index: %w", err)
	}
	defer done()
	if top := q.statement.Top; top != nil && top.Nearest && len(q.relations) == 1 && !q.request.Whole {
		list = rows.Nearest(list, top.Rows, top.Desc)
	}
	name, write := r.ref.Name, rows.WriteTable
	direct := r.schema == schemaMain && r.table.Metric != "" && !r.viewed
	if !direct {
		name, write = fmt.Sprintf("__indexed_%d", len(q.report.loaded)), rows.WriteMemory
	}
	text := ""
	if direct {
		if text, r.indexed.Memory, err = rows.Values(r.table, list); err != nil {
			return fmt.Errorf("write out rows found by index: %w", err)
		}
	}
	if text != "" {
		err = q.session.Exec(q.ctx, "CREATE TABLE "+r.view+" AS "+text)
	} else {
		err = q.session.Load(q.ctx, name, func(w io.Writer) (err error) {
			r.indexed.Memory, err = write(w, r.table, list)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("hand over rows found by index: %w", err)
	}
	q.report.loaded = append(q.report.loaded, name)
	r.sources, r.groups = []*plan.Source{memorySource(name, &r.indexed.Memory)}, nil
	if direct {
		r.direct = true
		return nil
	}
	return q.execView(r, minT, maxT)
}

// selectIndexed finds the series. done ends their use.
func (q *query) selectIndexed(r *relation, minT, maxT int64) (list []series.Series, done func() error, err error) {
	ctx := q.ctx
	r.indexed = &indexed{}
	if q.command.Explain {
		r.indexed.trace = &series.Trace{}
		ctx = series.WithTrace(ctx, r.indexed.trace)
	}
	set, err := q.engine.opts.Store.Select(ctx, q.tenant, series.Query{Matchers: r.matchers, MinT: minT, MaxT: maxT})
	if err != nil {
		return nil, nil, err
	}
	for set.Next() {
		// A series with a label that is no column came into being after the columns
		// were looked up.
		if s := set.At(); r.knows(s.Labels()) {
			list = append(list, s)
		}
	}
	if err := set.Err(); err != nil {
		return nil, nil, errors.Join(err, set.Close())
	}
	return list, set.Close, nil
}

// knows reports whether all labels are columns of r.
func (r *relation) knows(ls labels.Labels) bool {
	known := true
	ls.Range(func(l labels.Label) {
		known = known && (l.Name == labels.MetricName || slices.ContainsFunc(r.table.Columns, func(c plan.Column) bool {
			return c.Kind == plan.Label && c.Label == l.Name
		}))
	})
	return known
}
