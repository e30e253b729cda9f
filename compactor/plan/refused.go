package plan

import "errors"

// ErrRefused: a guard found that too much would be taken away at once, and took
// nothing. The error that wraps it names the setting to raise if it is meant.
var ErrRefused = errors.New("refused")
