package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// TestMetamorphic: whatever is written, and in whatever order memory is flushed,
// files are compacted, samples deleted and expired, files collected and the node
// killed, PromQL and SQL answer what a flat model of the writes and deletes says.
//
// SEEDS is how many histories there are, SEED the first of them.
func TestMetamorphic(t *testing.T) {
	first := envNumber(t, "SEED", uint64(time.Now().UnixNano()))
	for seed := first; seed < first+envNumber(t, "SEEDS", 50); seed++ {
		t.Run(fmt.Sprintf("SEED=%d", seed), func(t *testing.T) { newHistory(t, seed).run() })
	}
}

// historyConfig lets nothing happen by itself, everything happen when it is asked
// for, and files be cut where only large ones would be.
const historyConfig = `
storage:
  memory_per_generation: 1MiB
  retention_rules:
    - {match: '{__name__="debug"}', keep: 20d}
    - {match: '{__name__="gauge", host="h3"}', keep: 30d}
query: {timeout: 1s}
sql: {timeout: 1s, max_timeout: 1s, max_concurrency: 1, threads: 1}
compaction:
  interval: 24h
  level0_files: 3
  level0_age: 0s
  lateness: 0s
  settle: 0s
  late_age: 0s
  max_file_size: 64KiB
  clean_after: 0s
retention: {interval: 24h, max_share: 1}
collection: {grace: 1500ms, interval: 24h, max_share: 1}
scrub: {rate: 0B}
downsampling:
  - {match: '{__name__=~"gauge|requests_total|hist"}', resolution: 5m, after: 5d}
  - {match: '{__name__=~"gauge|requests_total"}', resolution: 1h, after: 12d}
`

const historyDays = 40

// history is one random life of a node and of its model.
type history struct {
	*node
	*model
	rng  *rand.Rand
	from int64 // Milliseconds; samples are in the historyDays after it.
	log  []string
}

func newHistory(t *testing.T, seed uint64) *history {
	n := newNode(t, historyConfig)
	from := time.Now().Add(-historyDays * 24 * time.Hour).Truncate(time.Hour)
	h := &history{node: n, model: newModel(), rng: rand.New(rand.NewPCG(seed, 1)), from: from.UnixMilli()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history:\n%s", strings.Join(h.log, "\n"))
		}
	})
	h.startUp()
	return h
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// historySteps are what may happen next, the frequent ones several times.
var historySteps = []func(*history){
	(*history).send, (*history).send, (*history).send, (*history).send,
	(*history).flushNow, (*history).flushNow, (*history).flushNow,
	(*history).compactSome, (*history).compactSome, (*history).compactAll,
	(*history).deleteSeries, (*history).deleteRows,
	(*history).expire, (*history).collect, (*history).killAndStart, (*history).cleanTombstones,
}

func (h *history) run() {
	for range 20 + h.rng.IntN(20) {
		historySteps[h.rng.IntN(len(historySteps))](h)
		h.checkSamples()
		switch h.rng.IntN(4) {
		case 0:
			h.checkPromQL()
		case 1:
			h.checkSQL()
		}
	}
	h.flushNow()
	h.compactAll()
	h.collect()
	h.checkSamples()
	h.checkPromQL()
	h.checkSQL()
	h.process.stop()
	h.fsck()
}

// historyMetrics are the tables, each with some series that differ by host.
var historyMetrics = []string{"gauge", "requests_total", "hist", "debug", "odd"}

// send writes one request: new, late and repeated samples.
func (h *history) send() {
	var list []sent
	for _, metric := range historyMetrics {
		for host := range 4 {
			if h.rng.IntN(3) == 0 {
				list = append(list, sent{labels: h.series(metric, host), points: h.points(metric)})
			}
		}
	}
	body, err := encodeTwo(list)
	if err != nil {
		h.t.Fatal(err)
	}
	if code, _, text, err := h.node.write(protocolTwo, body); err != nil || code != http.StatusNoContent {
		h.t.Fatalf("write: %d %s %v", code, text, err)
	}
	h.model.write(list)
	n := 0
	for _, s := range list {
		n += len(s.points)
	}
	h.note("write %d samples of %d series", n, len(list))
}

func (h *history) series(metric string, host int) labels.Labels {
	l := map[string]string{"__name__": metric, "host": fmt.Sprintf("h%d", host)}
	if host%2 == 1 {
		l["job"] = "a"
	}
	return labels.FromMap(l)
}

