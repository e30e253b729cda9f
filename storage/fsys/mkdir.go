package fsys

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// MkdirAll makes dir and whatever is missing above it; all of it is durable
// when MkdirAll returns nil.
//
// A directory that exists already may have been made by a process that died
// before its sync. Directories are made and synced one by one from the top, so
// only the lowest existing one can be such, and its name is synced too.
func MkdirAll(fsys FS, dir string) error {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	st, err := fsys.Stat(dir)
	switch {
	case err == nil && !st.Dir:
		return fmt.Errorf("make directory %s: a file has that name: %w", dir, fs.ErrExist)
	case err == nil:
		if err := fsys.SyncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("sync directory %s: %w", parent, err)
		}
		return nil // A parent that we may not open is not one we made dir in.
	case !errors.Is(err, fs.ErrNotExist) || parent == dir:
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	if err := MkdirAll(fsys, parent); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("sync directory %s: %w", parent, err)
	}
	return nil
}
