package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// errSocket: the parent cannot be told any more.
var errSocket = errors.New("write to the parent")

// load makes a table from the rows that follow the request.
func (c *child) load(r request) (err error) {
	in := &incoming{requests: c.requests}
	// Whatever happens, the rows have to be read off the socket.
	defer func() {
		_, drainErr := io.Copy(io.Discard, in)
		err = errors.Join(err, drainErr)
	}()
	rdr, err := ipc.NewReader(in)
	if err != nil {
		return fmt.Errorf("load table %s: %w", r.payload, err)
	}
	defer rdr.Release()
	return c.instance.Load(r.ctx, string(r.payload), rdr)
}

// incoming reads the rows of a load.
type incoming struct {
	requests <-chan request
	left     []byte
	err      error
}

// Read implements io.Reader.
func (in *incoming) Read(p []byte) (int, error) {
	for len(in.left) == 0 && in.err == nil {
		r := <-in.requests
		switch {
		case r.kind == kindRows:
			in.left = r.payload
		case r.kind == kindEnd && len(r.payload) > 0:
			in.err = fmt.Errorf("rows broken off: %s", r.payload)
		case r.kind == kindEnd:
			in.err = io.EOF
		default:
			in.err = fmt.Errorf("request %c within rows: %w", r.kind, errProtocol)
		}
	}
	if len(in.left) == 0 {
		return 0, in.err
	}
	n := copy(p, in.left)
	in.left = in.left[n:]
	return n, nil
}

// query streams the rows of one statement.
func (c *child) query(r request) error {
	var q question
	if err := json.Unmarshal(r.payload, &q); err != nil {
		return err
	}
	params, err := q.params()
	if err != nil {
		return err
	}
	res, err := c.instance.Query(r.ctx, q.SQL, params)
	if err != nil {
		return err
	}
	defer res.Close()
	w := ipc.NewWriterWithPayloadWriter(outgoing{c.frames}, ipc.WithSchema(res.Schema()))
	j := joiner{writer: w, apart: q.Apart}
	defer j.release()
	for res.Next() {
		if err := j.add(res.Batch()); err != nil {
			return err
		}
	}
	if err := errors.Join(res.Err(), j.flush()); err != nil {
		return err
	}
	return w.Close() // Writes the schema if there was no row.
}

// joined is how many rows make a message: DuckDB gives 2,048 at a time, and each
// message costs the child, the parent and its client some ten microseconds.
const joined = 32 << 10

// joinedBytes bounds a message likewise, where rows are wide.
const joinedBytes = 2 << 20

// firstJoined bounds the first message, so that first rows come soon.
const firstJoined = 2 << 10

// joiner puts small batches together.
type joiner struct {
	writer *ipc.Writer
	held   []arrow.RecordBatch
	rows   int64
	bytes  int64
	began  bool
	apart  bool // Batches are sent as they come.
}

func (j *joiner) add(b arrow.RecordBatch) error {
	b.Retain()
	j.held = append(j.held, b)
	j.rows += b.NumRows()
	j.bytes += sizeOf(b)
	if !j.apart && j.rows < joined && j.bytes < joinedBytes && (j.began || j.rows < firstJoined) {
		return nil
	}
	j.began = true
	return j.flush()
}

func (j *joiner) flush() error {
	defer j.release()
	if len(j.held) > 1 {
		if b, err := j.join(); err == nil {
			defer b.Release()
			return writeBatch(j.writer, b)
		} // There are types that Arrow cannot put together: as they came, then.
	}
	for _, b := range j.held {
		if err := writeBatch(j.writer, b); err != nil {
			return err
		}
	}
	return nil
}

func (j *joiner) join() (arrow.RecordBatch, error) {
	schema := j.held[0].Schema()
	columns := make([]arrow.Array, schema.NumFields())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	parts := make([]arrow.Array, len(j.held))
	for i := range columns {
		for k, b := range j.held {
			parts[k] = b.Column(i)
		}
		c, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("join batches: %w", err)
		}
		columns[i] = c
	}
	return array.NewRecordBatch(schema, columns, j.rows), nil
}

func (j *joiner) release() {
	for _, b := range j.held {
		b.Release()
	}
	j.held, j.rows, j.bytes = j.held[:0], 0, 0
}

// splitAt is the size above which a batch is sent in pieces.
const splitAt = maxBody / 4

func sizeOf(b arrow.RecordBatch) (n int64) {
	for _, column := range b.Columns() {
		n += int64(column.Data().SizeInBytes())
	}
	return n
}

func writeBatch(w *ipc.Writer, b arrow.RecordBatch) error {
	rows := b.NumRows()
	each := rows
	size := sizeOf(b)
	if size > splitAt {
		each = max(1, rows*splitAt/size)
	}
	for from := int64(0); from < rows; from += each {
		part := b.NewSlice(from, min(from+each, rows))
		err := w.Write(part)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// outgoing sends Arrow messages to the parent. It implements ipc.PayloadWriter.
type outgoing struct{ frames }

// Start implements ipc.PayloadWriter.
func (outgoing) Start() error { return nil }

// Close implements ipc.PayloadWriter: ok ends the stream.
func (outgoing) Close() error { return nil }

// WritePayload implements ipc.PayloadWriter.
func (o outgoing) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	err := o.piece(kindMeta, meta.Bytes(), false)
	if err == nil {
		err = p.SerializeBody(bodyWriter(o))
	}
	if err == nil {
		err = o.send(kindBody, nil)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSocket, err)
	}
	return nil
}

// bodyWriter sends what is written as pieces of a body.
type bodyWriter struct{ frames }

// Write implements io.Writer.
func (b bodyWriter) Write(p []byte) (int, error) {
	return len(p), b.piece(kindBody, p, true)
}
