package promql

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/features"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/promql/engine"
	"herringbone/promql/queryable"
	"herringbone/storage/series"
)

// API serves the Prometheus HTTP API over a Source.
//
// Concurrency: all methods may be called from any goroutine.
type API struct {
	opts      Options
	queryable *queryable.Queryable
	engine    *engine.Engine
	parser    parser.Parser
	origins   *regexp.Regexp
	metrics   *metrics
	log       *slog.Logger
	started   time.Time
	v1        *apiv1.API
	handler   http.Handler
}

// New makes an API; it does no I/O and starts nothing. Errors wrap
// series.ErrInvalid.
func New(opts Options) (*API, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("promql options: %w", err)
	}
	if opts.Tenant == nil {
		opts.Tenant = func(*http.Request) (series.Tenant, error) { return series.DefaultTenant, nil }
	}
	if opts.Ready == nil {
		opts.Ready = func() error { return nil }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Gatherer == nil {
		opts.Gatherer = prometheus.NewRegistry()
	}
	if opts.Flags == nil {
		opts.Flags = map[string]string{}
	}
	origins, err := opts.origins()
	if err != nil {
		return nil, err
	}
	a := &API{
		opts:      opts,
		queryable: queryable.New(opts.Source, "", opts.MaxSamples).WithAggregates(opts.Aggregates),
		parser:    opts.parser(),
		origins:   origins,
		metrics:   newMetrics(opts.Registerer),
		log:       opts.Logger,
		started:   time.Now(),
	}
	registry := apiFeatures(opts)
	a.engine = engine.New(engineOptions(opts, a.parser, a.log, opts.Registerer, registry), opts.parts(), opts.MaxConcurrency, engine.NewMetrics(opts.Registerer))
	a.v1 = a.upstream(registry)
	a.handler = a.routes()
	return a, nil
}

// Handler serves /api/v1/ and /federate. Whoever serves other paths below
// /api/v1/, such as write, registers them beside it. A remote-read request is a
// query too and is served here.
func (a *API) Handler() http.Handler { return a.handler }

// upstream is Prometheus' own API over our engine and storage.
func (a *API) upstream(registry features.Collector) *apiv1.API {
	const (
		searchOff, searchLimit = false, 0
		agent                  = false
		writeOff, otlpOff      = false, false
	)
	return apiv1.NewAPI(
		a.engine,
		a.queryable,
		nil, nil,
		queryable.NewExemplars(a.opts.Exemplars),
		noScrapePools, noTargets, noAlertmanagers,
		emptyConfig,
		a.opts.Flags,
		apiv1.GlobalURLOptions{},
		a.readyFunc,
		a.admin(),
		"", // Directory of snapshots; that route is ours.
		a.opts.Delete != nil,
		searchOff, searchLimit,
		a.log,
		noRules,
		a.opts.ReadSampleLimit, a.opts.ReadConcurrency, a.opts.ReadFrameBytes,
		agent,
		a.origins,
		a.runtimeInfo,
		a.buildInfo(),
		noNotifications, noSubscription,
		a.opts.Gatherer, a.opts.Registerer,
		nil,
		writeOff, nil,
		otlpOff, false, false,
		false,
		a.opts.LookbackDelta,
		a.opts.has("type-and-unit-labels"),
		false,
		statusCode,
		registry,
		apiv1.OpenAPIOptions{ExternalURL: a.opts.ExternalURL, Version: a.opts.Build.Version},
		a.parser,
	)
}

// apiFeatures is what status/features lists besides PromQL.
func apiFeatures(o Options) features.Collector {
	r := features.NewRegistry()
	r.Set(features.API, "admin", o.Delete != nil)
	for _, on := range []string{
		"remote_write_receiver", "label_values_match", "query_warnings", "query_stats",
		"time_range_series", "time_range_labels", "exclude_alerts", "openapi_3.1", "openapi_3.2",
	} {
		r.Enable(features.API, on)
	}
	for _, off := range []string{"lifecycle", "otlp_write_receiver", "search"} {
		r.Disable(features.API, off)
	}
	return r
}

// routes puts our handlers before those of Prometheus.
func (a *API) routes() http.Handler {
	const prefix = "/api/v1"
	router := route.New()
	a.v1.Register(router)
	mux := http.NewServeMux()
	own := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, a.plain(a.readyFunc(h))) }
	own("GET "+prefix+"/metadata", a.serveMetadata)
	own("GET "+prefix+"/status/tsdb", a.serveCardinality)
	own("GET "+prefix+"/status/config", a.serveConfig)
	own("POST "+prefix+"/admin/tsdb/snapshot", a.serveNoSnapshot)
	own("PUT "+prefix+"/admin/tsdb/snapshot", a.serveNoSnapshot)
	mux.Handle("GET "+prefix+"/explain", a.plain(a.readyFunc(a.serveExplain(router))))
	mux.Handle("POST "+prefix+"/explain", a.plain(a.readyFunc(a.serveExplain(router))))
	if a.opts.Delete != nil {
		own("POST "+prefix+"/admin/tsdb/clean_tombstones", a.serveCleanTombstones)
		own("PUT "+prefix+"/admin/tsdb/clean_tombstones", a.serveCleanTombstones)
	}
	mux.Handle("GET /federate", a.readyFunc(a.serveFederation))
	mux.Handle("POST "+prefix+"/read", abortBroken(http.StripPrefix(prefix, router)))
	mux.Handle(prefix+"/", http.StripPrefix(prefix, router))
	return a.withTenant(a.boundBody(a.withResolution(withReceipts(mux))))
}

// withTenant puts the request's tenant into its context. A browser's preflight
// names none and is told nothing.
func (a *API) withTenant(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		t, err := a.opts.Tenant(r)
		if err != nil {
			a.respondTenantError(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(queryable.WithTenant(r.Context(), t)))
	})
}
