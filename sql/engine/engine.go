package engine

import (
	"context"
	"fmt"
	"time"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// Engine answers SQL. Its methods may be called from any goroutine.
type Engine struct {
	opts     Options
	verified *verifier
	overlaps *overlaps
	trees    *trees
	running  *registry
	metrics  *metrics
}

// New makes an Engine. The pool's Run is the caller's to call.
func New(o Options) (*Engine, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("SQL engine: %w", err)
	}
	return &Engine{
		opts: o, verified: newVerifier(o.Path), overlaps: newOverlaps(), trees: newTrees(), running: newRegistry(),
		metrics: newMetrics(o.Registerer),
	}, nil
}

// Request is one statement and how it is to be run.
type Request struct {
	SQL     string
	Params  duck.Params
	Timeout time.Duration // 0 is Options.Timeout.
	// Whole switches progressive evaluation off.
	Whole bool
	// Scan switches reading by series index off: files are scanned by DuckDB.
	Scan bool
	// Relay says that the answer's Relay will be used if it can be.
	Relay bool
	// Writes says that the statement may be a DELETE.
	Writes bool
}

// Run starts a statement. The caller closes the Answer, with which the query ends;
// cancelling ctx ends it too.
//
// Errors: of the statement's, a *syntax.Error or a *duck.Error; else the classes of
// package series, context.DeadlineExceeded, context.Canceled, worker.ErrDied.
func (e *Engine) Run(ctx context.Context, tenant series.Tenant, r Request) (_ *Answer, err error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = e.opts.Timeout
	}
	if timeout < 0 || timeout > e.opts.Longest {
		return nil, fmt.Errorf("timeout %v: the longest is %v: %w", timeout, e.opts.Longest, series.ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	q := &query{engine: e, tenant: tenant, request: r, ctx: ctx, cancel: cancel, began: time.Now()}
	q.entry = e.running.begin(tenant, r.SQL)
	defer func() {
		if err != nil {
			q.end(err)
		}
	}()
	return q.run()
}
