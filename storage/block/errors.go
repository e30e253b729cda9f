package block

import (
	"errors"
	"fmt"
	"io"

	"herringbone/storage/series"
)

// CorruptError says that bytes of a file are damaged or missing. It wraps
// series.ErrCorrupt.
type CorruptError struct {
	File   string
	Offset int64 // Of the damaged piece (tail, page), in bytes from the start.
	What   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("file %s is corrupt at offset %d: %s", e.File, e.Offset, e.What)
}

// Unwrap makes errors.Is(err, series.ErrCorrupt) true.
func (e *CorruptError) Unwrap() error { return series.ErrCorrupt }

// readAt fills b from offset off. A file that ends too early is corrupt; any
// other error is the reader's own.
func readAt(r io.ReaderAt, name string, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &CorruptError{name, off, fmt.Sprintf("file ends after %d of %d bytes", n, len(b))}
	default:
		return fmt.Errorf("read %d bytes of %s at %d: %w", len(b), name, off, err)
	}
}