// points are dense in one stretch of time, on a grid so that writes meet: every
// 30 s, and exactly on the borders of buckets and days.
func (h *history) points(metric string) []point {
	const grid = 30_000
	at := h.from + h.rng.Int64N(historyDays*86_400_000/grid)*grid
	if h.rng.IntN(3) == 0 { // Where everybody writes.
		at = h.from + (int64(h.rng.IntN(3))*13*86_400_000)/grid*grid
	}
	n := 1 + h.rng.IntN(300)
	step := int64(grid * (1 + h.rng.IntN(8)*h.rng.IntN(8)))
	counter := float64(h.rng.IntN(1000))
	var out []point
	for i := range int64(n) {
		t := at + i*step
		if t >= h.from+historyDays*86_400_000 {
			break
		}
		out = append(out, h.point(metric, t, &counter))
	}
	return out
}

func (h *history) point(metric string, t int64, counter *float64) point {
	switch {
	case h.rng.IntN(25) == 0:
		return point{t: t, bits: value.StaleNaN}
	case metric == "hist" && h.rng.IntN(3) == 0:
		return point{t: t, h: deriveInt(h.rng)}
	case metric == "odd":
		return point{t: t, bits: deriveBits(h.rng)}
	case metric == "requests_total":
		if *counter += float64(h.rng.IntN(50)); h.rng.IntN(40) == 0 {
			*counter = float64(h.rng.IntN(3)) // A reset.
		}
		return floatPoint(t, *counter)
	}
	return floatPoint(t, float64(h.rng.IntN(100_000))/100)
}

// post calls one of the node's maintenance routes.
func (h *history) post(path string) {
	h.t.Helper()
	if _, err := h.do(http.MethodPost, path, "", nil); err != nil {
		h.t.Fatalf("%s: %v", path, err)
	}
}

func (h *history) flushNow() {
	h.note("flush")
	h.flush()
}

func (h *history) compactSome() {
	steps := 1 + h.rng.IntN(4)
	h.note("compact, %d jobs", steps)
	h.post(fmt.Sprintf("/-/compact?jobs=%d", steps))
}

func (h *history) compactAll() {
	h.note("compact")
	h.post("/-/compact")
}

func (h *history) cleanTombstones() {
	h.note("clean tombstones")
	h.post("/api/v1/admin/tsdb/clean_tombstones")
}

func (h *history) collect() {
	h.note("collect")
	h.post("/-/collect")
}

// killAndStart expires as well: a node does so when it starts.
func (h *history) killAndStart() {
	h.note("kill -9")
	h.process.kill()
	h.startUp()
	h.expire()
}

// startUp returns when the node has done what it does once at its start.
func (h *history) startUp() {
	h.startReady()
	await(h.t, "the first retention", time.Minute, func() error {
		text, err := h.get("/api/v1/status/compactor")
		if err == nil && !strings.Contains(string(text), `"expire":"`) {
			err = errors.New("not yet")
		}
		return err
	})
}

// span is a random range of time: mostly days, sometimes everything.
func (h *history) span() (minT, maxT int64) {
	if h.rng.IntN(4) == 0 {
		return h.from, h.from + historyDays*86_400_000
	}
	minT = h.from + h.rng.Int64N(historyDays*86_400_000)
	return minT, minT + h.rng.Int64N(10*86_400_000)
}

func (h *history) deleteSeries() {
	minT, maxT := h.span()
	metric, host := historyMetrics[h.rng.IntN(len(historyMetrics))], h.rng.IntN(4)
	matchers := []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, "__name__", metric),
		labels.MustNewMatcher([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp}[h.rng.IntN(3)], "host", fmt.Sprintf("h%d", host)),
	}
	selector := fmt.Sprintf("{%s,%s}", matchers[0], matchers[1])
	h.note("delete %s from %d to %d", selector, minT, maxT)
	h.post("/api/v1/admin/tsdb/delete_series?" + url.Values{
		"match[]": {selector}, "start": {seconds(time.UnixMilli(minT))}, "end": {seconds(time.UnixMilli(maxT))},
	}.Encode())
	h.model.remove(minT, maxT, matchers...)
}

