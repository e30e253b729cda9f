package shell

import (
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"herringbone/sql/format"
	"herringbone/storage/series"
)

// drawn says whether results are drawn here.
func (s *session) drawn() bool { return s.format == expanded || s.format == string(format.Pretty) }

// wireFormat is what the node is asked for.
func (s *session) wireFormat() string {
	if s.drawn() {
		return string(format.Arrow)
	}
	return s.format
}

// checkTerminal keeps bytes that are not text off a terminal.
func (s *session) checkTerminal() error {
	f, ok := s.out.(*os.File)
	if !ok || !format.Format(s.format).Binary() {
		return nil
	}
	if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 && st.Name() != os.DevNull {
		return fmt.Errorf("format %s is not for a terminal: send it to a file (\\o file, or > file): %w", s.format, series.ErrInvalid)
	}
	return nil
}

// render writes an answer to its end.
func (s *session) render(body io.Reader) error {
	if !s.drawn() {
		if _, err := io.Copy(s.out, body); err != nil {
			return cutOff(err)
		}
		return nil
	}
	in := &tail{r: body}
	rows, err := ipc.NewReader(in)
	if err != nil {
		return cutOff(err)
	}
	defer rows.Release()
	e, err := format.New(format.Pretty, s.out, rows.Schema(), format.Options{Expanded: s.format == expanded, MaxWidth: maxWidth(rows.Schema())})
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := e.Write(rows.RecordBatch()); err != nil {
			return err
		}
	}
	if rows.Err() != nil {
		return cutOff(rows.Err())
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return cutOff(err)
	}
	if in.last != endOfStream {
		return cutOff(io.ErrUnexpectedEOF)
	}
	return e.Close()
}

// maxWidth is that of the pretty table; the lines of a plan (EXPLAIN) are shown
// whole.
func maxWidth(result *arrow.Schema) int {
	if result.NumFields() == 2 && result.Field(0).Name == "plan_type" {
		return -1
	}
	return format.DefaultMaxWidth
}

// endOfStream is Arrow's end-of-stream marker. Its reader takes any end between two batches
// for the end of the stream, even one that a proxy made of a broken connection.
var endOfStream = [8]byte{0xff, 0xff, 0xff, 0xff}

// tail remembers the last bytes read.
type tail struct {
	r    io.Reader
	last [8]byte
}

func (t *tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n < len(t.last) {
		copy(t.last[:], t.last[n:])
	}
	copy(t.last[max(0, len(t.last)-n):], p[max(0, n-len(t.last)):n])
	return n, err
}

// cutOff is the error of an answer that began well. The node's status line was
// sent before the query failed, so the reason is not in the answer.
func cutOff(err error) error {
	return fmt.Errorf("the answer was cut off, what is shown is not the whole result (the query failed midway: the node's log and system.queries may say why): %w", err)
}
