package engine

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"herringbone/sql/worker"
)

// Answer is the rows of a statement as they come. It is used by one goroutine.
type Answer struct {
	Schema *arrow.Schema
	Plan   bool // The rows are the lines of a plan.

	query *query
	rows  *worker.Rows        // nil: all rows are in ready.
	ready []arrow.RecordBatch // Owned.
	batch arrow.RecordBatch
	err   error
	done  bool
}

// Next moves to the next batch.
func (a *Answer) Next() bool {
	if a.err != nil || a.done {
		return false
	}
	if a.rows == nil {
		return a.nextReady()
	}
	if !a.rows.Next() {
		if err := a.rows.Err(); err != nil {
			a.err = a.query.shown(err)
		}
		return false
	}
	a.batch = a.rows.Batch()
	a.query.entry.add(a.batch)
	return true
}

func (a *Answer) nextReady() bool {
	if a.batch != nil {
		a.batch.Release()
		a.batch = nil
	}
	if len(a.ready) == 0 {
		return false
	}
	a.batch, a.ready = a.ready[0], a.ready[1:]
	a.query.entry.add(a.batch)
	return true
}

// CanRelay reports whether Relay may be called: the rows come from the child as
// they are read.
func (a *Answer) CanRelay() bool { return a.rows != nil && a.batch == nil }

// Relay writes the rows as an Arrow IPC stream; see worker.Rows.Relay.
func (a *Answer) Relay(w io.Writer) error {
	a.err = a.query.shown(a.rows.Relay(w, a.query.entry.count))
	return a.err
}

// Batch is the current batch, valid until the next call of Next or Close.
func (a *Answer) Batch() arrow.RecordBatch { return a.batch }

// Err is the error that ended the rows, if one did.
func (a *Answer) Err() error { return a.err }

// Close ends the query.
func (a *Answer) Close() error {
	if a.done {
		return nil
	}
	a.done = true
	if a.rows != nil {
		a.rows.Close()
	}
	for a.rows == nil && a.nextReady() {
	}
	a.query.end(a.err)
	return a.err
}

// timestampAt reads a timestamp in microseconds.
func timestampAt(column arrow.Array, row int) (int64, bool) {
	t, ok := column.(*array.Timestamp)
	if !ok || row >= t.Len() || t.IsNull(row) {
		return 0, false
	}
	v := int64(t.Value(row))
	switch t.DataType().(*arrow.TimestampType).Unit {
	case arrow.Second:
		return v * 1_000_000, true
	case arrow.Millisecond:
		return v * 1_000, true
	case arrow.Nanosecond:
		return v / 1_000, true
	}
	return v, true
}
