package merge

import (
	"errors"
	"fmt"
	"syscall"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// ErrLostRace: a job's inputs are not live any more, or what it relied on has
// changed. Nothing was written; a new plan does better.
var ErrLostRace = fmt.Errorf("lost a race: %w", catalog.ErrConflict)

// DamagedError says which input of a job cannot be read. It wraps what reading
// said, and so series.ErrCorrupt.
type DamagedError struct {
	File *catalog.File
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("input %s (%s) is damaged: %v", e.File.ID, e.File.Name, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// UnreadableError says which input of a job the disk cannot read. The next time
// it may.
type UnreadableError struct {
	File *catalog.File
	err  error
}

func (e *UnreadableError) Error() string { return fmt.Sprintf("read input %s: %v", e.File.ID, e.err) }

func (e *UnreadableError) Unwrap() error { return e.err }

// damaged turns an error of reading f into a DamagedError if the bytes are to
// blame, and into an unreadableError if the disk is.
func damaged(f *catalog.File, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, series.ErrCorrupt):
		return &DamagedError{File: f, Err: err}
	case errors.Is(err, syscall.EIO):
		return &UnreadableError{f, err}
	default:
		return fmt.Errorf("read input %s: %w", f.ID, err)
	}
}

// VerifyError says how outputs, as they were read again, differ from what a job
// should have written. It is a fault of the program, of memory or of the disk.
type VerifyError struct {
	What string
}

func (e *VerifyError) Error() string { return "outputs are wrong: " + e.What }

func differ(format string, args ...any) error {
	return &VerifyError{What: fmt.Sprintf(format, args...)}
}
