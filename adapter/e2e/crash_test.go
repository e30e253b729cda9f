package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// crashConfig makes flushes happen all the time. Nothing compacts the many small
// files, so their indexes stay in memory or every read would open thousands.
const crashConfig = `
storage:
  memory_per_generation: 1MiB
  flush_interval: 1s
  index_cache: 1GiB
`

// crashTest kills a node under load, again and again, and keeps the books.
type crashTest struct {
	t       *testing.T
	node    *node
	rng     *rand.Rand
	writers []*writer
	cohorts []string
	began   time.Time
	verdict verdict
	kills   int
}

// TestCrash: whatever was acknowledged is there after kill -9 at any time,
// once, as it was sent, and nothing else is.
func TestCrash(t *testing.T) {
	cycles := int(envNumber(t, "CYCLES", 5))
	seed := envNumber(t, "CRASH_SEED", uint64(time.Now().UnixNano()))
	t.Logf("CYCLES=%d CRASH_SEED=%d", cycles, seed)
	c := &crashTest{t: t, node: newNode(t, crashConfig), rng: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	base := c.began.Add(-40 * time.Hour).UnixMilli()
	for n := range 4 {
		c.writers = append(c.writers, newWriter(n+1, seed, base))
	}
	c.cohorts = []string{foreverCohort}
	c.node.startReady()
	for n := range cycles {
		c.cycle(n)
	}
	c.settle()
	t.Logf("%d kills, %d samples acknowledged, %d read back and compared; seed %d", c.kills, c.acked(), c.verdict.samples, seed)
}

func envNumber(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func (c *crashTest) acked() int {
	n := 0
	for _, w := range c.writers {
		n += w.acked
	}
	return n
}

// cycle loads, kills, restarts and verifies.
func (c *crashTest) cycle(n int) {
	c.t.Helper()
	cohort := fmt.Sprintf("cycle-%d", n)
	for _, w := range c.writers {
		w.begin(cohort)
	}
	before := c.acked()
	c.loadAndKill()
	if c.acked() == before {
		c.t.Errorf("cycle %d: nothing was acknowledged, so nothing was tested", n)
	}
	if c.rng.IntN(3) == 0 {
		for range 1 + c.rng.IntN(3) {
			c.killRecovery()
		}
	}
	begin := time.Now()
	c.node.startReady()
	recovery := time.Since(begin)

	begin = time.Now()
	c.verifyQuery(cohort, c.verify(cohort, whole))
	c.verify(foreverCohort, portion{c.rng.IntN(8), 8}) // It grows with every cycle; settle verifies all of it.
	c.verify(c.cohorts[c.rng.IntN(len(c.cohorts))], portion{c.rng.IntN(4), 4})
	c.cohorts = append(c.cohorts, cohort)
	c.t.Logf("cycle %d: %d acknowledged, ready after %v, verified in %v", n, c.acked()-before,
		recovery.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	c.check()
}

// loadAndKill lets the writers write, and somebody flush, up to a random time.
func (c *crashTest) loadAndKill() {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for _, w := range c.writers {
		wg.Go(func() { w.load(c.node.server, &stop) })
	}
	if c.rng.IntN(2) == 0 {
		pause := time.Duration(c.rng.IntN(300)) * time.Millisecond
		wg.Go(func() { c.flushUntil(&stop, pause) })
	}
	timer := time.NewTimer(300*time.Millisecond + time.Duration(c.rng.IntN(1200))*time.Millisecond)
	select {
	case <-timer.C:
	case <-c.node.process.done:
		c.t.Errorf("the node ended by itself: %v", c.node.process.err)
	}
	c.node.process.kill()
	c.kills++
	stop.Store(true)
	wg.Wait()
}

// flushUntil adds flushes beside the node's own, so that many kills hit one.
func (c *crashTest) flushUntil(stop *atomic.Bool, pause time.Duration) {
	for !stop.Load() {
		time.Sleep(pause) // The load's pace, nothing is awaited.
		// The kill makes it fail; a flush that fails otherwise is seen by verify.
		_, _ = c.node.do(http.MethodPost, "/-/flush", "", nil)
	}
}

// killRecovery starts the node and kills it while it is still recovering, or
// soon after.
func (c *crashTest) killRecovery() {
	c.node.start()
	timer := time.NewTimer(time.Duration(c.rng.IntN(300)) * time.Millisecond)
	select {
	case <-timer.C:
	case <-c.node.process.done:
		c.t.Fatalf("the node ended during recovery: %v", c.node.process.err)
	}
	c.node.process.kill()
	c.kills++
}

// verify reads a portion of a cohort, or of all if cohort is "", and judges it.
func (c *crashTest) verify(cohort string, part portion) answer {
	c.t.Helper()
	matchers := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "cohort", cohort)}
	if cohort == "" {
		matchers[0] = labels.MustNewMatcher(labels.MatchNotEqual, "cohort", "")
	}
	if part != whole {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchRegexp, "k", part.regexp()))
	}
	got, err := c.node.readSamples(math.MinInt32, math.MaxInt64/2, matchers...)
	if err != nil {
		c.t.Fatalf("read cohort %s: %v", cohort, err)
	}
	judge(&c.verdict, c.writers, cohort, part, got)
	return got
}

// verifyQuery compares the query API with what remote read returned of a cohort:
// as many samples, the staleness markers aside.
func (c *crashTest) verifyQuery(cohort string, got answer) {
	c.t.Helper()
	want := 0
	for _, points := range got {
		for _, p := range points {
			if !p.stale() {
				want++
			}
		}
	}
	n, err := c.node.countSamples(fmt.Sprintf(`{cohort=%q}[30d]`, cohort), c.began.Add(24*time.Hour))
	if err != nil {
		c.t.Fatalf("query cohort %s: %v", cohort, err)
	}
	if n != want {
		c.verdict.add("cohort %s: the query API returns %d samples, remote read %d", cohort, n, want)
	}
}

// countSamples returns the number of samples of a range selector's answer.
func (s *server) countSamples(selector string, at time.Time) (int, error) {
	form := url.Values{"query": {selector}, "time": {strconv.FormatInt(at.Unix(), 10)}}
	text, err := s.do(http.MethodPost, "/api/v1/query", "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return 0, err
	}
	var res struct {
		Data struct {
			Result []struct {
				Values     []json.RawMessage
				Histograms []json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(text, &res); err != nil {
		return 0, err
	}
	n := 0
	for _, r := range res.Data.Result {
		n += len(r.Values) + len(r.Histograms)
	}
	return n, nil
}

// check ends the test at the first wrong verdict: the data directory is then as
// the fault left it.
func (c *crashTest) check() {
	c.t.Helper()
	for _, w := range c.writers {
		for _, err := range w.faults {
			c.t.Error(err)
		}
		w.faults = nil
	}
	if err := c.verdict.err(); err != nil {
		c.t.Fatalf("ledger: %d acknowledged samples lost; %v", c.verdict.lost, err)
	}
}

// settle verifies everything, before and after an orderly stop.
func (c *crashTest) settle() {
	c.t.Helper()
	c.verifyAll()
	c.node.process.stop()
	c.node.fsck()
	c.node.startReady()
	c.verifyAll()
	c.node.process.stop()
	c.node.fsck()
}

// verifyAll reads everything, in pieces that fit into memory.
func (c *crashTest) verifyAll() {
	c.t.Helper()
	const pieces = max(foreverSeries, youngSeries)
	for n := range pieces {
		c.verify("", portion{n, pieces})
	}
	c.check()
}
