package queryable

import (
	"context"
	"errors"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"

	"herringbone/storage/series"
)

// StorageError is a fault of ours, not of the question: web/api/v1 reports it
// as "internal". It keeps the cause, which prom.ErrStorage hides.
type StorageError struct{ error }

func (e StorageError) Unwrap() error { return e.error }

// As makes e a prom.ErrStorage for those who ask for one.
func (e StorageError) As(target any) bool {
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

// SourceError gives an error of a Source the type from which web/api/v1 tells
// whose fault it is. The text stays as it was.
func SourceError(err error) error {
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
		return StorageError{err}
	}
}

func isEngineError(err error) bool {
	var samples prom.ErrTooManySamples
	return errors.As(err, &samples)
}
