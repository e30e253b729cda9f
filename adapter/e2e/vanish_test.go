package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// vanishConfig compacts whatever can be, at once and without pause, and collects
// what was replaced as soon as no query can need it.
const vanishConfig = `
storage: {memory_per_generation: 1MiB}
query: {timeout: 1s}
sql: {timeout: 1s, max_timeout: 1s}
compaction: {interval: 20ms, level0_files: 2, level0_age: 0s, lateness: 0s, settle: 0s, late_age: 0s, concurrency: 2}
collection: {grace: 1200ms, interval: 50ms, max_share: 1}
`

// TestQueriesWhileFilesVanish asks 10,000 questions while the files they read are
// compacted away and collected, again and again: the same samples are written over
// and over, so that every answer must stay what it was.
func TestQueriesWhileFilesVanish(t *testing.T) {
	n := newNode(t, vanishConfig)
	n.startReady()
	from := time.Now().Add(-12 * 24 * time.Hour).Truncate(24 * time.Hour)
	body, err := encodeTwo(vanishing(from))
	if err != nil {
		t.Fatal(err)
	}
	write := func() error {
		if code, _, text, err := n.write(protocolTwo, body); err != nil || code != http.StatusNoContent {
			return fmt.Errorf("write: %d %s %w", code, text, err)
		}
		_, err := n.do(http.MethodPost, "/-/flush", "", nil)
		return err
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	questions := vanishingQuestions(n, from)
	want := make([]string, len(questions))
	for i, ask := range questions {
		if want[i], err = ask(); err != nil {
			t.Fatal(err)
		}
	}
	stop, written := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				written <- nil
				return
			default:
			}
			if err := write(); err != nil {
				written <- err
				return
			}
		}
	}()
	askMany(t, 10_000, questions, want)
	close(stop)
	if err := <-written; err != nil {
		t.Error(err)
	}
	for name, least := range map[string]float64{"herringbone_compactor_jobs_total": 50, "herringbone_compactor_collected_files_total": 500} {
		if got, err := n.metricValue(name); err != nil || got < least {
			t.Errorf("%s is %v %v, the test needs at least %v to mean anything", name, got, err, least)
		}
	}
	n.process.stop()
	n.fsck()
}

// askMany asks all questions in turn, from four sides.
func askMany(t *testing.T, times int, questions []func() (string, error), want []string) {
	var next atomic.Int64
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for i := next.Add(1); i <= int64(times) && !t.Failed(); i = next.Add(1) {
				k := int(i) % len(questions)
				got, err := patient(questions[k])
				if err != nil {
					t.Errorf("question %d: %v", k, err)
				} else if got != want[k] {
					t.Errorf("question %d: %.300s, it was %.300s", k, got, want[k])
				}
			}
		})
	}
	asking.Wait()
}

// vanishing is four series of two metrics over ten days.
func vanishing(from time.Time) []sent {
	var list []sent
	for _, metric := range []string{"a_total", "b"} {
		for host := range 4 {
			s := sent{labels: labels.FromStrings("__name__", metric, "host", fmt.Sprint(host))}
			for i := range int64(1000) {
				s.points = append(s.points, floatPoint(from.UnixMilli()+i*864_000, float64(i*int64(1+host))))
			}
			list = append(list, s)
		}
	}
	return list
}

func vanishingQuestions(n *node, from time.Time) []func() (string, error) {
	to := from.Add(10 * 24 * time.Hour)
	promql := func(expr string, step time.Duration) func() (string, error) {
		return func() (string, error) {
			data, err := n.call("query_range", url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {fmt.Sprint(step.Seconds())}})
			return string(data), err
		}
	}
	sql := func(statement string) func() (string, error) {
		return func() (string, error) {
			a, err := n.sqlRows(statement)
			return fmt.Sprint(a), err
		}
	}
	return []func() (string, error){
		promql(`sum by (host) (rate(a_total[6h]))`, time.Hour),
		promql(`b`, 6*time.Hour),
		promql(`max_over_time(b{host="2"}[1d])`, 24*time.Hour),
		func() (string, error) {
			a, err := n.readSamples(from.UnixMilli(), to.UnixMilli(), everything)
			return fmt.Sprint(a), err
		},
		promql(`count_over_time(a_total[10d])`, 24*time.Hour),
		sql(`SELECT host, count(*), sum(value) FROM b GROUP BY host ORDER BY host`),
		promql(`sum(increase(a_total[1d]))`, time.Hour),
		sql(`SELECT time, host, value FROM a_total ORDER BY time DESC, host LIMIT 7`),
	}
}
