package promql

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/features"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Options steer New. Source is needed; a zero field otherwise means what is
// said with it. DefaultOptions are Prometheus' own limits.
type Options struct {
	Source    series.Source
	Exemplars series.ExemplarSource // nil: there are none.
	Metadata  series.MetadataSource // nil: there is none.
	// Aggregates answers what does not need samples. nil: there are none.
	Aggregates aggregate.Source

	// Tenant reads the tenant from a request; its error is answered 400 if it
	// wraps series.ErrInvalid and 401 otherwise. nil: series.DefaultTenant.
	Tenant func(*http.Request) (series.Tenant, error)

	Registerer prometheus.Registerer // nil: metrics are not registered.
	Gatherer   prometheus.Gatherer   // For status/self_metrics; nil: empty.
	Logger     *slog.Logger          // nil: no logs.

	MaxSamples       int           // In memory, a query. At least 1.
	Timeout          time.Duration // Of a query, with its time in the queue.
	MaxConcurrency   int           // Queries that run at once; others wait.
	LookbackDelta    time.Duration // How long a sample is current.
	SubqueryInterval time.Duration // Step of a subquery that names none.
	// SplitRange evaluates long range queries in parts, on idle cores.
	SplitRange bool

	ReadSampleLimit int // Samples of a remote-read answer of type SAMPLES; 0: no limit.
	ReadConcurrency int // Remote-read requests that run at once.
	ReadFrameBytes  int // About the size of a frame of the streamed type.

	// Features are those names of Prometheus' --enable-feature that change
	// PromQL: promql-experimental-functions, promql-extended-range-selectors,
	// promql-binop-fill-modifiers, promql-delayed-name-removal,
	// type-and-unit-labels, use-start-timestamps.
	Features []string

	// Delete serves admin/tsdb/delete_series and returns the id of a receipt. nil:
	// the admin API is off.
	Delete func(ctx context.Context, t series.Tenant, minT, maxT int64, matchers []*labels.Matcher) (id string, err error)
	// CleanTombstones serves admin/tsdb/clean_tombstones, if the admin API is on.
	// nil: there is nothing to do.
	CleanTombstones func(ctx context.Context) error

	// Ready is asked before each request; an error is answered 503. nil: always
	// ready.
	Ready func() error
	// Replay is the progress of recovery in WAL segments. nil: all zero.
	Replay func() (first, last, current int)

	Config      func() string     // Text of the configuration, without secrets. nil: empty.
	Flags       map[string]string // Command line, without secrets.
	Build       Build
	Retention   string // For people.
	ExternalURL string // How clients reach this node, for openapi.yaml.
	CORSOrigin  string // Regular expression of allowed origins, anchored. "": any.
}

// Build says what program this is.
type Build struct{ Version, Revision, Branch, User, Date string }

// DefaultOptions are Prometheus' defaults.
func DefaultOptions() Options {
	return Options{
		MaxSamples:       50_000_000,
		Timeout:          2 * time.Minute,
		MaxConcurrency:   20,
		LookbackDelta:    5 * time.Minute,
		SubqueryInterval: time.Minute,
		SplitRange:       true,
		ReadSampleLimit:  50_000_000,
		ReadConcurrency:  10,
		ReadFrameBytes:   1 << 20,
	}
}

// knownFeatures are those that Options.Features may name.
var knownFeatures = []string{
	"promql-experimental-functions",
	"promql-extended-range-selectors",
	"promql-binop-fill-modifiers",
	"promql-delayed-name-removal",
	"type-and-unit-labels",
	"use-start-timestamps",
}

// Validate checks what New needs. Errors wrap series.ErrInvalid.
func (o *Options) Validate() error {
	positive := []struct {
		name  string
		value int64
	}{
		{"MaxSamples", int64(o.MaxSamples)},
		{"Timeout", int64(o.Timeout)},
		{"MaxConcurrency", int64(o.MaxConcurrency)},
		{"LookbackDelta", int64(o.LookbackDelta)},
		{"SubqueryInterval", int64(o.SubqueryInterval)},
		{"ReadConcurrency", int64(o.ReadConcurrency)},
		{"ReadFrameBytes", int64(o.ReadFrameBytes)},
	}
	for _, p := range positive {
		if p.value <= 0 {
			return fmt.Errorf("%s must be positive: %w", p.name, series.ErrInvalid)
		}
	}
	if o.Source == nil {
		return fmt.Errorf("no Source: %w", series.ErrInvalid)
	}
	for _, f := range o.Features {
		if !slices.Contains(knownFeatures, f) {
			return fmt.Errorf("unknown feature %q: %w", f, series.ErrInvalid)
		}
	}
	if _, err := o.origins(); err != nil {
		return fmt.Errorf("CORSOrigin: %w: %w", err, series.ErrInvalid)
	}
	return nil
}

func (o *Options) has(feature string) bool { return slices.Contains(o.Features, feature) }

func (o *Options) origins() (*regexp.Regexp, error) {
	if o.CORSOrigin == "" || o.CORSOrigin == ".*" {
		return regexp.Compile("^(?:.*)$") // The form that is answered "*".
	}
	return regexp.Compile("^(?s:" + o.CORSOrigin + ")$")
}

func (o *Options) parser() parser.Parser {
	return parser.NewParser(parser.Options{
		EnableExperimentalFunctions:  o.has("promql-experimental-functions"),
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: o.has("promql-extended-range-selectors"),
		EnableBinopFillModifiers:     o.has("promql-binop-fill-modifiers"),
	})
}

// parts is into how many parts a range query may be split.
func (o *Options) parts() int {
	if !o.SplitRange {
		return 1
	}
	return min(runtime.GOMAXPROCS(0), 4)
}

// engineOptions are those of Prometheus' own main package.
func engineOptions(o Options, p parser.Parser, log *slog.Logger, reg prometheus.Registerer, f features.Collector) prom.EngineOpts {
	return prom.EngineOpts{
		Logger:                   log,
		Reg:                      reg,
		MaxSamples:               o.MaxSamples,
		Timeout:                  o.Timeout,
		LookbackDelta:            o.LookbackDelta,
		NoStepSubqueryIntervalFn: func(int64) int64 { return o.SubqueryInterval.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnablePerStepStats:       true, // Made only for stats=all.
		EnableDelayedNameRemoval: o.has("promql-delayed-name-removal"),
		EnableTypeAndUnitLabels:  o.has("type-and-unit-labels"),
		UseStartTimestamps:       o.has("use-start-timestamps"),
		FeatureRegistry:          f,
		Parser:                   p,
	}
}
