package worker

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"herringbone/storage/series"
)

// ErrDied is wrapped by the error of a call whose child died of it.
var ErrDied = errors.New("SQL process died")

// Cause says why a child died.
type Cause string

// The causes.
const (
	CauseMemory   Cause = "out_of_memory"
	CauseCrash    Cause = "crashed"
	CauseKilled   Cause = "killed"   // From outside.
	CauseCPU      Cause = "cpu_time" // Options.CPUSeconds.
	CauseProtocol Cause = "protocol" // It sent what no child sends, and was killed.
)

// DiedError tells how a child died. It wraps ErrDied and a class: ErrLimit for
// memory and CPU time, ErrOverload when it was killed from outside, and
// ErrInvalid for a crash, which the same statement would cause again.
type DiedError struct {
	Cause Cause
	Line  string // What it said last, for people; may be empty.
}

// Error implements error.
func (e *DiedError) Error() string {
	what := map[Cause]string{
		CauseMemory:   "the query needs more memory than it may use",
		CauseCrash:    "the query crashed the SQL process",
		CauseKilled:   "the SQL process was killed from outside",
		CauseCPU:      "the query used all of its CPU time",
		CauseProtocol: "the SQL process answered nonsense and was stopped",
	}[e.Cause]
	if e.Line == "" {
		return what
	}
	return fmt.Sprintf("%s (%s)", what, e.Line)
}

// Unwrap gives ErrDied and the class.
func (e *DiedError) Unwrap() []error {
	switch e.Cause {
	case CauseMemory, CauseCPU:
		return []error{ErrDied, series.ErrLimit}
	case CauseKilled:
		return []error{ErrDied, series.ErrOverload}
	}
	return []error{ErrDied, series.ErrInvalid}
}

// cpuMessage is a child's last word at the limit of its CPU time.
const cpuMessage = "CPU time is over"

// died makes a DiedError from a process's end and what it wrote to stderr.
func died(state *os.ProcessState, stderr string) *DiedError {
	line := firstLine(stderr)
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		line = strings.TrimSpace(status.Signal().String() + " " + line)
	}
	switch {
	case strings.Contains(stderr, "out of memory"), strings.Contains(stderr, "cannot allocate memory"),
		strings.Contains(stderr, "bad_alloc"), strings.Contains(stderr, "pthread_create failed"):
		return &DiedError{CauseMemory, line}
	case strings.HasPrefix(stderr, cpuMessage), status.Signaled() && status.Signal() == syscall.SIGXCPU:
		return &DiedError{CauseCPU, line}
	case status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM):
		return &DiedError{CauseKilled, line}
	}
	return &DiedError{CauseCrash, line}
}

// firstLine is the line that says what happened: runtime and C++ library say it
// first and then dump.
func firstLine(stderr string) string {
	for line := range strings.SplitSeq(stderr, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line[:min(len(line), 200)]
		}
	}
	return ""
}
