package fsystest

import (
	"io"
	"io/fs"
	"sync/atomic"
	"syscall"
)

// file is an open file of a Crash.
type file struct {
	crash    *Crash
	node     *node
	name     string
	writable bool
	closed   atomic.Bool
}

func (f *file) check(kind Kind) error {
	if f.closed.Load() {
		return pathError(kind, f.name, fs.ErrClosed)
	}
	return nil
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.check(Write); err != nil {
		return 0, err
	}
	if !f.writable {
		return 0, pathError(Write, f.name, syscall.EBADF)
	}
	err := f.crash.before(Op{Kind: Write, Name: f.name, Size: len(p)})
	n := len(p)
	if err != nil {
		n, err = keptBytes(err, len(p)), pathError(Write, f.name, err)
	}
	f.crash.mu.Lock()
	defer f.crash.mu.Unlock()
	f.node.write(p[:n])
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check(Read); err != nil {
		return 0, err
	}
	if err := f.crash.begin(Op{Kind: Read, Name: f.name, Size: len(p)}); err != nil {
		return 0, err
	}
	defer f.crash.mu.Unlock()
	switch {
	case f.node.dir:
		return 0, pathError(Read, f.name, syscall.EISDIR)
	case off < 0:
		return 0, pathError(Read, f.name, syscall.EINVAL)
	case off >= int64(len(f.node.bytes)):
		return 0, io.EOF
	}
	n := copy(p, f.node.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Datasync() error {
	if err := f.check(Datasync); err != nil {
		return err
	}
	err := f.crash.before(Op{Kind: Datasync, Name: f.name})
	f.crash.mu.Lock()
	defer f.crash.mu.Unlock()
	if err != nil {
		f.node.failSync()
		return pathError(Datasync, f.name, err)
	}
	f.node.datasync()
	return nil
}

func (f *file) Size() (int64, error) {
	if err := f.check("size"); err != nil {
		return 0, err
	}
	f.crash.mu.Lock()
	defer f.crash.mu.Unlock()
	return int64(len(f.node.bytes)), nil
}

func (f *file) Close() error {
	if f.closed.Swap(true) {
		return pathError("close", f.name, fs.ErrClosed)
	}
	return nil
}
