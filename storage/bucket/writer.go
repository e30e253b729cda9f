package bucket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"herringbone/storage/fsys"
)

// writeBuffer joins small writes; larger ones go straight to the file.
const writeBuffer = 64 << 10

// syncBytes is how much is written between two syncs. If a large object were only
// synced when it is whole, the kernel would write all of it at once, and the
// syncs of the write-ahead log beside it would wait.
const syncBytes = 4 << 20

// writer writes a file under a temporary name and renames it.
type writer struct {
	ctx  context.Context
	dir  *Directory
	temp string // Path.
	name string

	file     fsys.File // nil when the writer is done.
	buf      *bufio.Writer
	unsynced int   // Bytes.
	err      error // Of a sync; nothing is known about the bytes then.
}

var errDone = errors.New("object was committed or aborted before")

func newWriter(ctx context.Context, d *Directory, f fsys.File, temp, name string) *writer {
	return &writer{ctx: ctx, dir: d, temp: temp, name: name, file: f, buf: bufio.NewWriterSize(f, writeBuffer)}
}

// Write implements Writer.
func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, fmt.Errorf("write object %s: %w", w.name, errDone)
	}
	n, err := w.buf.Write(p) // Keeps the first error.
	if w.unsynced += n; err == nil && w.unsynced >= syncBytes {
		err = w.sync()
	}
	if err != nil {
		return n, fmt.Errorf("write object %s: %w", w.name, err)
	}
	return n, nil
}

// sync makes what was written durable. A failed one is not tried again.
func (w *writer) sync() error {
	if w.err == nil {
		if w.err = w.buf.Flush(); w.err == nil {
			w.err = w.file.Datasync()
		}
		w.unsynced = 0
	}
	return w.err
}

// Commit implements Writer. The order is what makes it durable: bytes, then the
// directories, then the name.
func (w *writer) Commit() error {
	if w.file == nil {
		return fmt.Errorf("commit object %s: %w", w.name, errDone)
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("commit object %s: %w", w.name, errors.Join(err, w.discard()))
	}
	err := w.dir.files.Rename(w.temp, w.dir.path(w.name))
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("commit object %s: %w", w.name, errors.Join(err, w.discard()))
	}
	if err := w.dir.files.SyncDir(w.dir.path(path.Dir(w.name))); err != nil {
		return fmt.Errorf("commit object %s: sync directory: %w", w.name, err)
	}
	return nil
}

// finish makes everything but the name durable, and closes the file.
func (w *writer) finish() error {
	err := w.ctx.Err()
	if err == nil {
		err = w.sync()
	}
	err = errors.Join(err, w.file.Close())
	w.file, w.buf = nil, nil
	if err != nil {
		return err
	}
	return w.dir.makeParent(w.name)
}

// Abort implements Writer.
func (w *writer) Abort() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file, w.buf = nil, nil
	if err := errors.Join(err, w.discard()); err != nil {
		return fmt.Errorf("abort object %s: %w", w.name, err)
	}
	return nil
}

// discard removes the temporary file. It needs no sync: Dir removes it too.
func (w *writer) discard() error { return w.dir.files.Remove(w.temp) }
