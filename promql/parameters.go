package promql

import (
	"context"
	"net/http"
	"strings"

	"herringbone/promql/aggregates"
)

// withResolution puts a query's max_source_resolution into its context, once the
// parameters are checked that web/api/v1 would take in a wrong way.
func (a *API) withResolution(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit, err := a.checkParameters(r)
		if err != nil {
			a.respondError(w, r, http.StatusBadRequest, badData, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(aggregates.WithLimit(r.Context(), limit)))
	})
}

func (a *API) checkParameters(r *http.Request) (limit aggregates.Limit, err error) {
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1"); path {
	case "/query", "/query_range", "/explain":
		if limit, err = aggregates.ParseLimit(r.FormValue("max_source_resolution")); err != nil {
			return limit, err
		}
		err = checkTimes(r, "time", "start", "end")
	case "/admin/tsdb/delete_series":
		if a.opts.Delete != nil {
			err = a.checkDelete(r)
		}
	case "/series", "/labels", "/query_exemplars":
		err = checkTimes(r, "start", "end")
	default:
		if strings.HasPrefix(path, "/label/") {
			err = checkTimes(r, "start", "end")
		}
	}
	return limit, err
}

// receiptHeader names what was deleted, once a match[] of delete_series.
const receiptHeader = "X-Herringbone-Delete-Id"

type receiptsKey struct{}

// withReceipts lets handlers add receipts to an answer that has no body.
func withReceipts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/admin/tsdb/delete_series") {
			r = r.WithContext(context.WithValue(r.Context(), receiptsKey{}, w.Header()))
		}
		next.ServeHTTP(w, r)
	})
}

func addReceipt(ctx context.Context, id string) {
	if h, ok := ctx.Value(receiptsKey{}).(http.Header); ok && id != "" {
		h.Add(receiptHeader, id)
	}
}

func (a *API) serveCleanTombstones(w http.ResponseWriter, r *http.Request) {
	if a.opts.CleanTombstones != nil {
		if err := a.opts.CleanTombstones(r.Context()); err != nil {
			a.respondSourceError(w, r, err)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
