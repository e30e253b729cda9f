package simulate

import (
	"context"
	"fmt"
	"io"
	"time"

	"herringbone/adapter/bench"
)

// MonthOptions steer Month.
type MonthOptions struct {
	Dir  string // For the data; "" is a temporary one.
	Load bench.Load
}

// DefaultMonthOptions are a calendar month of 1,000 series.
func DefaultMonthOptions() MonthOptions {
	return MonthOptions{
		Load: bench.Load{Series: 1000, Start: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), Duration: 30 * 24 * time.Hour, Step: 30 * time.Second, Seed: 1},
	}
}

// Month writes a month of hourly files without compacting, compacts them to the
// fixed point, and compares how long queries take before and after.
func Month(ctx context.Context, o MonthOptions, out io.Writer) error {
	return onNode(ctx, o.Dir, o.Load.Start, nil, func(n *node, c *clock) error { return monthOn(ctx, o, n, c, out) })
}

func monthOn(ctx context.Context, o MonthOptions, n *node, c *clock, out io.Writer) error {
	w := week{node: n, out: out}
	if err := w.pour(ctx, o.Load, time.Hour); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d samples in hourly files\n", w.samples)
	printLevels(out, n, w.samples)
	questions := monthQuestions(o.Load)
	before, err := n.askAll(ctx, questions)
	if err != nil {
		return err
	}
	if err := measure(&w.compact, func() error { return n.settle(ctx) }); err != nil {
		return err
	}
	fmt.Fprintf(out, "\ncompacted as far as it goes at the end of the month, %.3f µs CPU a sample\n", float64(w.compact.cpu.Nanoseconds())/1000/float64(w.samples))
	printLevels(out, n, w.samples)
	after, err := n.askAll(ctx, questions)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%-44s %10s %10s\n", "range query of 30 days, ms", "hourly", "compacted")
	for i, q := range questions {
		fmt.Fprintln(out, q.line(before[i], after[i]))
		if before[i].answer != after[i].answer {
			return fmt.Errorf("%s: the answers differ", q.expr)
		}
	}
	c.set(o.Load.End().Add(72 * time.Hour))
	if err := n.settle(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nthree days later\n")
	printLevels(out, n, w.samples)
	return nil
}

// pour writes a load and flushes at every simulated interval; nothing is
// compacted.
func (w *week) pour(ctx context.Context, l bench.Load, every time.Duration) error {
	requests, err := bench.NewRequests(l, weekRequest)
	if err != nil {
		return err
	}
	steps := int(every / l.Step)
	for until := steps; until <= l.Steps(); until += steps {
		if err := w.sendUntil(ctx, requests, until); err != nil {
			return err
		}
		w.clock.set(l.Start.Add(time.Duration(until) * l.Step))
		if err := measure(&w.flush, func() error { return w.store.Flush(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) askAll(ctx context.Context, questions []question) (all []took, err error) {
	for _, q := range questions {
		t, err := n.measure(ctx, q, nil)
		if err == nil {
			err = t.check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.expr, err)
		}
		all = append(all, t)
	}
	return all, nil
}

func monthQuestions(l bench.Load) []question {
	to := l.End()
	from := to.Add(-30 * 24 * time.Hour)
	q := func(name, expr string) question { return question{name, expr, from, to, time.Hour} }
	return []question{
		q("one series", `node_load1{instance="node-0000:9100"}`),
		q("rate of one series", `rate(node_cpu_seconds_total{instance="node-0000:9100",cpu="0",mode="user"}[1h])`),
		q("sum by (mode) (rate()), 320 series", `sum by (mode) (rate(node_cpu_seconds_total[1h]))`),
		q("max by (instance) of 5 series", `max by (instance) (node_load1)`),
	}
}
