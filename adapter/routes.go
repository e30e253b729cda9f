package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"
)

// writeBodyTimeout is how long a sender may take for the body of a write.
const writeBodyTimeout = time.Minute

// sqlBodyTimeout is how long a client may take for a statement.
const sqlBodyTimeout = 30 * time.Second

// api are the handlers that need an open store.
type api struct {
	write http.Handler // POST /api/v1/write
	query http.Handler // The rest of /api/v1, and /federate.
	sql   http.Handler // /api/v1/sql.
	flush func(context.Context) error

	// nil: there is no compactor, or no admin API.
	compactor      http.Handler            // /api/v1/status/compactor.
	compactorPage  http.Handler            // /compactor.
	compactorStyle http.Handler            // /compactor.css.
	deletes        http.Handler            // /api/v1/admin/deletes.
	maintenance    map[string]http.Handler // By path.
}

// routes is the node's HTTP surface. It exists before the store does: until open
// is called, everything that needs the store is answered 503.
type routes struct {
	life     *life
	metrics  *metrics
	gatherer prometheus.Gatherer
	admin    bool
	api      atomic.Pointer[api]
}

// open hands the store's handlers over; life decides from when they are used.
func (r *routes) open(a *api) { r.api.Store(a) }

// handler returns the root handler.
func (r *routes) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Herringbone is Healthy.")
	})
	mux.HandleFunc("GET /-/ready", r.life.serveReady)
	mux.Handle("GET /metrics", promhttp.HandlerFor(r.gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /version", serveVersion)
	mux.Handle("GET /{$}", landing())
	mux.Handle("GET /landing.css", landingStyle())

	write := r.whenReady(func(a *api) http.Handler { return a.write })
	query := r.whenReady(func(a *api) http.Handler { return a.query })
	sql := r.whenReady(func(a *api) http.Handler { return a.sql })
	mux.Handle("/api/v1/sql", sameOrigin(bodyDeadline(sql, sqlBodyTimeout)))
	mux.Handle("/api/v1/write", sameOrigin(bodyDeadline(write, writeBodyTimeout)))
	mux.Handle("/api/v1/", query)
	mux.Handle("/federate", query)
	mux.Handle("POST /-/flush", sameOrigin(r.whenAdmin(func(a *api) http.Handler { return flushHandler(a.flush) })))
	for _, path := range []string{"/-/compact", "/-/expire", "/-/collect"} {
		mux.Handle("POST "+path, sameOrigin(r.whenAdmin(func(a *api) http.Handler { return a.maintenance[path] })))
	}
	deletes := r.whenAdmin(func(a *api) http.Handler { return a.deletes })
	mux.Handle("GET /api/v1/admin/deletes", deletes)
	mux.Handle("GET /api/v1/admin/deletes/{id}", deletes)
	mux.Handle("GET /api/v1/status/compactor", r.whenReady(func(a *api) http.Handler { return a.compactor }))
	mux.Handle("GET /compactor", r.whenReady(func(a *api) http.Handler { return a.compactorPage }))
	mux.Handle("GET /compactor.css", r.whenReady(func(a *api) http.Handler { return a.compactorStyle }))
	return r.instrument(secure(mux))
}

// whenReady answers 503 unless the node is ready.
func (r *routes) whenReady(pick func(*api) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a := r.api.Load()
		if a == nil || r.life.now() != phaseReady {
			r.life.refuse(w, req)
			return
		}
		h := pick(a)
		if h == nil {
			http.Error(w, "unavailable: the compactor is off: compaction.enabled is false in the configuration", http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, req)
	})
}

// whenAdmin is whenReady for the calls that act on the store.
func (r *routes) whenAdmin(pick func(*api) http.Handler) http.Handler {
	ready := r.whenReady(pick)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !r.admin {
			http.Error(w, "unavailable: the admin API is off, start the node with --web.enable-admin-api", http.StatusForbidden)
			return
		}
		ready.ServeHTTP(w, req)
	})
}

func flushHandler(flush func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := flush(req.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// bodyDeadline bounds the time a request's body may take. A connection without
// deadlines (a test's recorder) goes on without.
func bodyDeadline(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses a browser that another site has told to change something
// here. Senders that are no browsers are not touched.
func sameOrigin(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(next)
}

// secure sets the headers that keep a browser from running or framing anything,
// unless --web.config.file has set them already.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if h.Get("Content-Security-Policy") == "" {
			h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
		}
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// handlerLabels are the paths that have a label value of their own in the
// metrics; all others are "other", so that clients cannot make series.
var handlerLabels = map[string]string{
	"/api/v1/write":            "write",
	"/api/v1/read":             "read",
	"/api/v1/sql":              "sql",
	"/api/v1/explain":          "explain",
	"/api/v1/query":            "query",
	"/api/v1/query_range":      "query_range",
	"/api/v1/query_exemplars":  "query_exemplars",
	"/api/v1/series":           "series",
	"/api/v1/labels":           "labels",
	"/api/v1/metadata":         "metadata",
	"/federate":                "federate",
	"/metrics":                 "metrics",
	"/-/ready":                 "ready",
	"/-/healthy":               "healthy",
	"/-/flush":                 "flush",
	"/-/compact":               "compact",
	"/-/expire":                "expire",
	"/-/collect":               "collect",
	"/compactor":               "compactor",
	"/api/v1/status/compactor": "compactor",
}

func handlerLabel(path string) string {
	if l, ok := handlerLabels[path]; ok {
		return l
	}
	if strings.HasPrefix(path, "/api/v1/label/") {
		return "label_values"
	}
	return "other"
}

// instrument counts and times every request.
func (r *routes) instrument(next http.Handler) http.Handler {
	byLabel := make(map[string]http.Handler)
	for _, l := range []string{"label_values", "other"} {
		byLabel[l] = r.instrumentAs(l, next)
	}
	for _, l := range handlerLabels {
		byLabel[l] = r.instrumentAs(l, next)
	}
	return promhttp.InstrumentHandlerInFlight(r.metrics.inFlight,
		http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			byLabel[handlerLabel(req.URL.Path)].ServeHTTP(w, req)
		}))
}

func (r *routes) instrumentAs(label string, next http.Handler) http.Handler {
	l := prometheus.Labels{"handler": label}
	return promhttp.InstrumentHandlerDuration(r.metrics.durations.MustCurryWith(l),
		promhttp.InstrumentHandlerCounter(r.metrics.requests.MustCurryWith(l), next))
}

func serveVersion(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{
		"version":   version.Version,
		"revision":  version.GetRevision(),
		"branch":    version.Branch,
		"buildUser": version.BuildUser,
		"buildDate": version.BuildDate,
		"goVersion": version.GoVersion,
	})
}
