package series

import "errors"

// The classes of error. Every specific error wraps one of them, and whoever
// speaks to a client asks only for the class: whose fault is it, does a retry
// help?
var (
	// ErrInvalid: the caller's data or question is wrong; a retry fails alike.
	ErrInvalid = errors.New("invalid")
	// ErrLimit: a limit set for the tenant was reached.
	ErrLimit = errors.New("limit reached")
	// ErrOverload: too much at once; the same call may succeed later.
	ErrOverload = errors.New("overloaded")
	// ErrNotReady: starting, replaying or stopping; try again later.
	ErrNotReady = errors.New("not ready")
	// ErrCorrupt: stored bytes are damaged or missing.
	ErrCorrupt = errors.New("corrupt")
)
