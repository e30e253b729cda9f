package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"herringbone/storage/fsys"
)

// evidence copies damaged bytes of a segment to files beside it.
type evidence struct {
	files fsys.FS
	dir   string
	seq   uint64
	from  io.ReaderAt // The segment.
}

// keep makes a durable copy of length bytes at offset and returns its path. A
// file of that name, left by an earlier replay, is used if it holds the same
// bytes, and otherwise left alone: the copy gets another name.
func (e *evidence) keep(infix string, offset, length int64) (string, error) {
	for attempt := 1; ; attempt++ {
		path := filepath.Join(e.dir, asideName(e.seq, infix, offset, attempt))
		err := e.write(path, io.NewSectionReader(e.from, offset, length))
		if errors.Is(err, fs.ErrExist) {
			var same bool
			if same, err = e.same(path, io.NewSectionReader(e.from, offset, length)); err == nil && !same {
				continue
			}
		}
		if err == nil {
			err = e.files.SyncDir(e.dir)
		}
		if err != nil {
			return "", fmt.Errorf("keep %d bytes at offset %d in %s: %w", length, offset, path, err)
		}
		return path, nil
	}
}

func (e *evidence) write(path string, content io.Reader) (err error) {
	f, err := e.files.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return f.Datasync()
}

// same reports whether the file at path holds content, and makes it durable:
// whoever wrote it may have died before its sync.
func (e *evidence) same(path string, content *io.SectionReader) (_ bool, err error) {
	f, err := e.files.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil || size != content.Size() {
		return false, err
	}
	const step = 64 << 10
	a, b := make([]byte, step), make([]byte, step)
	for off := int64(0); off < size; off += step {
		n := min(step, size-off)
		if _, err := content.ReadAt(a[:n], off); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if _, err := f.ReadAt(b[:n], off); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return false, nil
		}
	}
	return true, f.Datasync()
}
