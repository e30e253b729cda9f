package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"herringbone/storage/fsys"
)

// tempDir holds the objects that have no name yet. No name can begin with it.
const tempDir = ".tmp"

// Directory is a Bucket in a directory: an object is the file of its name.
// Directories that become empty stay.
type Directory struct {
	files fsys.FS
	root  string
	temps atomic.Uint64 // How many temporary files were made.

	mu   sync.Mutex          // Guards made, also while a directory is being made.
	made map[string]struct{} // Directories that are durable.
}

var _ Bucket = (*Directory)(nil)

// Dir opens the bucket in the directory root and makes it if needed. What
// writers left unnamed is removed, so only one process may have it open: the
// caller holds a lock.
func Dir(files fsys.FS, root string) (*Directory, error) {
	d := &Directory{files: files, root: filepath.Clean(root), made: map[string]struct{}{}}
	if err := fsys.MkdirAll(files, d.path(tempDir)); err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	left, err := files.ReadDir(d.path(tempDir))
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	for _, e := range left {
		if err := files.Remove(d.path(tempDir + "/" + e.Name)); err != nil {
			return nil, fmt.Errorf("open bucket: remove unnamed object: %w", err)
		}
	}
	return d, nil
}

func (d *Directory) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

// makeParent makes the directories that an object needs. One that was made by
// another goroutine, or a process before, counts only when it is durable too.
func (d *Directory) makeParent(name string) error {
	dir := d.path(path.Dir(name))
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.made[dir]; ok {
		return nil
	}
	if err := fsys.MkdirAll(d.files, dir); err != nil {
		return err
	}
	d.made[dir] = struct{}{}
	return nil
}

// Create implements Bucket.
func (d *Directory) Create(ctx context.Context, name string) (Writer, error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return nil, fmt.Errorf("create object: %w", err)
	}
	temp := d.path(tempDir + "/" + strconv.FormatUint(d.temps.Add(1), 10))
	f, err := d.files.Create(temp)
	if err != nil {
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	return newWriter(ctx, d, f, temp, name), nil
}

// Open implements Bucket.
func (d *Directory) Open(ctx context.Context, name string) (_ Object, err error) {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	st, err := d.files.Stat(d.path(name))
	if missing(err) || err == nil && st.Dir {
		return nil, fmt.Errorf("open object %s: %w", name, ErrNotFound)
	}
	f, err := d.files.Open(d.path(name))
	if missing(err) {
		return nil, fmt.Errorf("open object %s: %w", name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, err)
	}
	return &object{File: f, size: st.Size}, nil // An object never changes its size.
}

// Delete implements Bucket.
func (d *Directory) Delete(ctx context.Context, name string) error {
	if err := errors.Join(CheckName(name), ctx.Err()); err != nil {
		return fmt.Errorf("delete object: %w", err)
	}
	if st, err := d.files.Stat(d.path(name)); err == nil && st.Dir {
		return nil
	}
	if err := d.files.Remove(d.path(name)); err != nil && !missing(err) {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	// Also if it was missing: an earlier Delete may have stopped here.
	if err := d.files.SyncDir(d.path(path.Dir(name))); err != nil && !missing(err) {
		return fmt.Errorf("delete object %s: sync directory: %w", name, err)
	}
	return nil
}

// missing is also true where a part of the path is a file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

type object struct {
	fsys.File
	size int64
}

func (o *object) Size() int64 { return o.size }

// Path is the file that holds the object name, for those who give it a second
// name or read it without the bucket. It exists as long as the object does.
func (d *Directory) Path(name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", fmt.Errorf("locate object: %w", err)
	}
	return d.path(name), nil
}
