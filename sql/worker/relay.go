package worker

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Relay writes all rows that are left to w as an Arrow IPC stream, without
// decoding them: who wants Arrow gets what the child wrote. seen is called with
// the rows and bytes of each batch. It is used instead of Next, before which it
// must be called.
//
// The metadata of each message was looked at, its body was not: a child that was
// taken over by its query could send its own client rows that make no sense.
func (r *Rows) Relay(w io.Writer, seen func(rows, bytes int64)) error {
	if len(r.ahead) > 0 || r.rows > 0 {
		panic("BUG: rows were read before they are relayed")
	}
	schema := ipc.GetSchemaPayload(r.reader.Schema(), memory.DefaultAllocator)
	defer schema.Release()
	if _, err := schema.WritePayload(w); err != nil {
		return fmt.Errorf("write Arrow schema: %w", err)
	}
	var raw rawMessage
	var err error
	for {
		raw, err = messages{r}.read(raw)
		if err == io.EOF && r.err == nil {
			break
		}
		if err != nil {
			r.err = r.cause(err)
			return r.err
		}
		rows := rowsOf(raw.meta)
		r.rows += rows
		seen(rows, int64(len(raw.body)))
		if r.err = r.checkLimits(); r.err != nil {
			return r.err
		}
		if err := writeMessage(w, raw); err != nil {
			return fmt.Errorf("write Arrow batch: %w", err)
		}
	}
	_, err = w.Write([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	return err
}

// writeMessage writes an encapsulated message: a continuation marker, the length of the metadata
// with their padding, the metadata, the body.
func writeMessage(w io.Writer, raw rawMessage) error {
	padded := (len(raw.meta) + 7) / 8 * 8
	head := make([]byte, 8+padded)
	binary.LittleEndian.PutUint32(head, 0xffffffff)
	binary.LittleEndian.PutUint32(head[4:], uint32(padded))
	copy(head[8:], raw.meta)
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(raw.body)
	return err
}
