package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// QueryOptions bound one result.
type QueryOptions struct {
	MaxRows  int64 // 0: no limit.
	MaxBytes int64 // Of Arrow rows, as they come from the child; 0: no limit.
	// Buffer makes Query wait for the end of the result, or its first MiB, so that
	// the errors of most queries come before their first row.
	Buffer bool
	// Relay says that the rows will be relayed: the child need not join small
	// batches, which is for those who decode them.
	Relay bool
}

// bufferBytes is what Query reads ahead with QueryOptions.Buffer.
const bufferBytes = 1 << 20

// Rows is the result of a query, as it comes.
//
// Ownership: a batch is valid until the next Next or Close.
type Rows struct {
	answer *answer
	reader *ipc.Reader
	opts   QueryOptions

	ahead    []arrow.RecordBatch // Read by Query, not yet by Next.
	batch    arrow.RecordBatch
	rows     int64
	bytes    int64
	bodyHint int
	done     bool
	err      error
}

// Query runs one statement. It returns when the columns are known: the first rows
// are there, or the end is.
func (s *Session) Query(ctx context.Context, sql string, params duck.Params, o QueryOptions) (*Rows, error) {
	q, err := newQuestion(sql, params)
	if err != nil {
		return nil, err
	}
	q.Apart = o.Relay
	text, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	s.pool.m.queries.Inc()
	a, err := s.begin(ctx, kindQuery, text)
	if err != nil {
		return nil, err
	}
	return newRows(a, o)
}

// newRows reads the columns of an answer, and with QueryOptions.Buffer more.
func newRows(a *answer, o QueryOptions) (_ *Rows, err error) {
	r := &Rows{answer: a, opts: o}
	r.reader, err = ipc.NewReaderFromMessageReader(messages{r}, ipc.WithAllocator(&boundedMemory{}))
	if err != nil {
		if r.err = r.cause(err); r.err == nil {
			r.err = a.fail(fmt.Errorf("no columns: %w", errProtocol))
		}
		r.Close()
		return nil, r.err
	}
	if o.Buffer {
		r.readAhead()
	}
	if r.err != nil && len(r.ahead) == 0 {
		r.Close()
		return nil, r.err
	}
	return r, nil
}

func (r *Rows) readAhead() {
	for r.bytes < bufferBytes && r.fetch() {
		r.ahead = append(r.ahead, r.batch)
		r.batch = nil
	}
	if r.err != nil {
		r.dropAhead()
	}
}

func (r *Rows) dropAhead() {
	for _, b := range r.ahead {
		b.Release()
	}
	r.ahead = nil
}

// Schema returns the columns.
func (r *Rows) Schema() *arrow.Schema { return r.reader.Schema() }

// Batch returns the rows that Next has fetched.
func (r *Rows) Batch() arrow.RecordBatch { return r.batch }

// Err returns why Next returned false: nil at the end of the rows, an error that
// wraps series.ErrLimit at a limit; else see Session.
func (r *Rows) Err() error { return r.err }

// Rows returns how many rows have come so far.
func (r *Rows) Rows() int64 { return r.rows }

// Bytes returns how many bytes of Arrow rows have come so far.
func (r *Rows) Bytes() int64 { return r.bytes }

// Next fetches the next batch.
func (r *Rows) Next() bool {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
	if len(r.ahead) > 0 {
		r.batch, r.ahead = r.ahead[0], r.ahead[1:]
		return true
	}
	return r.fetch()
}

// fetch reads a batch from the child.
func (r *Rows) fetch() bool {
	if r.done || r.err != nil {
		return false
	}
	b, err := r.decode()
	if err == nil && b == nil {
		r.done = true
		return false
	}
	if err == nil {
		r.rows += b.NumRows()
		r.batch = b
		err = r.checkLimits()
	}
	if err != nil {
		r.err = err
		return false
	}
	return true
}

