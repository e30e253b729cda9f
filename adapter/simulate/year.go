package simulate

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"herringbone/adapter/bench"
	"herringbone/compactor"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// YearOptions steer Year.
type YearOptions struct {
	// Dir is for the data; "" is a temporary one. One that Year filled before is
	// taken as it is.
	Dir  string
	Load bench.Load
}

// DefaultYearOptions are a year of 200 series, one sample a minute: 105 M samples.
func DefaultYearOptions() YearOptions {
	return YearOptions{
		Load: bench.Load{Series: 200, Start: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Duration: 365 * 24 * time.Hour, Step: time.Minute, Seed: 1},
	}
}

// yearRules are what docs/compaction.md shows: 5m after 30 days, 1h after 180 days.
func yearRules() []plan.Rule {
	const day = 24 * time.Hour
	return []plan.Rule{
		{Tenant: series.DefaultTenant, Resolution: (5 * time.Minute).Milliseconds(), After: (30 * day).Milliseconds(), KeepSamples: true},
		{Tenant: series.DefaultTenant, Resolution: time.Hour.Milliseconds(), After: (180 * day).Milliseconds(), KeepSamples: true},
	}
}

// Year writes a year, a file a day, compacts and downsamples it as the time
// passes, and compares queries of aggregates with those of samples: a year later,
// when all of it is old.
func Year(ctx context.Context, o YearOptions, out io.Writer) error {
	rules := func(o *compactor.Options) { o.Rules = yearRules() }
	return onNode(ctx, o.Dir, o.Load.Start, rules, func(n *node, c *clock) error { return yearOn(ctx, o, n, c, out) })
}

func yearOn(ctx context.Context, o YearOptions, n *node, c *clock, out io.Writer) error {
	w := week{node: n, out: out}
	if filled := n.samples(); filled > 0 {
		w.samples = filled
	} else if err := w.pour(ctx, o.Load, 24*time.Hour); err != nil {
		return err
	}
	c.set(o.Load.End().Add(200 * 24 * time.Hour))
	if err := measure(&w.compact, func() error { return n.settle(ctx) }); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d samples; compaction and downsampling %.3f µs CPU a sample\n", w.samples, float64(w.compact.cpu.Nanoseconds())/1000/float64(w.samples))
	printLevels(out, n, w.samples)
	fmt.Fprintf(out, "\n%-44s %10s %10s\n", "range query of a year, ms", "samples", "default")
	for _, q := range yearQuestions(o.Load) {
		samples, err := n.measure(ctx, q, url.Values{"max_source_resolution": {"raw"}})
		if err != nil {
			return err
		}
		aggregates, err := n.measure(ctx, q, nil)
		if err != nil {
			return err
		}
		if err := aggregates.check(); err != nil {
			return fmt.Errorf("%s: %w", q.expr, err)
		}
		fmt.Fprintln(out, q.line(samples, aggregates))
	}
	return nil
}

func yearQuestions(l bench.Load) []question {
	q := func(name, expr string, step time.Duration) question {
		return question{name, expr, l.Start.Add(24 * time.Hour), l.End(), step}
	}
	const day = 24 * time.Hour
	return []question{
		q("sum by (mode) (rate([1d])), 64 series, 1d", `sum by (mode) (rate(node_cpu_seconds_total[1d]))`, day),
		q("sum by (mode) (rate([1h])), 64 series, 1h", `sum by (mode) (rate(node_cpu_seconds_total[1h]))`, time.Hour),
		q("avg_over_time([1d]) of 4 series, 1d", `avg_over_time(node_filesystem_free_bytes[1d])`, day),
		q("max_over_time([1d]) of one series, 1d", `max_over_time(node_load1[1d])`, day),
		q("one series, instant, 1h", `node_load1`, time.Hour),
		q("rate([5m]) of 64 series, 1h", `sum(rate(node_cpu_seconds_total[5m]))`, time.Hour),
	}
}

// samples is how many there are in files.
func (n *node) samples() (rows int64) {
	for f := range n.catalog.Snapshot().All() {
		if f.Kind == catalog.Samples {
			rows += f.Rows
		}
	}
	return rows
}
