//go:build !linux

package fsys

import "os"

func datasync(f *os.File) error { return f.Sync() }

func renameNoReplace(from, to string) error { return linkRename(from, to) }
