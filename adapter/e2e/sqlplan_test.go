package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// plan is the text of an EXPLAIN.
func (n *node) plan(statement string, more ...string) string {
	n.t.Helper()
	var b strings.Builder
	for _, row := range n.mustSQL(statement, more...).Rows {
		fmt.Fprintf(&b, "%s: %s\n", row[0], row[1])
	}
	return b.String()
}

func (n *node) wantPlan(statement string, want []string, not []string, more ...string) {
	n.t.Helper()
	text := n.plan(statement, more...)
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(text) {
			n.t.Errorf("%s: no %q in\n%s", statement, w, text)
		}
	}
	for _, w := range not {
		if strings.Contains(text, w) {
			n.t.Errorf("%s: there is %q in\n%s", statement, w, text)
		}
	}
}

// TestSQLPlans: plans tell what was pruned by what, what is deduplicated and what
// is found step by step; the newest value of a year opens two files at most; a
// damaged file that is not needed does not matter, one that is needed is an
// error.
func TestSQLPlans(t *testing.T) {
	d := newSQLData(t)
	const days = 12
	from := time.Now().UTC().Truncate(24 * time.Hour).Add(-days * 24 * time.Hour).UnixMilli()
	write := func(metric string, day, every int64) {
		var points []point
		for at := from + day*86_400_000; at < from+(day+1)*86_400_000; at += every {
			points = append(points, floatPoint(at, float64(day)))
		}
		var list []sent
		for _, host := range []string{"a", "b"} {
			list = append(list, sent{labels: labels.FromStrings("__name__", metric, "host", host), points: points})
		}
		d.send(list)
	}
	for day := range int64(days) {
		write("steady", day, 60_000)
		d.flush()
	}
	top := "SELECT time, value FROM steady WHERE host = 'a' ORDER BY time DESC LIMIT 1"
	for _, indexed := range []string{"true", "false"} {
		d.wantPlan("EXPLAIN ANALYZE "+top, []string{"ProgressiveEvalExec", "files=1 of 12", "rows=1,"}, []string{"DeduplicateExec"}, "indexed", indexed)
	}
	d.wantPlan("EXPLAIN "+top, []string{"logical_plan", "projection=\\[time, value, host\\]", `pruning_predicate=\{__name__="steady", host="a"\}`, "SeriesIndexExec: rows=1 of 1 series, files=1, pages="}, nil)
	d.wantPlan("EXPLAIN "+top, []string{"ParquetExec: level=0, files=1, .* row groups with matching series=1 of 1"}, nil, "indexed", "false")
	// The statement's own predicate and its columns reach DuckDB's scan.
	d.wantPlan("EXPLAIN SELECT value FROM steady WHERE host = 'a' AND value > 2.5", []string{"duckdb_physical_plan: .*READ_PARQUET", "Filters:", "duckdb_physical_plan: .*host='a'", "duckdb_physical_plan: .*value>2.5"}, nil, "indexed", "false")
	d.wantPlan("EXPLAIN "+top, []string{"ParquetExec: level=0, files=12", "no progressive evaluation: it was switched off"}, []string{"ProgressiveEvalExec"}, "indexed", "false", "progressive", "false")
	d.wantPlan("EXPLAIN SELECT count(*) FROM steady WHERE time >= TIMESTAMPTZ '"+time.UnixMilli(from+10*86_400_000).UTC().Format(time.RFC3339)+"'",
		[]string{"files=12, pruned: by time 10, ", "no progressive evaluation: .+"}, nil)
	d.wantPlan("EXPLAIN SELECT count(*) FROM steady WHERE host = 'nobody'", []string{"by series index 12; opened 0"}, nil)
	d.wantPlan("EXPLAIN VERBOSE "+top, []string{`files:   default/samples/.*\.parquet: level=0`}, nil, "indexed", "false")
	d.wantPlan("EXPLAIN ANALYZE SELECT host, last(value, time) FROM steady GROUP BY host", []string{"ProgressiveEvalExec: last of each", "files=1 of 12", "rows=2,"}, nil)
	d.wantPlan("EXPLAIN ANALYZE SELECT host, last(value, time) FROM steady WHERE value < 3 GROUP BY host", []string{"no progressive evaluation"}, nil)

	write("steady", 5, 3_600_000) // Again, other times of it once more: in memory.
	d.wantPlan("EXPLAIN SELECT sum(value) FROM steady", []string{"DeduplicateExec: group 1", "MergeExec: sources=2", "RecordBatchesExec: unflushed rows=48 of 2 series", "ParquetExec: level=0, files=11"}, nil, "indexed", "false")
	d.flush()
	d.wantPlan("EXPLAIN SELECT sum(value) FROM steady", []string{"DeduplicateExec: group 1", "MergeExec: sources=2", "ParquetExec: level=0, files=11"}, []string{"RecordBatchesExec"}, "indexed", "false")

	// The same of PromQL.
	text, err := d.get("/api/v1/explain?format=text&query=sum(steady)&time=" + fmt.Sprint((from+3*86_400_000)/1000))
	if err != nil || !strings.Contains(string(text), "steady") {
		t.Errorf("explain of PromQL: %v\n%s", err, text)
	}

	oldest := d.mustSQL("SELECT name FROM system.files WHERE kind = 'samples' ORDER BY min_time LIMIT 1").Rows[0][0].(string)
	undo := flip(t, d.dir+"/objects/"+oldest, 100, 0x10)
	d.process.kill() // What was verified is forgotten.
	d.startReady()
	if got := d.mustSQL(top, "indexed", "false").Rows; len(got) != 1 || fmt.Sprint(got[0][1]) != fmt.Sprint(days-1) {
		t.Errorf("the newest value is %v", got)
	}
	var refused *answerError
	_, err = d.sqlRows("SELECT sum(value) FROM steady", "indexed", "false")
	if !errors.As(err, &refused) || refused.status != http.StatusInternalServerError || !strings.Contains(string(refused.body), oldest) {
		t.Errorf("a statement over the damaged file: %v", err)
	}
	undo()
	d.mustSQL("SELECT sum(value) FROM steady", "indexed", "false")
}

