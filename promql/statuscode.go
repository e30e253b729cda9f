package promql

import (
	"errors"
	"net/http"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// statusCode replaces the HTTP status that web/api/v1 would choose: a few of
// its endpoints call every error one of execution, and it answers what a retry
// may cure with 500. N stands for its unexported type of error kinds.
func statusCode[N ~int](kind N, err error) (code int, replace bool) {
	var ours queryable.StorageError
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
