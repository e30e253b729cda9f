package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sync/singleflight"
	"golang.org/x/sys/unix"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// verifier checks the bytes of files before their first use: DuckDB checks no
// checksums, and a flipped bit would become a wrong number.
type verifier struct {
	path func(ctx context.Context, f *catalog.File) (string, error)

	flight singleflight.Group
	mu     sync.Mutex
	known  map[string]identity // By file ID.
}

// identity tells when a file was replaced or touched since it was checked.
type identity struct {
	device, inode  uint64
	size, modified int64
}

func newVerifier(path func(ctx context.Context, f *catalog.File) (string, error)) *verifier {
	return &verifier{path: path, known: map[string]identity{}}
}

// verify returns the path of a file whose bytes are those the catalog recorded.
// hashed is their number if they had to be read.
func (v *verifier) verify(ctx context.Context, f *catalog.File) (path string, hashed int64, err error) {
	path, err = v.path(ctx, f)
	if err != nil {
		return "", 0, fmt.Errorf("locate file %s: %w", f.Name, err)
	}
	id, err := identify(path, f)
	if err != nil {
		return "", 0, err
	}
	v.mu.Lock()
	known := v.known[f.ID] == id
	v.mu.Unlock()
	if known {
		return path, 0, nil
	}
	_, err, _ = v.flight.Do(f.ID, func() (any, error) { return nil, hash(path, f) })
	if err != nil {
		return "", f.Size, err
	}
	v.mu.Lock()
	v.known[f.ID] = id
	v.mu.Unlock()
	return path, f.Size, nil
}

func identify(path string, f *catalog.File) (identity, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return identity{}, fmt.Errorf("file %s is in the catalog and not in the bucket: %w", f.Name, series.ErrCorrupt)
	case err != nil:
		return identity{}, fmt.Errorf("look at file %s: %w", f.Name, err)
	case info.Size() != f.Size:
		return identity{}, fmt.Errorf("file %s has %d bytes, the catalog says %d: %w", f.Name, info.Size(), f.Size, series.ErrCorrupt)
	}
	id := identity{size: info.Size(), modified: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode = uint64(st.Dev), st.Ino
	}
	return id, nil
}

func hash(path string, f *catalog.File) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open file %s: %w", f.Name, err)
	}
	defer file.Close() // Only read.
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return fmt.Errorf("read file %s: %w", f.Name, err)
	}
	if sum := [32]byte(h.Sum(nil)); sum != f.SHA256 {
		return fmt.Errorf("file %s has SHA-256 %x, the catalog says %x: %w", f.Name, sum[:8], f.SHA256[:8], series.ErrCorrupt)
	}
	return nil
}

// prefetch asks the kernel for a file that may be needed next. An error comes
// again when the file is used.
func (v *verifier) prefetch(ctx context.Context, f *catalog.File) {
	path, err := v.path(ctx, f)
	if err != nil {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close() // Only read.
	_ = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_WILLNEED)
}

// forget drops what is known of files that are no longer live, so that the map
// does not grow for ever.
func (v *verifier) forget(live *catalog.Snapshot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) < 2*live.Len()+1000 {
		return
	}
	keep := make(map[string]identity, live.Len())
	for f := range live.All() {
		if id, ok := v.known[f.ID]; ok {
			keep[f.ID] = id
		}
	}
	v.known = keep
}

// links are the files that one query's child can see. The session removes them
// when it is closed.
type links struct {
	dir  string
	made map[string]string // Path of the link, by file ID.
}

func newLinks(dir string) *links { return &links{dir: dir, made: map[string]string{}} }

// add gives a file a name in the child's directory and returns it.
func (l *links) add(f *catalog.File, path string) (string, error) {
	if p, ok := l.made[f.ID]; ok {
		return p, nil
	}
	p := filepath.Join(l.dir, fmt.Sprintf("L%d-%s.parquet", f.Level, f.ID))
	if err := os.Link(path, p); err != nil {
		return "", fmt.Errorf("link file %s: %w", f.Name, err)
	}
	l.made[f.ID] = p
	return p, nil
}
