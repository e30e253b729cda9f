package simulate

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"herringbone/adapter/bench"
)

// WeekOptions steer Week.
type WeekOptions struct {
	Dir  string // For the data; "" is a temporary one.
	Load bench.Load
	// Tick is how often the compactor looks, in simulated time.
	Tick time.Duration
}

// DefaultWeekOptions are those of the published figures: 40 M samples.
func DefaultWeekOptions() WeekOptions {
	return WeekOptions{
		Load: bench.Load{Series: 1000, Start: time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC), Duration: 7 * 24 * time.Hour, Step: 15 * time.Second, Seed: 1},
		Tick: 10 * time.Minute,
	}
}

// weekRequest is the number of samples a request, as Prometheus sends them.
const weekRequest = 2000

// Week ingests steadily for a week, flushing each hour and compacting whenever
// there is something to compact, then lets time pass until the week is one file a
// bucket, and says what all of that cost.
func Week(ctx context.Context, o WeekOptions, out io.Writer) error {
	return onNode(ctx, o.Dir, o.Load.Start, nil, func(n *node, c *clock) error { return weekOn(ctx, o, n, c, out) })
}

func weekOn(ctx context.Context, o WeekOptions, n *node, c *clock, out io.Writer) error {
	w := week{node: n, out: out}
	if err := w.ingest(ctx, o); err != nil {
		return err
	}
	w.print("at the end of the week", o)
	for range 12 * 6 { // Twelve days more, four hours at a time.
		c.set(c.now().Add(4 * time.Hour))
		if err := measure(&w.compact, func() error { return n.settle(ctx) }); err != nil {
			return err
		}
	}
	w.print("at the fixed point, twelve days later", o)
	return nil
}

// directory is dir or a new one, and what removes the latter.
func directory(dir string) (string, func() error, error) {
	if dir != "" {
		return dir, func() error { return nil }, os.MkdirAll(dir, 0o755)
	}
	made, err := os.MkdirTemp("", "herringbone-simulate-")
	return made, func() error { return os.RemoveAll(made) }, err
}

// week counts while it runs.
type week struct {
	*node
	out                   io.Writer
	received, samples     int64
	write, flush, compact usage
}

func (w *week) ingest(ctx context.Context, o WeekOptions) error {
	requests, err := bench.NewRequests(o.Load, weekRequest)
	if err != nil {
		return err
	}
	steps := int(o.Tick / o.Load.Step)
	for until := steps; until <= o.Load.Steps(); until += steps {
		if err := w.sendUntil(ctx, requests, until); err != nil {
			return err
		}
		w.clock.set(o.Load.Start.Add(time.Duration(until) * o.Load.Step))
		if w.clock.now().Truncate(time.Hour).Equal(w.clock.now()) {
			if err := measure(&w.flush, func() error { return w.store.Flush(ctx) }); err != nil {
				return err
			}
		}
		if err := measure(&w.compact, func() error { return w.settle(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// sendUntil sends what there is before a step. Making the requests does not count.
func (w *week) sendUntil(ctx context.Context, r *bench.Requests, until int) error {
	for {
		body, samples, ok := r.Next(until)
		if !ok {
			return nil
		}
		w.received += int64(len(body))
		w.samples += int64(samples)
		if err := measure(&w.write, func() error { return w.send(ctx, r, body) }); err != nil {
			return err
		}
	}
}

func (w *week) print(when string, o WeekOptions) {
	each := func(n int64) float64 { return float64(n) / float64(w.samples) }
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(w.samples) }
	fmt.Fprintf(w.out, "\n%s: %d samples of %d series, %.2f bytes a sample received (snappy)\n", when, w.samples, o.Load.Series, each(w.received))
	fmt.Fprintf(w.out, "%-22s %12s %14s\n", "", "written B/s.", "CPU µs/sample")
	var all usage
	for _, part := range []struct {
		name string
		usage
	}{{"write (decode, log)", w.write}, {"flush", w.flush}, {"compaction", w.compact}} {
		fmt.Fprintf(w.out, "%-22s %12.2f %14.3f\n", part.name, each(part.written), micros(part.cpu))
		all = all.add(usage{}, part.usage)
	}
	fmt.Fprintf(w.out, "%-22s %12.2f %14.3f\n", "all", each(all.written), micros(all.cpu))
	fmt.Fprintf(w.out, "write amplification: %.2f (bytes written / compressed bytes received)\n", float64(all.written)/float64(w.received))
	printLevels(w.out, w.node, w.samples)
}

func printLevels(out io.Writer, n *node, samples int64) {
	var bytes int64
	sums := n.levels()
	for _, key := range sortedKeys(sums) {
		l := sums[key]
		bytes += l.bytes
		fmt.Fprintf(out, "%-22s %6d files %12d rows %8.2f bytes a row\n", key, l.files, l.rows, float64(l.bytes)/float64(l.rows))
	}
	fmt.Fprintf(out, "size: %.2f bytes a sample; at most %d files a bucket and month\n", float64(bytes)/float64(samples), n.mostFiles())
}
