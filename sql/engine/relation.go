package engine

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
	"herringbone/sql/rows"
	"herringbone/sql/syntax"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// The schemas and tables that are not metrics.
const (
	schemaMain    = "main"
	schemaMetric  = "metric"
	schemaSystem  = "system"
	tableSamples  = "samples"
	tableExemplar = "exemplars"
)

// relation is one table of the statement and what is read for it.
type relation struct {
	ref      syntax.Table
	schema   string
	view     string // Its name in DuckDB, quoted.
	table    plan.Table
	matchers []*labels.Matcher
	tests    []plan.Test

	set     series.Set   // What is in memory; nil once it is handed over.
	memory  *plan.Source // nil: nothing.
	loaded  rows.Memory
	files   []*catalog.File // What the catalog leaves, oldest written first.
	pruned  pruning
	opened  map[string]*plan.Source // By file ID; nil: no series matches.
	sources []*plan.Source          // Of the newest view.
	indexed *indexed                // What was read by index; nil: nothing.
	direct  bool                    // Those rows are a table of the name, not a view.
	viewed  bool                    // There is a view of the name.
	groups  []plan.Group
}

func (r *relation) minT() int64 { return r.ref.Filter.MinT }
func (r *relation) maxT() int64 { return r.ref.Filter.MaxT }

// relate finds the statement's tables, hands the child what is in memory of them,
// and takes the catalog's snapshot.
func (q *query) relate() error {
	for _, ref := range q.statement.Tables {
		if err := q.makeTable(ref); err != nil {
			return err
		}
	}
	if err := q.look(); err != nil {
		return err
	}
	for _, r := range q.relations {
		if err := q.loadMemory(r); err != nil {
			return err
		}
	}
	if q.statement.NeedsAll {
		return q.stubs()
	}
	return nil
}

// looks is how often look tries again.
const looks = 10

// look finds the columns, then the rows in memory, then the files. A label that
// came into use meanwhile may be in rows and not among the columns; it looks
// again then. So it does if rows were deleted meanwhile: memory may then hold
// what the files' tombstones hide.
//
// Errors: series.ErrOverload if something changes each time it looks.
func (q *query) look() error {
	found := false
	for i := 0; i < looks && !found; i++ {
		q.closeSets()
		deletes := q.engine.opts.Store.Snapshot().TombstonesVersion()
		tables, err := q.resolve()
		if err != nil {
			return err
		}
		for _, r := range q.relations {
			if r.set, err = q.memorySet(r); err != nil {
				return fmt.Errorf("select rows in memory: %w", err)
			}
		}
		q.snapshot = q.engine.opts.Store.Snapshot()
		again, err := q.tables()
		if err != nil {
			return err
		}
		found = q.snapshot.TombstonesVersion() == deletes &&
			slices.EqualFunc(tables, again, func(a, b plan.Table) bool { return reflect.DeepEqual(a, b) })
	}
	if !found {
		return fmt.Errorf("labels came into use or rows were deleted %d times while the query looked for its rows: %w", looks, series.ErrOverload)
	}
	q.engine.verified.forget(q.snapshot)
	for _, r := range q.relations {
		q.prune(r)
	}
	return nil
}

func (q *query) closeSets() {
	for _, r := range q.relations {
		if r.set != nil {
			_ = r.set.Close() // Of memory: there is nothing that could fail to close.
			r.set = nil
		}
	}
}