// decode makes a batch of the next messages, nil at the end. What a child sends
// may be made to make the decoder panic.
func (r *Rows) decode() (b arrow.RecordBatch, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			b, err = nil, r.answer.fail(fmt.Errorf("decode rows: %v: %w", cause, errProtocol))
		}
	}()
	if !r.reader.Next() {
		if err := r.reader.Err(); err != nil && !errors.Is(err, io.EOF) {
			return nil, r.cause(err)
		}
		return nil, nil
	}
	b = r.reader.RecordBatch()
	if err := check(b); err != nil {
		return nil, r.answer.fail(fmt.Errorf("%w: %w", err, errProtocol))
	}
	b.Retain()
	return b, nil
}

// cause returns why the reader failed: what the child or the socket said, which
// came first, or else that the bytes made no sense.
func (r *Rows) cause(err error) error {
	switch {
	case r.err != nil:
		return r.err
	case r.done:
		return nil
	}
	return r.answer.fail(fmt.Errorf("%w: %w", err, errProtocol))
}

func (r *Rows) checkLimits() error {
	limit := func(name string, got, most int64) error {
		if most == 0 || got <= most {
			return nil
		}
		r.answer.session.pool.m.limits.WithLabelValues(name).Inc()
		return fmt.Errorf("the result has more than %d %s: %w", most, name, series.ErrLimit)
	}
	return errors.Join(limit("rows", r.rows, r.opts.MaxRows), limit("bytes", r.bytes, r.opts.MaxBytes))
}

// Close ends the query. In the middle of the rows, that ends the child, too. It
// may be called twice.
func (r *Rows) Close() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
	r.dropAhead()
	if r.reader != nil {
		r.reader.Release()
		r.reader = nil
	}
	a := r.answer
	if a == nil {
		return
	}
	r.answer = nil
	m := a.session.pool.m
	m.rows.Add(float64(r.rows))
	m.bytes.Add(float64(r.bytes))
	a.abandon()
}

// messages reads Arrow messages out of the answer; it implements
// ipc.MessageReader.
type messages struct{ *Rows }

// Retain implements ipc.MessageReader.
func (messages) Retain() {}

// Release implements ipc.MessageReader.
func (messages) Release() {}

// Message implements ipc.MessageReader.
func (m messages) Message() (*ipc.Message, error) {
	raw, err := m.read(rawMessage{}) // Its memory becomes the batch's.
	if err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(raw.meta), memory.NewBufferBytes(raw.body)), nil
}

// rawMessage is an Arrow message whose metadata was verified.
type rawMessage struct{ meta, body []byte }

// read returns the next message, in the memory of raw; the end is io.EOF.
func (m messages) read(raw rawMessage) (_ rawMessage, err error) {
	if m.done || m.Rows.err != nil {
		return raw, io.EOF
	}
	if raw.meta, err = m.part(kindMeta, 0, raw.meta); err != nil {
		return raw, err
	}
	if err := verify(raw.meta); err != nil {
		m.Rows.err = m.answer.fail(fmt.Errorf("%w: %w", err, errProtocol))
		return raw, m.Rows.err
	}
	if raw.body, err = m.part(kindBody, m.bodyHint, raw.body); err != nil {
		return raw, err
	}
	m.bodyHint = len(raw.body)
	m.bytes += int64(len(raw.body))
	return raw, nil
}

// part returns a message of the wanted kind. The end of the answer is io.EOF.
func (m messages) part(want kind, hint int, into []byte) ([]byte, error) {
	k, payload, err := m.answer.nextInto(hint, into)
	switch {
	case err != nil:
		m.Rows.err = err
		return nil, err
	case k == kindOK:
		m.done = true
		return nil, io.EOF
	case k != want:
		m.Rows.err = m.answer.fail(errProtocol)
		return nil, m.Rows.err
	}
	return payload, nil
}

// boundedMemory refuses what no batch of ours needs. The reader takes sizes from
// the child at their word.
type boundedMemory struct{ memory.GoAllocator }

// Allocate implements memory.Allocator.
func (b *boundedMemory) Allocate(size int) []byte {
	if size < 0 || size > maxBody {
		panic(fmt.Sprintf("batch wants %d bytes", size))
	}
	return b.GoAllocator.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (b *boundedMemory) Reallocate(size int, old []byte) []byte {
	if size < 0 || size > maxBody {
		panic(fmt.Sprintf("batch wants %d bytes", size))
	}
	return b.GoAllocator.Reallocate(size, old)
}
