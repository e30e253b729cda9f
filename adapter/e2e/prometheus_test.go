package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// twins compares a node with the Prometheus that wrote to it, and with another
// Prometheus that has nothing of its own and reads from the node.
type twins struct {
	t      *testing.T
	node   *node
	sender *sender
	reader *server
	began  time.Time

	described map[string][]description // What Prometheus knew while it scraped.
}

// TestPrometheus: whatever a real Prometheus holds, the node returns identically:
// from memory, from files, after a restart, after kill -9.
func TestPrometheus(t *testing.T) {
	if _, err := findPrometheus(); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]protocol{"1.0": protocolOne, "2.0": protocolTwo} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runTwins(t, v)
		})
	}
}

func runTwins(t *testing.T, v protocol) {
	w := newTwins(t, v)
	w.sender.scrape(6)
	if v == protocolOne { // By 2.0 this Prometheus sends none: metadata-wal-records does not reach its log.
		w.noteMetadata()
	}
	w.compareMetadata()
	w.sender.pause()
	w.compare("in memory")
	w.node.flush()
	w.compare("flushed")

	w.sender.scrape(2)
	w.node.process.kill() // Prometheus goes on sending meanwhile.
	w.node.startReady()
	w.sender.await(2)
	w.sender.pause()
	w.compare("partly flushed, killed while writing")
	w.node.process.kill()
	w.node.startReady()
	w.compare("killed again")

	w.node.process.stop()
	w.node.fsck()
	w.node.startReady()
	w.compare("restarted in order")
	w.compareMetadata()
	w.node.process.stop()
	w.node.fsck()
}

func newTwins(t *testing.T, v protocol) *twins {
	t.Helper()
	w := &twins{t: t, node: newNode(t, ""), began: time.Now().Add(-time.Minute).Truncate(time.Second)}
	w.node.startReady()
	w.sender = newSender(t, w.node, v)
	w.sender.startReady()
	w.reader, _ = newPrometheus(t, "reader", fmt.Sprintf("remote_read:\n  - url: %s\n    read_recent: true\n", w.node.url("/api/v1/read")))
	w.reader.startReady()
	return w
}

