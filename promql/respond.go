package promql

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/prometheus/util/httputil"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// Error types of the API's envelope.
const (
	badData     = "bad_data"
	execution   = "execution"
	internal    = "internal"
	unavailable = "unavailable"
)

// plain wraps a handler of ours in what web/api/v1 does for its own: CORS and
// compression.
func (a *API) plain(next http.HandlerFunc) http.Handler {
	return httputil.CompressionHandler{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httputil.SetCORS(w, a.origins, r)
		next(w, r)
	})}
}

func (a *API) respond(w http.ResponseWriter, r *http.Request, data any) {
	a.write(w, r, http.StatusOK, apiv1.Response{Status: "success", Data: data})
}

func (a *API) respondError(w http.ResponseWriter, r *http.Request, code int, kind string, err error) {
	a.write(w, r, code, apiv1.Response{Status: "error", ErrorType: kind, Error: err.Error()})
}

// respondSourceError answers an error of a Source by its class.
func (a *API) respondSourceError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, series.ErrInvalid):
		a.respondError(w, r, http.StatusUnprocessableEntity, execution, err)
	case errors.Is(err, series.ErrLimit):
		a.respondError(w, r, http.StatusTooManyRequests, execution, err)
	case errors.Is(err, series.ErrNotReady), errors.Is(err, series.ErrOverload):
		a.respondError(w, r, http.StatusServiceUnavailable, unavailable, err)
	default:
		a.respondError(w, r, http.StatusInternalServerError, internal, err)
	}
}

func (a *API) respondTenantError(w http.ResponseWriter, r *http.Request, err error) {
	httputil.SetCORS(w, a.origins, r)
	code := http.StatusUnauthorized
	if errors.Is(err, series.ErrInvalid) {
		code = http.StatusBadRequest
	}
	a.respondError(w, r, code, badData, err)
}

func (a *API) write(w http.ResponseWriter, r *http.Request, code int, body apiv1.Response) {
	b, err := json.Marshal(body)
	if err != nil {
		a.log.Error("encode response", "path", r.URL.Path, "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if _, err := w.Write(b); err != nil {
		a.log.Debug("write response", "path", r.URL.Path, "err", err)
	}
}

// readyFunc answers 503 while the node is not ready.
func (a *API) readyFunc(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := a.opts.Ready(); err != nil {
			w.Header().Set("Retry-After", "5")
			a.respondError(w, r, http.StatusServiceUnavailable, unavailable, err)
			return
		}
		next(w, r)
	}
}

// abortBroken cuts the connection when a handler reports an error after it has
// begun its answer: a client of the streamed remote-read could otherwise take
// what it got for all. Before, it gives a question that cannot be answered a
// status of its own, see queryable.RefusedKey: web/api/v1 knows none but 500 for it.
func abortBroken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := &begunWriter{ResponseWriter: w}
		next.ServeHTTP(own, r.WithContext(context.WithValue(r.Context(), queryable.RefusedKey{}, &own.refused)))
	})
}

type begunWriter struct {
	http.ResponseWriter
	begun   bool
	refused atomic.Bool
}

func (w *begunWriter) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

func (w *begunWriter) WriteHeader(code int) {
	if w.begun && code >= http.StatusBadRequest {
		panic(http.ErrAbortHandler)
	}
	if code == http.StatusInternalServerError && w.refused.Load() {
		code = http.StatusUnprocessableEntity
	}
	w.begun = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *begunWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (w *begunWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
