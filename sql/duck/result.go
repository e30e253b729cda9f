package duck

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Result is the rows of a running query. DuckDB works ahead by at most its
// streaming buffer (about 1 MiB).
//
// Ownership: a batch is valid until the next Next or Close; Retain it to keep it.
type Result struct {
	stop    func()
	ctx     context.Context
	st      duckdb.PreparedStatement
	res     duckdb.Result
	options duckdb.ArrowOptions
	schema  *arrow.Schema
	batch   arrow.RecordBatch
	err     error
}

// Query runs exactly one statement; anything else is an error before anything has
// run. When ctx ends, DuckDB is interrupted and Next ends with an Interrupt error.
// The caller closes the result.
func (i *Instance) Query(ctx context.Context, sql string, params Params) (_ *Result, err error) {
	r := &Result{stop: i.watch(ctx), ctx: ctx}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	if err := i.addMacros(sql); err != nil {
		return nil, err
	}
	if r.st, err = i.prepare(sql, params); err != nil {
		return nil, err
	}
	// Between two phases of a statement DuckDB forgets an interrupt, so ask.
	if ctx.Err() != nil {
		return nil, &Error{Class: Interrupt, Message: "interrupted", Position: -1}
	}
	if duckdb.ExecutePreparedStreaming(r.st, &r.res) != duckdb.StateSuccess {
		return nil, parse(duckdb.ResultError(&r.res))
	}
	r.options = duckdb.ResultGetArrowOptions(&r.res)
	r.schema, err = arrowSchema(r.options, &r.res)
	return r, err
}

// Schema returns the columns, named and typed as DuckDB exports them.
func (r *Result) Schema() *arrow.Schema { return r.schema }

// Batch returns the rows that Next has fetched: one to 2,048.
func (r *Result) Batch() arrow.RecordBatch { return r.batch }

// Err returns why Next returned false: nil at the end of the rows.
func (r *Result) Err() error { return r.err }

// Next fetches the next batch.
func (r *Result) Next() bool {
	r.drop()
	if r.err != nil {
		return false
	}
	chunk := duckdb.FetchChunk(r.res)
	if chunk.Ptr == nil {
		if text := duckdb.ResultError(&r.res); text != "" {
			r.err = parse(text)
		}
		return false
	}
	defer duckdb.DestroyDataChunk(&chunk)
	if duckdb.DataChunkGetSize(chunk) == 0 {
		return false
	}
	r.batch, r.err = arrowBatch(r.options, r.schema, chunk)
	return r.err == nil
}

func (r *Result) drop() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Close ends the query, finished or not. It may be called twice.
func (r *Result) Close() {
	r.drop()
	if r.stop == nil {
		return
	}
	if r.options.Ptr != nil {
		duckdb.DestroyArrowOptions(&r.options)
	}
	duckdb.DestroyResult(&r.res)
	duckdb.DestroyPrepare(&r.st)
	r.stop()
	r.stop = nil
}