// resolve makes the relations of the statement's tables.
func (q *query) resolve() ([]plan.Table, error) {
	tables, err := q.tables()
	if err != nil {
		return nil, err
	}
	q.relations = nil
	names := map[string]*relation{}
	for i, ref := range q.samplesRefs() {
		schema := schemaMain
		if strings.EqualFold(ref.Schema, schemaMetric) {
			schema = schemaMetric
		}
		ref.Resolve(func(column string) bool { _, ok := tables[i].Find(column); return ok })
		r := &relation{ref: ref, schema: schema, view: schema + "." + plan.Quote(ref.Name), table: tables[i], opened: map[string]*plan.Source{}}
		if err := q.addRelation(r, names); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// samplesRefs are the statement's tables that are read from samples.
func (q *query) samplesRefs() []syntax.Table {
	var refs []syntax.Table
	for _, ref := range q.statement.Tables {
		if _, ok := madeTable(ref); !ok {
			refs = append(refs, ref)
		}
	}
	return refs
}

// tables describes them, in their order.
func (q *query) tables() ([]plan.Table, error) {
	var out []plan.Table
	for _, ref := range q.samplesRefs() {
		t, err := q.table(ref)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func (q *query) table(ref syntax.Table) (plan.Table, error) {
	if !strings.EqualFold(ref.Schema, schemaMetric) && strings.EqualFold(ref.Name, tableSamples) {
		all, err := q.engine.opts.Store.Tables(q.tenant)
		if err != nil {
			return plan.Table{}, fmt.Errorf("list tables: %w", err)
		}
		return plan.SamplesTable(all), nil
	}
	t, err := q.findMetric(ref)
	if errors.As(err, new(*syntax.Error)) {
		if table, ok, aggregateErr := q.aggregateTable(ref.Name); ok || aggregateErr != nil {
			return table, aggregateErr
		}
	}
	return plan.MetricTable(t), err
}

// addRelation refuses two names that DuckDB cannot tell apart.
func (q *query) addRelation(r *relation, names map[string]*relation) error {
	key := r.schema + "." + strings.ToLower(r.ref.Name)
	if other := names[key]; other != nil {
		if other.table.Metric != r.table.Metric {
			return fmt.Errorf("tables %q and %q differ by letter case alone, which one statement cannot tell apart: use samples with __name__ = '…': %w", other.ref.Name, r.ref.Name, series.ErrInvalid)
		}
		return fmt.Errorf("table %q is also written %q: use one spelling in a statement: %w", other.ref.Name, r.ref.Name, series.ErrInvalid)
	}
	names[key] = r
	r.restrict()
	q.relations = append(q.relations, r)
	return nil
}

// findMetric finds the metric of that name, or the only one that has it in
// another letter case.
func (q *query) findMetric(ref syntax.Table) (catalog.Table, error) {
	store := q.engine.opts.Store
	t, ok, err := store.Table(q.tenant, ref.Name)
	if ok || err != nil {
		return t, err
	}
	all, err := store.Tables(q.tenant)
	if err != nil {
		return t, fmt.Errorf("list tables: %w", err)
	}
	var found []catalog.Table
	for _, t := range all {
		if strings.EqualFold(t.Metric, ref.Name) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return catalog.Table{}, &syntax.Error{Position: -1, Message: fmt.Sprintf("there is no table %q: SHOW TABLES lists the metrics", ref.Name)}
	default:
		return catalog.Table{}, &syntax.Error{Position: -1, Message: fmt.Sprintf("%q may be any of %d metrics that differ by letter case: write it as it is", ref.Name, len(found))}
	}
}

// restrict turns what the statement asks of label columns into matchers.
func (r *relation) restrict() {
	if r.table.Metric != "" {
		r.matchers = append(r.matchers, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, r.table.Metric))
	}
	for _, t := range r.ref.Filter.Labels {
		c, ok := r.table.Find(t.Column)
		label := c.Label
		switch {
		case !ok:
			continue // DuckDB will say so.
		case c.Kind == plan.Name:
			label = labels.MetricName
		case c.Kind != plan.Label:
			continue
		}
		r.tests = append(r.tests, plan.Test{Label: label, Values: t.Values})
		r.matchers = append(r.matchers, anyOf(label, t.Values))
	}
}

func anyOf(label string, values []string) *labels.Matcher {
	if len(values) == 1 {
		return labels.MustNewMatcher(labels.MatchEqual, label, values[0])
	}
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = regexp.QuoteMeta(v)
	}
	return labels.MustNewMatcher(labels.MatchRegexp, label, strings.Join(quoted, "|"))
}

// loadMemory hands the child the unflushed rows of r. Who only asks for columns
// needs none.
func (q *query) loadMemory(r *relation) error {
	if q.statement.Describe || r.set == nil {
		return nil
	}
	var list []series.Series
	for r.set.Next() {
		list = append(list, r.set.At())
	}
	if err := r.set.Err(); err != nil || len(list) == 0 {
		return err
	}
	name := fmt.Sprintf("__memory_%d", len(q.report.loaded))
	err := q.session.Load(q.ctx, name, func(w io.Writer) (err error) {
		r.loaded, err = rows.WriteMemory(w, r.table, list)
		return err
	})
	if err != nil {
		return fmt.Errorf("hand over rows in memory: %w", err)
	}
	q.report.loaded = append(q.report.loaded, name)
	if r.loaded.Rows > 0 {
		r.memory = memorySource(name, &r.loaded)
	}
	return nil
}

func memorySource(name string, m *rows.Memory) *plan.Source {
	s := &plan.Source{Path: name, Rows: m.Rows, Stale: m.Stale, MinT: plan.MaxTime, MaxT: plan.MinTime}
	for _, ref := range m.Refs {
		s.MinT, s.MaxT = min(s.MinT, ref.MinT), max(s.MaxT, ref.MaxT)
	}
	s.Refs = func(minT, maxT int64) []block.Ref { return within(m.Refs, minT, maxT) }
	return s
}

func within(refs []block.Ref, minT, maxT int64) []block.Ref {
	if !slices.ContainsFunc(refs, func(r block.Ref) bool { return r.MinT > maxT || r.MaxT < minT }) {
		return refs
	}
	var out []block.Ref
	for _, r := range refs {
		if r.MinT <= maxT && r.MaxT >= minT {
			out = append(out, r)
		}
	}
	return out
}

// pruning counts files by what excluded them.
type pruning struct {
	catalog.Pruning // Filled for EXPLAIN alone: counting looks at every file.

	bySeries int
	masked   int // Opened files that tombstones hide something of.
	opened   int64
	bytes    int64 // Of the opened files.
}

// prune asks the catalog for the files of r.
func (q *query) prune(r *relation) {
	minT, maxT := r.times()
	r.files = q.snapshot.Files(q.tenant, r.kind(), minT, maxT, r.matchers...)
	if q.command.Explain {
		r.pruned.Pruning = q.snapshot.Explain(q.tenant, r.kind(), minT, maxT, r.matchers...)
	}
}
