package fsys

import (
	"errors"
	"os"
)

// OS is the file system of the machine. Files are made with mode 0600 and
// directories with 0700.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Open(name string) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Truncate(name string, size int64) (err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	return f.Sync()
}

func (osFS) Rename(from, to string) error {
	if err := renameNoReplace(from, to); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) Mkdir(dir string) error { return os.Mkdir(dir, 0o700) }

func (osFS) ReadDir(dir string) ([]Entry, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(found))
	for i, e := range found {
		entries[i] = Entry{Name: e.Name(), Dir: e.IsDir()}
	}
	return entries, nil
}

func (osFS) Stat(name string) (Stat, error) {
	st, err := os.Stat(name)
	if err != nil {
		return Stat{}, err
	}
	return Stat{Size: st.Size(), Modified: st.ModTime(), Dir: st.IsDir()}, nil
}

func (osFS) SyncDir(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

type osFile struct{ *os.File }

func (f osFile) Datasync() error {
	if err := datasync(f.File); err != nil {
		return &os.PathError{Op: "datasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
