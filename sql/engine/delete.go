package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
	"herringbone/sql/syntax"
	"herringbone/sql/worker"
	"herringbone/storage/catalog"
)

// The statements that are understood and may not run.
var (
	// ErrForbidden: the node's operator has not allowed it.
	ErrForbidden = errors.New("forbidden")
	// ErrReadOnly: not by a request that only reads.
	ErrReadOnly = errors.New("the request may only read")
)

// mayDelete reports why a DELETE may not run; showing what it would do is free.
func (q *query) mayDelete() error {
	switch {
	case q.command.Analyze:
		return &syntax.Error{Position: -1, Message: "EXPLAIN ANALYZE would run the DELETE: leave ANALYZE out"}
	case q.command.Explain:
		return nil
	case !q.request.Writes:
		return fmt.Errorf("DELETE needs a POST: %w", ErrReadOnly)
	case q.engine.opts.Delete == nil:
		return fmt.Errorf("DELETE is off: start the node with --web.enable-admin-api: %w", ErrForbidden)
	}
	return nil
}

// parseDelete makes the child parse the DELETE, and checks it. DuckDB itself
// never deletes: it only tells what the conditions mean.
func (q *query) parseDelete(ast []byte) error {
	var err error
	if q.statement, err = syntax.ParseDelete(ast, q.command.Select, syntaxParams(q.request.Params)); err != nil {
		return q.placed(err)
	}
	return nil
}

// delete answers a DELETE: with its receipt, or with what it would do.
func (q *query) delete() (*Answer, error) {
	table, err := q.deletable(q.statement.Tables[0])
	if err != nil {
		return nil, err
	}
	if err := q.bind(table); err != nil {
		return nil, err
	}
	if err := q.bounds(); err != nil {
		return nil, q.shown(err)
	}
	matchers, err := q.deleteMatchers(table)
	if err != nil {
		return nil, q.placed(err)
	}
	d := q.statement.Delete
	if q.command.Explain {
		text := "DeleteExec: {" + matcherText(matchers) + "} in " + span(d.MinT, d.MaxT)
		if d.Nothing {
			text = "DeleteExec: nothing, no row can meet the conditions"
		}
		schema, batch := planBatch([]section{{"physical_plan", text}})
		return &Answer{query: q, Schema: schema, ready: []arrow.RecordBatch{batch}, Plan: true}, nil
	}
	receipt := catalog.Tombstone{Done: 1}
	if !d.Nothing {
		q.session.Close() // Nobody needs to wait for the child while the store works.
		q.session = nil
		if receipt, err = q.engine.opts.Delete(q.ctx, q.tenant, d.MinT, d.MaxT, matchers); err != nil {
			return nil, fmt.Errorf("delete: %w", err)
		}
	}
	schema, batch := receiptBatch(receipt)
	return &Answer{query: q, Schema: schema, ready: []arrow.RecordBatch{batch}}, nil
}

// deletable finds the table and refuses those that are made of others.
func (q *query) deletable(ref syntax.Table) (plan.Table, error) {
	if _, ok := madeTable(ref); ok {
		return plan.Table{}, &syntax.Error{Position: -1, Message: fmt.Sprintf("DELETE FROM a metric or samples; rows of %s cannot be deleted", ref.Name)}
	}
	table, err := q.table(ref)
	if err == nil && table.Resolution > 0 {
		err = &syntax.Error{Position: -1, Message: fmt.Sprintf("DELETE FROM %s: the aggregates in %s follow by themselves", plan.Quote(table.Metric), plan.Quote(ref.Name))}
	}
	return table, err
}

// bind lets DuckDB judge the conditions as those of a SELECT over a table without
// rows: columns that are not there and types that do not compare are its errors.
func (q *query) bind(table plan.Table) error {
	ref := q.statement.Tables[0]
	schema := schemaMain
	if strings.EqualFold(ref.Schema, schemaMetric) {
		schema = schemaMetric
	}
	if err := q.session.Exec(q.ctx, table.Stub(schema+"."+plan.Quote(ref.Name))); err != nil {
		return fmt.Errorf("make the table of a DELETE: %w", err)
	}
	rows, err := q.session.Query(q.ctx, q.statement.Text, q.request.Params, worker.QueryOptions{})
	if err != nil {
		return q.shown(err)
	}
	defer rows.Close()
	for rows.Next() { // To the end: closing earlier would end the session.
	}
	return q.shown(rows.Err())
}

// deleteMatchers are the series of the DELETE.
func (q *query) deleteMatchers(table plan.Table) ([]*labels.Matcher, error) {
	d := q.statement.Delete
	for _, word := range d.Keywords() {
		if _, ok := table.Find(word); ok {
			return nil, &syntax.Error{Position: -1, Message: fmt.Sprintf("%s is a column of the table: write now() for the clock", word)}
		}
	}
	matchers := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, table.Metric)}
	if table.Metric == "" {
		matchers[0] = labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, ".+")
	}
	for _, c := range d.Columns {
		column, _ := table.Find(c.Column)
		name := column.Label
		switch {
		case column.Kind == plan.Name && column.Name != "":
			name = labels.MetricName
		case column.Kind != plan.Label:
			return nil, &syntax.Error{Position: c.Position, Message: fmt.Sprintf("DELETE takes conditions on labels and time; %s is no label", c.Column)}
		}
		m, err := labels.NewMatcher(c.Type, name, c.Value)
		if err != nil {
			return nil, &syntax.Error{Position: c.Position, Message: fmt.Sprintf("the condition on %s cannot be told to the store: %v", c.Column, err)}
		}
		if !slices.ContainsFunc(matchers, func(o *labels.Matcher) bool { return o.String() == m.String() }) {
			matchers = append(matchers, m)
		}
	}
	return matchers, nil
}

// receiptBatch is the one row that answers a DELETE. Without an ID nothing was
// deleted, because no row could meet the conditions.
func receiptBatch(t catalog.Tombstone) (*arrow.Schema, arrow.RecordBatch) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "rows_hidden", Type: arrow.PrimitiveTypes.Int64},
		{Name: "state", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	if id := b.Field(0).(*array.StringBuilder); t.ID == "" {
		id.AppendNull()
	} else {
		id.Append(t.ID)
	}
	b.Field(1).(*array.Int64Builder).Append(t.Hidden)
	b.Field(2).(*array.StringBuilder).Append(deleteState(&t))
	return schema, b.NewRecordBatch()
}

// deleteState: rows are hidden from the start, and purged once no file has them.
func deleteState(t *catalog.Tombstone) string {
	if t.Done != 0 {
		return "purged"
	}
	return "hidden"
}