// TestSQLLimits: each limit has its own error, and the next query answers.
func TestSQLLimits(t *testing.T) {
	n := newNode(t, "sql: { max_concurrency: 1, max_queue: 1, max_rows: 1000, max_bytes: 1MiB, max_memory: 64MiB, max_temp: 0B, max_timeout: 1m }\n")
	n.startReady()
	slow := "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"
	tests := map[string]struct {
		statement, timeout string
		status             int
		text               string
	}{
		"rows":               {"SELECT * FROM range(100000)", "", http.StatusUnprocessableEntity, "1000"},
		"bytes":              {"SELECT repeat('x', 1000) || repeat('y', 1000) || range AS a FROM range(900)", "", http.StatusUnprocessableEntity, "bytes"},
		"time":               {slow, "200ms", http.StatusGatewayTimeout, "deadline"},
		"a timeout too long": {"SELECT 1", "2h", http.StatusBadRequest, "1m"},
		"no timeout":         {"SELECT 1", "soon", http.StatusBadRequest, "soon"},
		"memory":             {"SELECT count(DISTINCT a.range * 1000 + b.range) FROM range(10000) a, range(1000) b", "30s", http.StatusUnprocessableEntity, "emory"},
		"division":           {"SELECT 'a'::INTEGER", "", http.StatusUnprocessableEntity, "Could not convert"},
		"syntax":             {"SELECT FROM WHERE", "", http.StatusBadRequest, "syntax error"},
		"parameter":          {"SELECT $1::INTEGER", "", http.StatusBadRequest, "1"},
		"format":             {"SELECT 1", "", http.StatusBadRequest, "xml"},
	}
	for name, tt := range tests {
		more := []string{"timeout", tt.timeout}
		if name == "format" {
			more = append(more, "format", "xml")
		}
		_, err := n.sql(tt.statement, more...)
		var refused *answerError
		if !errors.As(err, &refused) || refused.status != tt.status || !strings.Contains(string(refused.body), tt.text) {
			t.Errorf("%s: %v, want %d with %q", name, err, tt.status, tt.text)
		}
		if a := n.mustSQL("SELECT 42"); fmt.Sprint(a.Rows) != "[[42]]" {
			t.Errorf("after %s: %v", name, a)
		}
	}
	const at = 4 // One runs, one waits, the others are refused.
	answers := make(chan error, at)
	for range at {
		go func() { _, err := n.sql(slow, "timeout", "2s"); answers <- err }()
	}
	status := map[int]int{}
	for range at {
		var refused *answerError
		if err := <-answers; errors.As(err, &refused) {
			status[refused.status]++
		} else {
			t.Error(err)
		}
	}
	if status[http.StatusServiceUnavailable] < at-2 || status[http.StatusGatewayTimeout] < 1 {
		t.Errorf("statuses of %d at once: %v", at, status)
	}
	metrics, err := n.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`herringbone_sql_statements_total{result="timeout"}`, `herringbone_sql_statements_total{result="limit"}`, `herringbone_sql_queue_refused_total`, `herringbone_sql_result_limits_total`} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("no metric %s", want)
		}
	}
}