func (h *history) deleteRows() {
	minT, maxT := h.span()
	metric, host := historyMetrics[h.rng.IntN(len(historyMetrics))], h.rng.IntN(4)
	if h.model.series[h.series(metric, 0).String()] == nil && h.model.series[h.series(metric, 1).String()] == nil {
		return // There may be no such table yet.
	}
	where := []struct {
		text     string
		matchers []*labels.Matcher
	}{
		{fmt.Sprintf("host = 'h%d'", host), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "host", fmt.Sprintf("h%d", host))}},
		{"job IS NULL", []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "job", "")}},
		{"job <> 'b'", []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "job", "a")}},
		{"host IN ('h0', 'h2')", []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "host", "h0|h2")}},
	}[h.rng.IntN(4)]
	const layout = "2006-01-02 15:04:05.000Z07:00"
	text := fmt.Sprintf("DELETE FROM %s WHERE %s AND time >= TIMESTAMPTZ '%s' AND time < TIMESTAMPTZ '%s'", metric, where.text,
		time.UnixMilli(minT).UTC().Format(layout), time.UnixMilli(maxT).UTC().Format(layout))
	h.note("%s", text)
	// One that ran out of time may have happened; again it does nothing more.
	if _, err := patient(func() (sqlAnswer, error) { return h.sqlRows(text) }); err != nil {
		if strings.Contains(err.Error(), "there is no table") || strings.Contains(err.Error(), `\"job\" not found`) {
			return // No series has been written that has it.
		}
		h.t.Fatal(err)
	}
	h.model.remove(minT, maxT-1, append(where.matchers, labels.MustNewMatcher(labels.MatchEqual, "__name__", metric))...)
}

