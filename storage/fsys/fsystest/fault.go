package fsystest

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Kind is a kind of operation.
type Kind string

// The kinds. Close, Size and Stat always work.
const (
	Create   Kind = "create"
	Open     Kind = "open"
	Read     Kind = "read"
	Write    Kind = "write"
	Datasync Kind = "datasync"
	Truncate Kind = "truncate"
	Rename   Kind = "rename"
	Remove   Kind = "remove"
	Mkdir    Kind = "mkdir"
	ReadDir  Kind = "readdir"
	SyncDir  Kind = "syncdir"
)

// Changes reports whether operations of kind k change what is on the disk.
func (k Kind) Changes() bool { return k != Open && k != Read && k != ReadDir }

// Op is one operation that is about to happen.
type Op struct {
	Kind Kind
	Name string // Absolute and clean, with slashes.
	To   string // Of a rename.
	Size int    // Bytes of a read or write, length of a truncate.
}

// String is the operation as one line of a golden file.
func (o Op) String() string {
	switch o.Kind {
	case Rename:
		return fmt.Sprintf("%s %s %s", o.Kind, o.Name, o.To)
	case Write, Truncate, Read:
		return fmt.Sprintf("%s %s %d", o.Kind, o.Name, o.Size)
	}
	return fmt.Sprintf("%s %s", o.Kind, o.Name)
}

// Hook sees an operation before it happens. If it returns an error, the
// operation does not happen and returns that error; but see ShortWrite, and
// after a failed Datasync the bytes can no longer be made durable. A hook may
// call Clone, and may block.
type Hook func(Op) error

// ShortWrite, returned by a Hook for a write, lets the first Keep bytes through
// before Err.
type ShortWrite struct {
	Keep int
	Err  error
}

func (s *ShortWrite) Error() string { return fmt.Sprintf("short write: %v", s.Err) }
func (s *ShortWrite) Unwrap() error { return s.Err }

// FailNth returns a hook that lets the n-th operation of a kind fail, counted
// from 1.
func FailNth(kind Kind, n int64, err error) Hook {
	var seen atomic.Int64
	return func(op Op) error {
		if op.Kind == kind && seen.Add(1) == n {
			return err
		}
		return nil
	}
}

// Hooks calls each hook until one fails.
func Hooks(hooks ...Hook) Hook {
	return func(op Op) error {
		for _, h := range hooks {
			if err := h(op); err != nil {
				return err
			}
		}
		return nil
	}
}

func keptBytes(err error, size int) int {
	var short *ShortWrite
	if errors.As(err, &short) {
		return min(short.Keep, size)
	}
	return 0
}
