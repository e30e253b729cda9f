package e2e

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/prometheus/model/labels"
)

// TestSQLReadsWhatWasAcknowledged: a sample is in the answer to a statement that
// begins after its write was answered, also while memory becomes files.
func TestSQLReadsWhatWasAcknowledged(t *testing.T) {
	n := newNode(t, "storage: { memory_per_generation: 1MiB }\n")
	n.startReady()
	d := &sqlData{node: n}
	stop := make(chan struct{})
	flushed := make(chan int)
	go func() { // As often as it can.
		count := 0
		for {
			select {
			case <-stop:
				flushed <- count
				return
			default:
			}
			if _, err := n.do(http.MethodPost, "/-/flush", "", nil); err != nil {
				t.Errorf("flush: %v", err)
			}
			count++
		}
	}()
	start := time.Now().UnixMilli()
	const writes = 150
	for i := range int64(writes) {
		d.send([]sent{{labels: labels.FromStrings("__name__", "counted", "host", "a"), points: []point{floatPoint(start+i, float64(i))}}})
		a := n.mustSQL("SELECT count(*), max(value), sum(value) FROM counted", "indexed", fmt.Sprint(i%2 == 0))
		if got, want := fmt.Sprint(a.Rows[0]), fmt.Sprintf("[%d %d %d]", i+1, i, i*(i+1)/2); got != want {
			t.Fatalf("after write %d: %s, want %s", i, got, want)
		}
	}
	close(stop)
	if count := <-flushed; count < 5 {
		t.Errorf("only %d flushes meanwhile", count)
	}
}

// TestSQLOverHTTP: methods, encodings, parameters, compression, a client that goes
// away, and what there is besides metrics.
func TestSQLOverHTTP(t *testing.T) {
	d := newSQLData(t)
	for range 2 {
		d.write()
	}
	get := func(path string) string {
		t.Helper()
		text, err := d.get("/api/v1/sql?" + path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := get("format=csv&query=" + url.QueryEscape("SELECT $1 + 1 AS a, $2 AS b") + "&params=" + url.QueryEscape(`[41, "x,y"]`)); got != "a,b\r\n42,\"x,y\"\r\n" {
		t.Errorf("GET with parameters: %q", got)
	}
	body := `{"query": "SELECT $big::BIGINT AS big, $f AS f", "params": {"big": 9223372036854775807, "f": 0.5}, "format": "jsonl"}`
	text, err := d.do(http.MethodPost, "/api/v1/sql", "application/json", []byte(body))
	if err != nil || string(text) != "{\"big\":9223372036854775807,\"f\":0.5}\n" {
		t.Errorf("POST of JSON: %q, %v", text, err)
	}
	names, err := csv.NewReader(strings.NewReader(get("format=csv&query=SHOW+TABLES"))).ReadAll()
	if err != nil || len(names) < len(sqlTables) {
		t.Errorf("tables: %v %v", names, err)
	}
	for _, statement := range []string{
		"DESCRIBE plain", "SUMMARIZE plain", "SELECT * FROM information_schema.columns WHERE table_name = 'plain'", "SELECT * FROM system.metrics", "SELECT * FROM system.labels",
		"SELECT * FROM system.files", "SELECT * FROM system.partitions", "SELECT sql FROM system.queries WHERE sql LIKE 'DESCRIBE%'", "SHOW ALL TABLES",
	} {
		if a := d.mustSQL(statement); len(a.Rows) == 0 && !strings.Contains(statement, "files") && !strings.Contains(statement, "partitions") {
			t.Errorf("%s: no rows", statement)
		}
	}
	d.mustSQL("SELECT e.trace_id FROM (SELECT exemplar_labels['trace_id'] AS trace_id FROM exemplars) e")
	d.checkCompression()
	d.checkGoneClient()
}

func (d *sqlData) checkCompression() {
	d.t.Helper()
	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, d.url("/api/v1/sql?format=csv&query="+url.QueryEscape("SELECT range FROM range(100000)")), nil)
		if err != nil {
			d.t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", encoding)
		res, err := d.client.Do(req)
		if err != nil {
			d.t.Fatal(err)
		}
		defer res.Body.Close()
		if got := res.Header.Get("Content-Encoding"); got != encoding {
			d.t.Errorf("content encoding %q, asked for %s", got, encoding)
			continue
		}
		r, err := open(res.Body)
		if err != nil {
			d.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || strings.Count(string(text), "\n") != 100_001 {
			d.t.Errorf("%s: %d lines, %v", encoding, strings.Count(string(text), "\n"), err)
		}
	}
}

// checkGoneClient: a query whose client hangs up ends soon, long before its
// deadline.
func (d *sqlData) checkGoneClient() {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	form := url.Values{"query": {"SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"}, "timeout": {"60s"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url("/api/v1/sql?"+form.Encode()), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := d.client.Do(req); ended <- err }()
	running := func(want int) func() error {
		return func() error {
			a, err := d.sqlRows("SELECT count(*) FROM system.queries WHERE state = 'running' AND sql LIKE '%a.range * b.range%' AND sql NOT LIKE '%system%'")
			if err == nil && fmt.Sprint(a.Rows[0][0]) != fmt.Sprint(want) {
				err = fmt.Errorf("%v queries run, want %d", a.Rows[0][0], want)
			}
			return err
		}
	}
	await(d.t, "the query to run", 10*time.Second, running(1))
	cancel()
	<-ended
	await(d.t, "the query to end", 10*time.Second, running(0))
}
