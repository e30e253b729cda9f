package duck

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// Class says what kind of error DuckDB gave.
type Class string

// The classes. Every type of DuckDB's that is not listed is Other.
const (
	Parser         Class = "parser"
	Binder         Class = "binder"
	Catalog        Class = "catalog"
	Conversion     Class = "conversion"
	OutOfRange     Class = "out_of_range"
	InvalidInput   Class = "invalid_input"
	Parameter      Class = "parameter" // Missing, surplus or of no type.
	NotImplemented Class = "not_implemented"
	OutOfMemory    Class = "out_of_memory"
	Interrupt      Class = "interrupt"
	Permission     Class = "permission"
	IO             Class = "io"
	Internal       Class = "internal" // Also fatal: the instance is of no more use.
	Other          Class = "other"
)

// Error is an error of DuckDB.
type Error struct {
	Class    Class  `json:"class"`
	Message  string `json:"message"`
	Position int    `json:"position"` // Byte offset in the statement, -1 when unknown.
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// User says whether the statement is at fault, not the instance or the machine:
// the same statement would fail again on any instance, and this one still works.
func (e *Error) User() bool {
	switch e.Class {
	case OutOfMemory, Interrupt, IO, Internal, Permission, Other:
		return false
	}
	return true
}

// ClassOf returns the class of err's *Error, or "" if it wraps none.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

// report is an error as DuckDB writes it with errors_as_json.
type report struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Position string `json:"position"`
}

// byType maps DuckDB's names to classes.
var byType = map[string]Class{
	"Parser":                 Parser,
	"Syntax":                 Parser,
	"Binder":                 Binder,
	"Expression":             Binder,
	"Catalog":                Catalog,
	"Conversion":             Conversion,
	"Mismatch Type":          Conversion,
	"Decimal":                Conversion,
	"Out of Range":           OutOfRange,
	"Divide by Zero":         OutOfRange,
	"Invalid Input":          InvalidInput,
	"Invalid type":           InvalidInput,
	"Constraint":             InvalidInput,
	"Sequence":               InvalidInput,
	"Dependency":             InvalidInput,
	"Parameter Not Resolved": Parameter,
	"Parameter Not Allowed":  Parameter,
	"Not implemented":        NotImplemented,
	"Out of Memory":          OutOfMemory,
	"INTERRUPT":              Interrupt,
	"Permission":             Permission,
	"IO":                     IO,
	"INTERNAL":               Internal,
	"FATAL":                  Internal,
	"TransactionContext":     Internal,
}

// parse makes an Error from DuckDB's text. Text from before errors_as_json was
// set, or from another source, is "Kind Error: message".
func parse(text string) *Error {
	var r report
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &r) == nil {
		return newError(r.Type, r.Message, r.Position)
	}
	kind, message, found := strings.Cut(text, " Error: ")
	if !found || strings.ContainsAny(kind, "\n:") {
		return newError("", text, "")
	}
	if strings.HasPrefix(message, "{") {
		return parse(message) // Errors of extracting statements come so.
	}
	return newError(kind, message, "")
}

func newError(kind, message, position string) *Error {
	e := &Error{Class: Other, Message: message, Position: -1}
	if c, ok := byType[kind]; ok {
		e.Class = c
	}
	if p, err := strconv.Atoi(position); err == nil {
		e.Position = p
	}
	if strings.HasPrefix(message, "Allocation failure") || strings.Contains(message, "std::bad_alloc") {
		e.Class = OutOfMemory
	}
	// Advice for people with a hand on the settings.
	e.Message, _, _ = strings.Cut(e.Message, "\n\nPossible solutions:")
	if e.Class == Internal {
		// The rest is DuckDB's stack.
		e.Message, _, _ = strings.Cut(message, "\n\nStack Trace")
	}
	return e
}

// dataError takes ownership of an error value of the C interface.
func dataError(ed duckdb.ErrorData) error {
	defer duckdb.DestroyErrorData(&ed)
	if ed.Ptr == nil || !duckdb.ErrorDataHasError(ed) {
		return nil
	}
	return parse(duckdb.ErrorDataMessage(ed))
}
