package promql

import (
	"context"
	"net/http"
	"strings"
)

// withResolution puts a query's max_source_resolution into its context.
func (a *API) withResolution(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/api/v1") {
		case "/query", "/query_range", "/explain":
			limit, err := parseResolutionLimit(r.FormValue("max_source_resolution"))
			if err != nil {
				a.respondError(w, r, http.StatusBadRequest, badData, err)
				return
			}
			r = r.WithContext(withResolutionLimit(r.Context(), limit))
		}
		next.ServeHTTP(w, r)
	})
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