// expire applies retention, up to the times that the node says. What is in memory
// only does not expire before it is flushed.
func (h *history) expire() {
	h.flush()
	h.post("/-/expire")
	text, err := h.get("/api/v1/status/compactor")
	if err != nil {
		h.t.Fatal(err)
	}
	var status struct {
		Data struct {
			Retention []struct {
				Rule   string     `json:"rule"`
				Cutoff *time.Time `json:"cutoff"`
			} `json:"retention"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &status); err != nil {
		h.t.Fatal(err)
	}
	rules := map[string][]*labels.Matcher{
		`{__name__="debug"}`:           {labels.MustNewMatcher(labels.MatchEqual, "__name__", "debug")},
		`{__name__="gauge",host="h3"}`: {labels.MustNewMatcher(labels.MatchEqual, "__name__", "gauge"), labels.MustNewMatcher(labels.MatchEqual, "host", "h3")},
	}
	for _, r := range status.Data.Retention {
		if matchers, ok := rules[r.Rule]; ok && r.Cutoff != nil {
			h.note("expire %s up to %d: %d samples", r.Rule, r.Cutoff.UnixMilli(), h.model.remove(0, r.Cutoff.UnixMilli(), matchers...))
			delete(rules, r.Rule)
		}
	}
	if files := strings.Contains(string(text), `"rows":"samples"`); files && len(rules) > 0 { // Without files there is no tenant to have rules.
		h.t.Fatalf("rules of retention are missing: %s", text)
	}
}

// patient repeats a question that ran into its time-out: that is an answer, too,
// on a busy machine, and the short one is needed for files to be collected soon.
func patient[T any](ask func() (T, error)) (T, error) {
	for tries := 0; ; tries++ {
		found, err := ask()
		var a *answerError
		if !errors.As(err, &a) || a.status < 503 || a.status > 504 || tries == 20 {
			return found, err
		}
	}
}

func (h *history) checkSamples() {
	h.t.Helper()
	minT, maxT := h.from, h.from+historyDays*86_400_000
	if h.rng.IntN(2) == 0 {
		minT, maxT = h.span()
	}
	got, err := patient(func() (answer, error) { return h.readSamples(minT, maxT, everything) })
	if err != nil {
		h.t.Fatal(err)
	}
	want := h.model.answer(minT, maxT)
	maps.DeleteFunc(got, func(_ string, points []point) bool { return len(points) == 0 })
	if err := compare(got, want); err != nil {
		h.t.Fatalf("remote read of %d to %d: %v", minT, maxT, err)
	}
}

// historyQueries are range queries; R is a range, O an offset or nothing.
var historyQueries = []string{
	`gauge O`, `requests_total O`, `sum by (host) (gauge O)`, `max(odd O)`,
	`sum(rate(requests_total[R] O))`, `increase(requests_total[R] O)`, `rate(requests_total{host="h1"}[R] O)`,
	`avg_over_time(gauge[R] O)`, `min_over_time(gauge[R] O)`, `max_over_time(gauge[R] O)`, `sum_over_time(gauge[R] O)`,
	`count_over_time(gauge[R] O)`, `last_over_time(gauge[R] O)`, `quantile_over_time(0.5, gauge[R] O)`, `stddev_over_time(gauge[R] O)`,
	`delta(gauge[R] O)`, `present_over_time(gauge[R] O)`, `count_over_time(hist[R] O)`, `changes(requests_total[R] O)`, `resets(requests_total[R] O)`,
	`sum(count_over_time({__name__="odd",host=~"h1|h2"}[R] O))`, `max_over_time(rate(requests_total[1h])[R:1h] O)`, `topk(1, sum by (host) (rate(requests_total[R] O)))`,
	`sum(rate(requests_total[R] O)) / sum(count_over_time(gauge[R] O))`, `count_over_time(debug[R] O)`, `absent_over_time(gauge{host="h2"}[R] O)`,
}

func (h *history) checkPromQL() {
	h.t.Helper()
	for range 4 {
		expr := historyQueries[h.rng.IntN(len(historyQueries))]
		expr = strings.ReplaceAll(expr, "[R", []string{"[5m", "[1h", "[6h", "[1d", "[7m", "[65m"}[h.rng.IntN(6)])
		expr = strings.ReplaceAll(expr, " O", []string{"", "", " offset 1h", " offset 5m", " offset 77s"}[h.rng.IntN(5)])
		step := []time.Duration{5 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * time.Minute}[h.rng.IntN(5)]
		from, to := h.span()
		from = from / step.Milliseconds() * step.Milliseconds()
		if h.rng.IntN(4) == 0 {
			from += h.rng.Int64N(step.Milliseconds())
		}
		to = min(to, from+2000*step.Milliseconds(), h.from+historyDays*86_400_000)
		if to < from {
			continue
		}
		h.checkQuery(expr, time.UnixMilli(from), time.UnixMilli(to), step)
	}
}

func (h *history) checkQuery(expr string, from, to time.Time, step time.Duration) {
	h.t.Helper()
	got, err := patient(func() (matrix, error) {
		data, err := h.call("query_range", url.Values{
			"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
		})
		if err != nil {
			return nil, err
		}
		return parseMatrix(data)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	want, err := h.model.queryRange(expr, from, to, step)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := compareMatrix(got, want, 1e-9); err != nil {
		h.t.Fatalf("%s from %d to %d step %v: %v", expr, from.UnixMilli(), to.UnixMilli(), step, err)
	}
}

// checkSQL compares whole tables, read by scans or by series indexes, and some
// statements that can stop early.
func (h *history) checkSQL() {
	h.t.Helper()
	all := h.model.answer(h.from, h.from+historyDays*86_400_000).shown()
	for _, metric := range historyMetrics {
		want := answer{}
		for key, points := range all {
			if h.model.series[key].labels.Get("__name__") == metric {
				want[key] = points
			}
		}
		if len(want) == 0 || h.rng.IntN(2) == 0 {
			continue
		}
		indexed := strconv.FormatBool(h.rng.IntN(2) == 0)
		got, err := patient(func() (answer, error) { return h.sqlSeries(metric, metric, nil, "indexed", indexed) })
		if err != nil {
			h.t.Fatal(err)
		}
		if text := got.differs(want); text != "" {
			h.t.Fatalf("table %s, indexed %s: %s", metric, indexed, text)
		}
		h.checkNewest(metric, want)
	}
}

func (h *history) checkNewest(metric string, want answer) {
	h.t.Helper()
	var times []int64
	for _, points := range want {
		for _, p := range points {
			times = append(times, p.t)
		}
	}
	slices.Sort(times)
	statement := "SELECT epoch_ms(time) FROM " + metric + " ORDER BY time DESC LIMIT 5"
	a, err := patient(func() (sqlAnswer, error) { return h.sqlRows(statement) })
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(times)
	newest := times[:min(5, len(times))]
	var got []int64
	for _, row := range a.Rows {
		n, err := strconv.ParseInt(fmt.Sprint(row[0]), 10, 64)
		if err != nil {
			h.t.Fatal(err)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, newest) {
		h.t.Fatalf("%s: %v, want %v", statement, got, newest)
	}
}
