package bucket

import (
	"context"
	"fmt"
	"io"
	"time"

	"herringbone/storage/series"
)

var (
	// ErrNotFound means that there is no object of that name.
	ErrNotFound = fmt.Errorf("no such object: %w", series.ErrCorrupt)
	// ErrExists means that there is an object of that name already.
	ErrExists = fmt.Errorf("object exists already: %w", series.ErrInvalid)
	// ErrName means that no object can have that name, see CheckName.
	ErrName = fmt.Errorf("unusable object name: %w", series.ErrInvalid)
)

// Bucket is a set of named, immutable objects.
//
// Concurrency: every method may be called from any goroutine, and of several
// writers of one name exactly one commits.
//
// Errors: ErrName where a name is given. Every other error than those listed at
// a method means that the outcome is unknown; repeating the call is harmless.
type Bucket interface {
	// Create begins an object. Nothing can be seen of it before Commit. The
	// context covers the writer's whole life: when it ends before Commit, Commit
	// fails. Exactly one of the writer's Commit and Abort should follow.
	Create(ctx context.Context, name string) (Writer, error)
	// Open opens an object for reading, or returns ErrNotFound.
	Open(ctx context.Context, name string) (Object, error)
	// Delete removes an object, durably. It is no error if there is none. Readers
	// that have it open may go on or get an error, but never other bytes.
	Delete(ctx context.Context, name string) error
	// List calls fn for each object whose name starts with prefix, in the byte
	// order of names. An error of fn ends the listing and is returned. Objects
	// that come and go meanwhile may be listed or not.
	List(ctx context.Context, prefix string, fn func(Info) error) error
}

// Writer writes one object. It is for one goroutine at a time.
type Writer interface {
	// Write appends to the object. The first error is kept: Commit returns it.
	io.Writer
	// Commit gives the object its name. When it returns nil, the whole object is
	// durable under that name, and only from then on surely. ErrExists means that
	// another object has the name; it is as it was. After any other error the
	// object is there whole or not at all.
	Commit() error
	// Abort lets go of everything. After Commit, or a second time, it does nothing.
	Abort() error
}

// Object is an open object. ReadAt may be called from any goroutine.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64 // Bytes.
}

// Info describes an object.
type Info struct {
	Name     string
	Size     int64 // Bytes.
	Modified time.Time
}
