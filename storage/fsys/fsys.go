package fsys

import (
	"io"
	"time"
)

// FS is a file system. Names are paths as the operating system writes them.
//
// Durability: a change is promised to survive a power loss only after the sync
// that is named at the method. Before that it may survive in whole, in part, or
// not at all, whatever the order of the changes was.
//
// Concurrency: every method may be called from any goroutine.
//
// Errors: fs.ErrExist and fs.ErrNotExist can be asked for with errors.Is. Every
// other error means that the outcome is unknown.
type FS interface {
	// Create makes a new, empty file for writing and reading; fs.ErrExist if the
	// name is taken. The name is durable after SyncDir of its directory.
	Create(name string) (File, error)
	// Open opens an existing file for reading; writing to it is an error.
	Open(name string) (File, error)
	// Truncate cuts the file to size bytes. The cut is durable when Truncate
	// returns nil.
	Truncate(name string, size int64) error
	// Rename gives a file a new name, in one step and never in place of another
	// file: fs.ErrExist. The new name is durable after SyncDir of its directory,
	// the end of the old one after SyncDir of the old directory.
	Rename(from, to string) error
	// Remove removes a file's name, or an empty directory. The removal is durable
	// after SyncDir of its directory.
	Remove(name string) error
	// Mkdir makes one directory; fs.ErrExist if the name is taken. It is durable
	// after SyncDir of its parent. MkdirAll is what most callers want.
	Mkdir(dir string) error
	// ReadDir lists a directory in the byte order of names.
	ReadDir(dir string) ([]Entry, error)
	// Stat describes a file or directory.
	Stat(name string) (Stat, error)
	// SyncDir makes the names in dir durable: those made, changed and removed.
	SyncDir(dir string) error
}

// File is an open file. Write appends at the end. ReadAt may be called from any
// goroutine, also during a Write; the other methods by one goroutine at a time.
type File interface {
	io.Writer
	io.ReaderAt
	io.Closer

	// Datasync makes the bytes written so far, and the file's length, durable.
	// After an error nothing is known about them, and calling it again proves
	// nothing: the kernel may have dropped what it could not write.
	Datasync() error
	// Size is the file's length in bytes.
	Size() (int64, error)
}

// Entry is one name in a directory.
type Entry struct {
	Name string
	Dir  bool
}

// Stat describes a file or directory.
type Stat struct {
	Size     int64 // Bytes; meaningless for a directory.
	Modified time.Time
	Dir      bool
}
