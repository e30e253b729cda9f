package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"herringbone/sql/duck"
	"herringbone/sql/syntax"
	"herringbone/sql/worker"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// query is one statement on its way. It is used by one goroutine at a time.
type query struct {
	engine  *Engine
	tenant  series.Tenant
	request Request
	ctx     context.Context
	cancel  context.CancelFunc
	began   time.Time
	entry   *entry

	session   *worker.Session
	links     *links
	releases  []func() // Of files that were opened.
	command   syntax.Command
	statement *syntax.Statement
	snapshot  *catalog.Snapshot
	relations []*relation
	made      []string // Names of the tables that are not read from sample files.
	report    report
}

// run takes a child and brings the statement to its first rows.
func (q *query) run() (*Answer, error) {
	var err error
	if q.command, err = syntax.Split(q.request.SQL); err != nil {
		return nil, err
	}
	if q.command.Delete {
		if err := q.mayDelete(); err != nil {
			return nil, err
		}
	}
	if q.session, err = q.engine.opts.Pool.Take(q.ctx, q.tenant); err != nil {
		return nil, fmt.Errorf("wait for a SQL child: %w", err)
	}
	q.links = newLinks(q.session.Dir())
	if err := q.parse(); err != nil {
		return nil, err
	}
	if q.command.Delete {
		return q.delete()
	}
	if err := q.relate(); err != nil {
		return nil, err
	}
	if q.command.Explain {
		return q.explain()
	}
	return q.answer()
}

// parse makes the child parse the statement, and checks it.
func (q *query) parse() error {
	key := treeKey{q.tenant, q.command.Select}
	ast := q.engine.trees.get(key)
	var err error
	if ast == nil {
		if ast, err = q.session.AST(q.ctx, q.command.Select); err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		q.engine.trees.put(key, ast)
	}
	if q.command.Delete {
		return q.parseDelete(ast)
	}
	q.statement, err = syntax.Parse(ast, q.command.Select, syntaxParams(q.request.Params))
	if err != nil {
		return q.placed(err)
	}
	return q.bounds()
}

// placed makes the place of an error one in the text that was sent.
func (q *query) placed(err error) error {
	var at *syntax.Error
	if errors.As(err, &at) && at.Position >= 0 {
		at.Position += q.command.Offset
	}
	return err
}

// syntaxParams are params by name, positional ones by number.
func syntaxParams(p duck.Params) syntax.Params {
	out := make(syntax.Params, len(p.Positional)+len(p.Named))
	for i, v := range p.Positional {
		out[strconv.Itoa(i+1)] = v
	}
	maps.Copy(out, p.Named)
	return out
}

// bounds lets the child compute what the statement compares time with. Bounds
// that cannot be computed alone are none: the statement itself will say why, if it
// is one that runs.
func (q *query) bounds() error {
	ast, n := q.statement.BoundsQuery()
	if n == 0 {
		q.statement.SetBounds(nil)
		return nil
	}
	bounds := make([]*int64, n)
	if err := q.computeBounds(ast, bounds); err != nil {
		var d *duck.Error
		switch {
		case !errors.As(err, &d):
			return fmt.Errorf("compute bounds of time: %w", err)
		case q.command.Delete:
			d.Position = -1 // It would be one in our own question.
			return d
		}
		clear(bounds)
	}
	q.statement.SetBounds(bounds)
	return nil
}

func (q *query) computeBounds(ast []byte, bounds []*int64) error {
	text, err := q.session.SQL(q.ctx, ast)
	if err != nil {
		return err
	}
	rows, err := q.session.Query(q.ctx, text, q.request.Params, worker.QueryOptions{})
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() { // To the end: closing earlier would end the session.
		readBounds(rows.Batch(), bounds)
	}
	return rows.Err()
}

func readBounds(b arrow.RecordBatch, bounds []*int64) {
	for i := range min(len(bounds), int(b.NumCols())) {
		if t, ok := timestampAt(b.Column(i), 0); ok {
			bounds[i] = &t
		}
	}
}

// answer runs the statement, progressively if that is right and wanted.
func (q *query) answer() (*Answer, error) {
	if how := q.progressive(); how != nil {
		return q.runProgressively(how)
	}
	if err := q.prepare(); err != nil {
		return nil, err
	}
	return q.start(q.statement.Text)
}

// prepare makes the views of all tables over all that they need. Who only asks
// for columns is not made to wait for files.
func (q *query) prepare() error {
	for _, r := range q.relations {
		var err error
		if q.statement.Describe {
			err = q.session.Exec(q.ctx, r.table.Stub(r.view))
		} else {
			err = q.prepareWhole(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start runs text in the child and returns its answer. The answer owns the query
// from then on.
func (q *query) start(text string) (*Answer, error) {
	rows, err := q.session.Query(q.ctx, text, q.request.Params, worker.QueryOptions{MaxRows: q.engine.opts.MaxRows, MaxBytes: q.engine.opts.MaxBytes, Relay: q.request.Relay})
	if err != nil {
		return nil, q.shown(err)
	}
	return &Answer{query: q, rows: rows, Schema: rows.Schema()}, nil
}

// end lets go of everything. err is how the query ended.
func (q *query) end(err error) {
	q.closeSets()
	if q.session != nil {
		q.session.Close() // Which removes the links.
	}
	for _, release := range q.releases {
		release()
	}
	q.cancel()
	q.engine.metrics.ended(q, err)
	q.engine.running.end(q.entry, err)
}
