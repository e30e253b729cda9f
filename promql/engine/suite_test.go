package engine

import (
	"testing"
	"time"

	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"

	"herringbone/promql/queryable"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// suiteEngine is an engine as promqltest makes it for its own suite, behind our
// gate and split.
func suiteEngine(tb testing.TB, parts int, maxSamples int) *Engine {
	tb.Helper()
	e := New(prom.EngineOpts{
		MaxSamples:               maxSamples,
		Timeout:                  100 * time.Second,
		LookbackDelta:            5 * time.Minute,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		EnablePerStepStats:       true,
		EnableDelayedNameRemoval: true,
		UseStartTimestamps:       true,
		Parser:                   parser.NewParser(promqltest.TestParserOpts),
	}, parts, 10, NewMetrics(nil))
	e.ForceParts = true
	return e
}

func newMemoryStorage(tb testing.TB) storage.Storage {
	m := &seriestest.Memory{}
	return seriestest.NewStorage(tb, m, queryable.New(m, series.DefaultTenant, 0), nil)
}

// TestPrometheusSuite runs Prometheus' own PromQL tests over a Source.
func TestPrometheusSuite(t *testing.T) {
	for name, parts := range map[string]int{"whole": 1, "split": 3} {
		t.Run(name, func(t *testing.T) {
			e := suiteEngine(t, parts, promqltest.DefaultMaxSamplesPerQuery)
			promqltest.RunBuiltinTestsWithStorage(t, e, newMemoryStorage)
		})
	}
}
