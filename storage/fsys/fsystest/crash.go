package fsystest

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"herringbone/storage/fsys"
)

// Crash is an fsys.FS in memory. It starts with an empty root directory;
// relative names are under the root.
//
// Concurrency: every method may be called from any goroutine.
type Crash struct {
	hook atomic.Pointer[Hook]

	mu   sync.Mutex // Guards root and every node under it.
	root *node
}

var _ fsys.FS = (*Crash)(nil)

// NewCrash returns an empty file system.
func NewCrash() *Crash { return &Crash{root: newDir()} }

// SetHook sets the hook that sees every later operation; nil removes it.
func (c *Crash) SetHook(h Hook) {
	if h == nil {
		c.hook.Store(nil)
		return
	}
	c.hook.Store(&h)
}

func (c *Crash) before(op Op) error {
	if h := c.hook.Load(); h != nil {
		return (*h)(op)
	}
	return nil
}

func clean(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }

// begin is what every operation starts with: the hook, then the lock. Unless
// it returns an error, c.mu is held.
func (c *Crash) begin(op Op) error {
	if err := c.before(op); err != nil {
		return pathError(op.Kind, op.Name, err)
	}
	c.mu.Lock()
	return nil
}

func pathError(kind Kind, name string, err error) error {
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}

// find returns the node of a clean name.
func (c *Crash) find(name string) (*node, error) {
	if name == "/" {
		return c.root, nil
	}
	parent, err := c.find(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if !parent.dir {
		return nil, syscall.ENOTDIR
	}
	if n, ok := parent.names[path.Base(name)]; ok {
		return n, nil
	}
	return nil, fs.ErrNotExist
}

func (c *Crash) findDir(name string) (*node, error) {
	n, err := c.find(name)
	if err == nil && !n.dir {
		return nil, syscall.ENOTDIR
	}
	return n, err
}

func (c *Crash) findFile(name string) (*node, error) {
	n, err := c.find(name)
	if err == nil && n.dir {
		return nil, syscall.EISDIR
	}
	return n, err
}

// free returns the directory in which name may be made.
func (c *Crash) free(name string) (*node, error) {
	parent, err := c.findDir(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if _, taken := parent.names[path.Base(name)]; taken || name == "/" {
		return nil, fs.ErrExist
	}
	return parent, nil
}

// Create implements fsys.FS.
func (c *Crash) Create(name string) (fsys.File, error) {
	name = clean(name)
	if err := c.begin(Op{Kind: Create, Name: name}); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	parent, err := c.free(name)
	if err != nil {
		return nil, pathError(Create, name, err)
	}
	n := newFile()
	parent.apply(change{path.Base(name): n})
	return &file{crash: c, node: n, name: name, writable: true}, nil
}

// Open implements fsys.FS.
func (c *Crash) Open(name string) (fsys.File, error) {
	name = clean(name)
	if err := c.begin(Op{Kind: Open, Name: name}); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	n, err := c.find(name)
	if err != nil {
		return nil, pathError(Open, name, err)
	}
	return &file{crash: c, node: n, name: name}, nil
}

// Truncate implements fsys.FS.
func (c *Crash) Truncate(name string, size int64) error {
	name = clean(name)
	if err := c.begin(Op{Kind: Truncate, Name: name, Size: int(size)}); err != nil {
		return err
	}
	defer c.mu.Unlock()
	n, err := c.findFile(name)
	if err != nil {
		return pathError(Truncate, name, err)
	}
	if size < 0 || size > int64(len(n.bytes)) {
		return pathError(Truncate, name, syscall.EINVAL)
	}
	n.truncate(int(size))
	n.datasync()
	return nil
}

// Rename implements fsys.FS.
func (c *Crash) Rename(from, to string) error {
	from, to = clean(from), clean(to)
	if err := c.begin(Op{Kind: Rename, Name: from, To: to}); err != nil {
		return err
	}
	defer c.mu.Unlock()
	n, err := c.find(from)
	if err != nil {
		return pathError(Rename, from, err)
	}
	dst, err := c.free(to)
	if err != nil {
		return pathError(Rename, to, err)
	}
	src, err := c.findDir(path.Dir(from))
	if err != nil {
		return pathError(Rename, from, err)
	}
	if src == dst {
		src.apply(change{path.Base(from): nil, path.Base(to): n})
		return nil
	}
	dst.apply(change{path.Base(to): n})
	src.apply(change{path.Base(from): nil})
	return nil
}

// Remove implements fsys.FS.
func (c *Crash) Remove(name string) error {
	name = clean(name)
	if err := c.begin(Op{Kind: Remove, Name: name}); err != nil {
		return err
	}
	defer c.mu.Unlock()
	n, err := c.find(name)
	if err == nil && len(n.names) > 0 {
		err = syscall.ENOTEMPTY
	}
	if err != nil {
		return pathError(Remove, name, err)
	}
	parent, err := c.findDir(path.Dir(name))
	if err != nil {
		return pathError(Remove, name, err)
	}
	parent.apply(change{path.Base(name): nil})
	return nil
}

// Mkdir implements fsys.FS.
func (c *Crash) Mkdir(dir string) error {
	dir = clean(dir)
	if err := c.begin(Op{Kind: Mkdir, Name: dir}); err != nil {
		return err
	}
	defer c.mu.Unlock()
	parent, err := c.free(dir)
	if err != nil {
		return pathError(Mkdir, dir, err)
	}
	parent.apply(change{path.Base(dir): newDir()})
	return nil
}

// ReadDir implements fsys.FS.
func (c *Crash) ReadDir(dir string) ([]fsys.Entry, error) {
	dir = clean(dir)
	if err := c.begin(Op{Kind: ReadDir, Name: dir}); err != nil {
		return nil, err
	}
	defer c.mu.Unlock()
	n, err := c.findDir(dir)
	if err != nil {
		return nil, pathError(ReadDir, dir, err)
	}
	entries := make([]fsys.Entry, 0, len(n.names))
	for name, child := range maps.All(n.names) {
		entries = append(entries, fsys.Entry{Name: name, Dir: child.dir})
	}
	slices.SortFunc(entries, func(a, b fsys.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// Stat implements fsys.FS.
func (c *Crash) Stat(name string) (fsys.Stat, error) {
	name = clean(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.find(name)
	if err != nil {
		return fsys.Stat{}, pathError("stat", name, err)
	}
	return fsys.Stat{Size: int64(len(n.bytes)), Modified: n.modified, Dir: n.dir}, nil
}

// SyncDir implements fsys.FS.
func (c *Crash) SyncDir(dir string) error {
	dir = clean(dir)
	if err := c.begin(Op{Kind: SyncDir, Name: dir}); err != nil {
		return err
	}
	defer c.mu.Unlock()
	n, err := c.findDir(dir)
	if err != nil {
		return pathError(SyncDir, dir, err)
	}
	n.syncDir()
	return nil
}

// ReadFile returns a file's bytes without a call of the hook.
func (c *Crash) ReadFile(name string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.findFile(clean(name))
	if err != nil {
		return nil, pathError(Read, name, err)
	}
	return slices.Clone(n.bytes), nil
}

// WriteFile sets a file's bytes, durably and without a call of the hook; the
// directory must exist. Tests damage files with it.
func (c *Crash) WriteFile(name string, bytes []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	name = clean(name)
	n, err := c.findFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		var parent *node
		if parent, err = c.free(name); err == nil {
			n = newFile()
			put(parent.names, change{path.Base(name): n})
			put(parent.durable, change{path.Base(name): n})
		}
	}
	if err != nil {
		return pathError(Write, name, err)
	}
	n.bytes, n.synced, n.dirtyFrom = slices.Clone(bytes), slices.Clone(bytes), len(bytes)
	return nil
}
