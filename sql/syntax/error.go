package syntax

import (
	"fmt"

	"herringbone/storage/series"
)

// Error is a statement that will not run. It wraps series.ErrInvalid.
type Error struct {
	// Position is the byte of the text where the trouble is, from 0; -1 if it
	// is not known. Errors of Parse count in the text given to Parse; add
	// Command.Offset for the position in what the user wrote.
	Position int
	Message  string
}

func (e *Error) Error() string {
	if e.Position < 0 {
		return e.Message
	}
	return fmt.Sprintf("%s (at byte %d)", e.Message, e.Position)
}

func (e *Error) Unwrap() error { return series.ErrInvalid }

func errorAt(position int, format string, args ...any) error {
	return &Error{Position: position, Message: fmt.Sprintf(format, args...)}
}
