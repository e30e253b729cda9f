package wal

import (
	"errors"
	"fmt"
	"io"
)

// readAhead is how many bytes a window reads at once.
const readAhead = 512 << 10

// window reads a file from front to back through one buffer, which grows to the
// longest piece asked for.
type window struct {
	file io.ReaderAt
	size int64  // Of the file.
	at   int64  // Offset of buf.
	buf  []byte // Shared with what bytes has returned.
}

// bytes returns n bytes at offset off, fewer only at the end of the file. They
// are valid until the next call.
func (w *window) bytes(off int64, n int) ([]byte, error) {
	n = int(min(int64(n), w.size-off))
	if off < w.at || off+int64(n) > w.at+int64(len(w.buf)) {
		if err := w.fill(off, max(n, readAhead)); err != nil {
			return nil, err
		}
	}
	from := int(off - w.at)
	return w.buf[from : from+n], nil
}

// rest returns what the window holds from off on: at least n bytes, fewer only
// at the end of the file. It reads only if there are fewer than n, so that a
// search may ask again after every step.
func (w *window) rest(off int64, n int) ([]byte, error) {
	if _, err := w.bytes(off, n); err != nil {
		return nil, err
	}
	return w.buf[off-w.at:], nil
}

// fill moves the window to off, keeping the bytes it has already.
func (w *window) fill(off int64, n int) error {
	n = int(min(int64(n), w.size-off))
	var have []byte
	if off >= w.at && off < w.at+int64(len(w.buf)) {
		have = w.buf[off-w.at:]
	}
	into := w.buf
	if cap(into) < n {
		into = make([]byte, n)
	}
	kept := copy(into[:n], have)
	w.at, w.buf = off, into[:n]
	if got, err := w.file.ReadAt(w.buf[kept:], off+int64(kept)); got < n-kept {
		w.buf = w.buf[:0]
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // The file is shorter than it was.
		}
		return fmt.Errorf("read %d bytes at offset %d: %w", n-kept, off+int64(kept), err)
	}
	return nil
}
