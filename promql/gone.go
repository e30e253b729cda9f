package promql

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"herringbone/storage/series"
)

// gone is an error if samples are asked for of which only aggregates are kept: less
// than there was would be taken for all. What a query may be answered with instead
// was chosen before, see choose.
func (q *querier) gone(ctx context.Context, t series.Tenant, query series.Query) error {
	if q.marks != nil || q.aggregates == nil || query.NoSamples {
		return nil
	}
	var sole int64
	for _, r := range q.aggregates.Resolutions(t, query) {
		if r.Sole {
			sole = max(sole, r.Millis)
		}
	}
	if sole == 0 {
		return nil
	}
	if refused, ok := ctx.Value(refusedKey{}).(*atomic.Bool); ok {
		refused.Store(true)
	}
	var texts []string
	for _, m := range query.Matchers {
		texts = append(texts, m.String())
	}
	return &goneError{expr: "{" + strings.Join(texts, ",") + "}", why: "samples were asked for", sole: sole}
}

type refusedKey struct{}

// refusesGone gives remote-read's answer the status of a question that cannot be
// answered: web/api/v1 knows none but 500 for it.
func refusesGone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused := &atomic.Bool{}
		next.ServeHTTP(&refusedWriter{w, refused}, r.WithContext(context.WithValue(r.Context(), refusedKey{}, refused)))
	})
}

type refusedWriter struct {
	http.ResponseWriter
	refused *atomic.Bool
}

func (w *refusedWriter) WriteHeader(code int) {
	if code == http.StatusInternalServerError && w.refused.Load() {
		code = http.StatusUnprocessableEntity
	}
	w.ResponseWriter.WriteHeader(code)
}

// Flush implements http.Flusher.
func (w *refusedWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func (w *refusedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