// compare compares everything that can be read. Nothing is being written.
func (w *twins) compare(phase string) {
	w.t.Helper()
	// The sender reads its log when it comes to it, up to 15 s after it was written,
	// and until then its queue is empty: what it holds must arrive, not at once.
	await(w.t, phase+": remote read as the sender's", 40*time.Second, func() error { return w.compareRead(time.Now().Add(time.Second)) })
	until := time.Now().Add(time.Second)
	for what, check := range map[string]func(time.Time) error{
		"raw samples": w.compareRaw, "range queries": w.compareRanges, "exemplars": w.compareExemplars,
	} {
		if err := check(until); err != nil {
			w.t.Errorf("%s: %s: %v", phase, what, err)
		}
	}
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (w *twins) compareRead(until time.Time) error {
	minT, maxT := w.began.UnixMilli(), until.UnixMilli()
	want, err := w.sender.readSamples(minT, maxT, everything)
	if err != nil {
		return err
	}
	samples, markers, histograms := 0, 0, 0
	for _, points := range want {
		for _, p := range points {
			samples++
			if p.stale() {
				markers++
			}
			if p.h != nil || p.fh != nil {
				histograms++
			}
		}
	}
	want.canonical()
	if len(want) < 500 || samples < 3000 || markers < len(want)/2 || histograms < 50 {
		return errors.New("Prometheus holds too little to compare")
	}
	got, err := w.node.readSamples(minT, maxT, everything)
	if err != nil {
		return err
	}
	if err := compare(got.canonical(), want); err != nil {
		return fmt.Errorf("SAMPLES: %w", err)
	}
	if got, err = w.node.readChunks(minT, maxT, everything); err != nil {
		return err
	}
	if err := compare(got.canonical(), want); err != nil {
		return fmt.Errorf("STREAMED_XOR_CHUNKS: %w", err)
	}
	w.t.Logf("Prometheus holds %d series, %d samples, of these %d histograms, %d staleness markers", len(want), samples, histograms, markers)
	return nil
}

// others are the servers that must answer as the sender does.
func (w *twins) others() []*server { return []*server{w.node.server, w.reader} }

func (w *twins) compareRaw(until time.Time) error {
	const selector = `{__name__=~".+"}[1h]`
	want, err := w.sender.query(selector, until)
	if err != nil {
		return err
	}
	for _, s := range w.others() {
		got, err := s.query(selector, until)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := compareMatrix(got, want, 0); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// rangeQueries touch every kind of sample and of selector.
var rangeQueries = []string{
	`up`,
	`{job="demo"}`,
	`demo_requests_total offset 2s`,
	`last_over_time(demo_value_ratio[1m] @ end())`,
	`sum by (job) (rate(demo_requests_total[5s]))`,
	`irate(demo_requests_total{code!="404"}[10s])`,
	`histogram_quantile(0.9, rate(demo_native_seconds[10s]))`,
	`histogram_quantile(0.9, sum by (le) (rate(demo_classic_seconds_bucket[10s])))`,
	`histogram_avg(demo_both_bytes)`,
	`demo:native:rate`,
	`histogram_count(sum(demo:native:rate))`,
	`sum(rate(demo_native_seconds[5s])) + sum(demo_native_seconds)`,
	`topk(3, demo_value_ratio{job="demo"})`,
	`count by (job) ({__name__=~".+"})`,
	`absent(demo_transient{n="0"})`,
	`changes(demo_transient[10s])`,
	`max_over_time(demo_value_ratio{kind="sine"}[5s:1s])`,
	`quantile_over_time(0.5, go_goroutines[10s])`,
	`demo_summary{quantile="0.9"} / on (job, instance) group_left demo_summary_count`,
	`label_replace(up, "host", "$1", "instance", "(.*):.*")`,
	`{"ünïcode.label"="ä"}`,
	`timestamp(up)`,
	`process_resident_memory_bytes{job="herringbone"}`,
	`count_values("v", demo_value_ratio)`,
	`resets(process_cpu_seconds_total[10s])`,
}

func (w *twins) compareRanges(until time.Time) error {
	var errs []error
	var empty []string
	for _, expr := range rangeQueries {
		want, err := w.sender.queryRange(expr, w.began, until)
		if err != nil {
			return err
		}
		if len(want) == 0 {
			empty = append(empty, expr)
		}
		for _, s := range w.others() {
			got, err := s.queryRange(expr, w.began, until)
			if err == nil {
				err = compareMatrix(got, want, 1e-12)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s: %w", s.name, expr, err))
			}
		}
	}
	if len(empty) > 0 {
		errs = append(errs, fmt.Errorf("these have no result and so test nothing: %q", empty))
	}
	return errors.Join(errs...)
}

func (w *twins) compareExemplars(until time.Time) error {
	want, err := w.sender.exemplars(w.began, until)
	if err != nil {
		return err
	}
	if len(want) < 20 {
		return fmt.Errorf("Prometheus holds only %d exemplars", len(want))
	}
	got, err := w.node.exemplars(w.began, until)
	if err != nil {
		return err
	}
	var c complaints
	for _, line := range want {
		if _, ok := slices.BinarySearch(got, line); !ok {
			c.add("missing: %s", line)
		}
	}
	for _, line := range got {
		if _, ok := slices.BinarySearch(want, line); !ok {
			c.add("not expected: %s", line)
		}
	}
	if len(got) != len(want) {
		c.add("%d exemplars, want %d", len(got), len(want))
	}
	return c.err()
}

// noteMetadata asks Prometheus, which forgets when it stops scraping, what it
// knows of the metrics that have series. Targets may differ in what they say.
func (w *twins) noteMetadata() {
	w.t.Helper()
	all, err := w.sender.metadata()
	if err != nil {
		w.t.Fatal(err)
	}
	names, err := w.sender.metricNames()
	if err != nil {
		w.t.Fatal(err)
	}
	w.described = map[string][]description{}
	for metric, list := range all {
		for _, part := range []string{"", "_bucket", "_count", "_sum"} {
			if slices.Contains(names, metric+part) {
				w.described[metric] = list
			}
		}
	}
	if len(w.described) < 100 {
		w.t.Fatalf("Prometheus knows only %d metrics", len(w.described))
	}
}

// compareMetadata compares what is known of each metric. In 1.0 metadata is sent
// apart, so it may be a little behind.
func (w *twins) compareMetadata() {
	w.t.Helper()
	await(w.t, "metadata", 30*time.Second, func() error {
		got, err := w.node.metadata()
		if err != nil {
			return err
		}
		var c complaints
		for metric, one := range w.described {
			if len(got[metric]) != 1 || !slices.Contains(one, got[metric][0]) {
				c.add("%s is %q, want %q", metric, got[metric], one)
			}
		}
		return c.err()
	})
}
