package promql

import (
	"context"
	"errors"
	"net/http"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/storage/series"
)

// storageError is a fault of ours, not of the question: web/api/v1 reports it
// as "internal". It keeps the cause, which prom.ErrStorage hides.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

// As makes e a prom.ErrStorage for those who ask for one.
func (e storageError) As(target any) bool {
	if t, ok := target.(*prom.ErrStorage); ok {
		*t = prom.ErrStorage{Err: e.error}
		return true
	}
	return false
}

// unavailableError is one that a retry may cure: web/api/v1 reports what is a
// tsdb.ErrNotReady as "unavailable".
type unavailableError struct{ error }

func (e unavailableError) Unwrap() error        { return e.error }
func (e unavailableError) Is(target error) bool { return target == tsdb.ErrNotReady }

// sourceError gives an error of a Source the type from which web/api/v1 tells
// whose fault it is. The text stays as it was.
func sourceError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return prom.ErrQueryTimeout("reading series")
	case errors.Is(err, context.Canceled):
		return prom.ErrQueryCanceled("reading series")
	case errors.Is(err, series.ErrNotReady), errors.Is(err, series.ErrOverload):
		return unavailableError{err}
	case errors.Is(err, series.ErrInvalid), errors.Is(err, series.ErrLimit), isEngineError(err):
		return err
	default:
		return storageError{err}
	}
}

func isEngineError(err error) bool {
	var samples prom.ErrTooManySamples
	return errors.As(err, &samples)
}

// statusCode replaces the HTTP status that web/api/v1 would choose: a few of
// its endpoints call every error one of execution, and it answers what a retry
// may cure with 500. N stands for its unexported type of error kinds.
func statusCode[N ~int](kind N, err error) (code int, replace bool) {
	var ours storageError
	var timeout prom.ErrQueryTimeout
	switch {
	case errors.Is(err, tsdb.ErrNotReady):
		return http.StatusServiceUnavailable, true
	case errors.Is(err, series.ErrLimit):
		return http.StatusTooManyRequests, true
	case errors.As(err, &timeout):
		return http.StatusServiceUnavailable, true
	case int(kind) == int(apiv1.ErrorExec) && errors.As(err, &ours):
		return http.StatusInternalServerError, true
	case int(kind) == int(apiv1.ErrorInternal) && errors.Is(err, series.ErrInvalid):
		return http.StatusBadRequest, true
	}
	return 0, false
}
