package sql

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"herringbone/sql/duck"
	"herringbone/sql/engine"
	"herringbone/sql/syntax"
	"herringbone/sql/worker"
	"herringbone/storage/series"
)

// failure is the body of an error, in the envelope of Prometheus' API.
type failure struct {
	Status    string `json:"status"`
	ErrorType string `json:"errorType"`
	Error     string `json:"error"`
	// Position is the byte of the statement at which the error is, if known.
	Position *int `json:"position,omitempty"`
}

// classify says whose fault err is.
func classify(err error) (code int, f failure) {
	f = failure{Status: "error", Error: err.Error()}
	var tooLarge *http.MaxBytesError
	var s *syntax.Error
	var d *duck.Error
	switch {
	case errors.As(err, &tooLarge):
		code, f.ErrorType = http.StatusRequestEntityTooLarge, "bad_data"
	case errors.Is(err, context.DeadlineExceeded):
		code, f.ErrorType = http.StatusGatewayTimeout, "timeout"
	case errors.Is(err, context.Canceled):
		code, f.ErrorType = http.StatusServiceUnavailable, "canceled"
	case errors.Is(err, engine.ErrReadOnly):
		code, f.ErrorType = http.StatusMethodNotAllowed, "bad_data"
	case errors.Is(err, engine.ErrForbidden):
		code, f.ErrorType = http.StatusForbidden, "unavailable"
	case errors.As(err, &s):
		code, f.ErrorType, f.Position = http.StatusBadRequest, "bad_data", position(s.Position)
	case errors.Is(err, series.ErrCorrupt):
		code, f.ErrorType = http.StatusInternalServerError, "internal"
	case errors.Is(err, series.ErrOverload), errors.Is(err, series.ErrNotReady):
		code, f.ErrorType = http.StatusServiceUnavailable, "unavailable"
	case errors.Is(err, worker.ErrDied):
		code, f.ErrorType = http.StatusUnprocessableEntity, "execution"
	case errors.As(err, &d):
		code, f.ErrorType = duckStatus(d.Class)
		f.Position = position(d.Position)
	case errors.Is(err, series.ErrLimit):
		code, f.ErrorType = http.StatusUnprocessableEntity, "execution"
	case errors.Is(err, series.ErrInvalid):
		code, f.ErrorType = http.StatusBadRequest, "bad_data"
	default:
		code, f.ErrorType = http.StatusInternalServerError, "internal"
	}
	return code, f
}

// duckStatus tells a statement that means nothing from one that failed.
func duckStatus(c duck.Class) (int, string) {
	switch c {
	case duck.Parser, duck.Binder, duck.Catalog, duck.Parameter, duck.NotImplemented:
		return http.StatusBadRequest, "bad_data"
	case duck.Conversion, duck.OutOfRange, duck.InvalidInput, duck.OutOfMemory:
		return http.StatusUnprocessableEntity, "execution"
	case duck.Interrupt:
		return http.StatusGatewayTimeout, "timeout"
	default:
		return http.StatusInternalServerError, "internal"
	}
}

func position(p int) *int {
	if p < 0 {
		return nil
	}
	return &p
}

// respondError answers err; a client that is overloading us is told when to come
// back.
func respondError(w http.ResponseWriter, err error) int {
	code, f := classify(err)
	body, _ := json.Marshal(f) // Of strings and a number.
	w.Header().Set("Content-Type", "application/json")
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // The client may have disconnected.
	return code
}
