package shell

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"herringbone/sql/format"
	"herringbone/storage/series"
)

// node answers as a Herringbone node does, one row a statement: its text.
type node struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []question
	headers []http.Header
	began   chan struct{} // A query called SLEEP began,
	ended   chan struct{} // and its request ended.
}

func newNode(t *testing.T) *node {
	n := &node{began: make(chan struct{}, 1), ended: make(chan struct{}, 1)}
	n.Server = httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(n.Close)
	return n
}

func (n *node) serve(w http.ResponseWriter, r *http.Request) {
	var q question
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || r.URL.Path != "/api/v1/sql" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, fmt.Sprintf("%s %s: %v", r.Method, r.URL, err), http.StatusNotFound)
		return
	}
	n.mu.Lock()
	n.asked, n.headers = append(n.asked, q), append(n.headers, r.Header)
	n.mu.Unlock()
	switch {
	case strings.Contains(q.Query, "FRM"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":"syntax error at or near \"FRM\"","position":%d}`, strings.Index(q.Query, "FRM"))
	case q.Query == "OVERLOAD":
		http.Error(w, "try \x1b[31m later", http.StatusServiceUnavailable)
	case q.Query == "SLEEP":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		n.began <- struct{}{}
		<-r.Context().Done()
		n.ended <- struct{}{}
	case strings.HasPrefix(q.Query, "CUT"):
		n.answer(w, r, q, func() { panic(http.ErrAbortHandler) })
	default:
		n.answer(w, r, q, func() {})
	}
}

// answer writes two batches; between runs between them.
func (n *node) answer(w http.ResponseWriter, r *http.Request, q question, between func()) {
	f, err := format.Parse(q.Format)
	if err != nil {
		panic(err)
	}
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		defer zw.Close()
		out = zw
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "name", Type: arrow.BinaryTypes.String}}, nil))
	e, err := format.New(f, out, b.Schema(), format.Options{})
	if err != nil {
		panic(err)
	}
	for i, text := range []string{q.Query, "second"} {
		b.Field(0).(*array.StringBuilder).Append(text)
		if err := e.Write(b.NewRecordBatch()); err != nil {
			return
		}
		if i == 0 {
			if zw, ok := out.(*gzip.Writer); ok {
				zw.Flush()
			}
			_ = http.NewResponseController(w).Flush()
			between()
		}
	}
	if q.Query == "NOMARK" {
		return
	}
	if err := e.Close(); err != nil {
		return
	}
}

func (n *node) queries() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, q := range n.asked {
		out = append(out, q.Query)
	}
	return out
}

func run(o Options) (string, string, error) {
	var out, errs bytes.Buffer
	o.Out, o.Err = &out, &errs
	err := Run(context.Background(), o)
	return out.String(), errs.String(), err
}

func TestRequest(t *testing.T) {
	n := newNode(t)
	out, _, err := run(Options{
		URL: n.URL + "/", Query: "SELECT 'é'", Format: "CSV", Timeout: 1500e6,
		Params: []string{"9223372036854775807", "1.50", "true", "text", "'1'", "null", "'it''s a=b'"},
		Header: http.Header{"X-Scope-OrgID": {"team-a"}}, Username: "ann", Password: "pw",
	})
	if err != nil || out != "name\r\nSELECT 'é'\r\nsecond\r\n" {
		t.Errorf("%q %v", out, err)
	}
	q, h := n.asked[0], n.headers[0]
	if string(q.Params) != `[9223372036854775807,1.50,true,"text","1",null,"it's a=b"]` || q.Timeout != "1.5s" || q.Format != "csv" {
		t.Errorf("%+v %s", q, q.Params)
	}
	if user, pw, _ := (&http.Request{Header: h}).BasicAuth(); user != "ann" || pw != "pw" || h.Get("X-Scope-OrgID") != "team-a" {
		t.Errorf("%v", h)
	}
	if _, _, err := run(Options{URL: n.URL, Query: "SELECT $a", Params: []string{"a=1", "b=x=y"}, BearerToken: "tok"}); err != nil {
		t.Error(err)
	}
	if q := n.asked[1]; string(q.Params) != `{"a":1,"b":"x=y"}` || q.Format != "arrow" || n.headers[1].Get("Authorization") != "Bearer tok" {
		t.Errorf("%+v %s", q, q.Params)
	}
	for _, o := range []Options{
		{URL: "ftp://x"}, {Format: "xml"}, {Params: []string{"a=1", "2"}}, {Params: []string{"a=1", "a=2"}}, {Timeout: -1},
	} {
		o.Query = "SELECT 1"
		if _, _, err := run(o); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestErrorsHaveACaret(t *testing.T) {
	n := newNode(t)
	_, _, err := run(Options{URL: n.URL, Query: "SELECT 1;\nSELECT\t'日本', x,\n  y FRM t;\nSELECT 3"})
	want := "statement of line 2: bad_data: syntax error at or near \"FRM\"\nLINE 2:   y FRM t\n            ^"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	if got := n.queries(); len(got) != 2 {
		t.Errorf("a script goes on after an error: %q", got)
	}
	_, _, err = run(Options{URL: n.URL, Query: "SELECT '日本' FRM"})
	if want := "LINE 1: SELECT '日本' FRM\n                      ^"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v", err)
	}
	long := "SELECT '" + strings.Repeat("é", 500) + "' FRM t WHERE " + strings.Repeat("x", 500)
	_, _, err = run(Options{URL: n.URL, Query: long})
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || len(lines[1]) > 250 || []rune(lines[1])[len([]rune(lines[2]))-1] != 'F' {
		t.Errorf("%v", err)
	}
	var e *Error
	_, _, err = run(Options{URL: n.URL, Query: "OVERLOAD"})
	if !errors.As(err, &e) || e.Status != 503 || e.Error() != `503 Service Unavailable: try \x1b[31m later` {
		t.Errorf("%v", err)
	}
	n.Close()
	if _, _, err := run(Options{URL: n.URL, Query: "SELECT 1"}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

// TestCutOff: a part of an answer never looks whole, in any format, compressed
// or not.
func TestCutOff(t *testing.T) {
	n := newNode(t)
	for _, f := range []string{"", "expanded", "json", "jsonl", "csv", "arrow", "parquet"} {
		for _, plain := range []bool{false, true} {
			o := Options{URL: n.URL, Query: "CUT", Format: f, Client: &http.Client{Transport: &http.Transport{DisableCompression: plain}}}
			out, _, err := run(o)
			if err == nil || !strings.Contains(err.Error(), "cut off") || strings.Contains(out, "rows)") {
				t.Errorf("%q plain=%v: %q %v", f, plain, out, err)
			}
		}
	}
	// A proxy that makes a normal end of a broken connection is found out by
	// Arrow's end mark.
	if _, _, err := run(Options{URL: n.URL, Query: "NOMARK"}); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("no end mark: %v", err)
	}
	// Without a length and without chunks, a broken connection is a normal end.
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(buf, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na,b\r\n1,")
		buf.Flush()
		c.Close()
	}))
	defer old.Close()
	if out, _, err := run(Options{URL: old.URL, Query: "SELECT 1", Format: "csv"}); err == nil {
		t.Errorf("%q", out)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []statement
	}{
		{"SELECT 1", []statement{{"SELECT 1", 1}}},
		{";; SELECT 1 ; ;SELECT 2;", []statement{{"SELECT 1", 1}, {"SELECT 2", 1}}},
		{"SELECT ';' || '''; '; SELECT \";\"\"\" FROM t", []statement{{"SELECT ';' || '''; '", 1}, {"SELECT \";\"\"\" FROM t", 1}}},
		{"-- a; b\nSELECT 1 -- c;\n;\nSELECT 2", []statement{{"-- a; b\nSELECT 1 -- c;", 1}, {"SELECT 2", 4}}},
		{"/* ; /* ; */ ; */ SELECT 1; /* only; a comment */", []statement{{"/* ; /* ; */ ; */ SELECT 1", 1}}},
		{"SELECT $$a;b$$; SELECT $x$ ; $$ ; $x$, $1; SELECT $2", []statement{{"SELECT $$a;b$$", 1}, {"SELECT $x$ ; $$ ; $x$, $1", 1}, {"SELECT $2", 1}}},
		{`SELECT E'\';', e'\\'; SELECT 'a\'; SELECT type'x\'`, []statement{{`SELECT E'\';', e'\\'`, 1}, {`SELECT 'a\'`, 1}, {`SELECT type'x\'`, 1}}},
		{"SELECT a$b$;SELECT c$b$", []statement{{"SELECT a$b$", 1}, {"SELECT c$b$", 1}}},
		{"\n\nSELECT 'a\n;\nb'\r\n;", []statement{{"SELECT 'a\n;\nb'", 3}}},
		{"SELECT 'open; SELECT 2", []statement{{"SELECT 'open; SELECT 2", 1}}},
	} {
		var sc script
		var got []statement
		for line := range strings.Lines(c.in) {
			got = append(got, sc.add(line)...)
		}
		got = append(got, sc.rest()...)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(statement{})); diff != "" {
			t.Errorf("%q: %s", c.in, diff)
		}
	}
}

func TestScriptCommands(t *testing.T) {
	n := newNode(t)
	dir := t.TempDir()
	included, result := filepath.Join(dir, "more.sql"), filepath.Join(dir, "out.jsonl")
	if err := os.WriteFile(included, []byte("SELECT 'inc';\nSELECT\nFRM"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, err := run(Options{URL: n.URL, In: strings.NewReader(strings.Join([]string{
		`\d`, `\d node:"x`, `\d a:b"`, `\d system.files`, `\d up`, `\df`, `\l`,
		`\format jsonl`, `\o ` + result, "SELECT 1;", `\o`, `\i ` + included, "SELECT 'never';",
	}, "\n"))})
	if err == nil || !strings.Contains(err.Error(), included+":2: bad_data") {
		t.Errorf("%v", err)
	}
	want := []string{"SHOW TABLES", `DESCRIBE node:"x`, `DESCRIBE a:b"`, `DESCRIBE system."files"`, `DESCRIBE "up"`,
		"SELECT * FROM system.files", "SELECT * FROM system.labels", "SELECT 1", "SELECT 'inc'", "SELECT\nFRM"}
	if diff := cmp.Diff(want, n.queries()); diff != "" {
		t.Error(diff)
	}
	if got, err := os.ReadFile(result); err != nil || string(got) != `{"name":"SELECT 1"}`+"\n"+`{"name":"second"}`+"\n" {
		t.Errorf("%q %v", got, err)
	}
	if errs != "The format is jsonl.\n" {
		t.Errorf("%q", errs)
	}
	if _, _, err := run(Options{URL: n.URL, In: strings.NewReader(`\nothing`)}); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(included, []byte(`\i `+included), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(Options{URL: n.URL, In: strings.NewReader(`\i ` + included)}); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// terminal is both ends of a dialogue.
type terminal struct {
	t    *testing.T
	keys *io.PipeWriter
	mu   sync.Mutex
	cond *sync.Cond
	seen bytes.Buffer
	done chan error
}

func (tm *terminal) Write(p []byte) (int, error) {
	tm.mu.Lock()
	defer tm.mu.Unlock()
	tm.seen.Write(p)
	tm.cond.Broadcast()
	return len(p), nil
}

// expect waits until text is shown, and forgets what was shown up to it.
func (tm *terminal) expect(text string) {
	tm.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, tm.cond.Broadcast)()
	tm.mu.Lock()
	defer tm.mu.Unlock()
	for {
		if i := strings.Index(tm.seen.String(), text); i >= 0 {
			tm.seen.Next(i + len(text))
			return
		}
		if ctx.Err() != nil {
			tm.t.Fatalf("%q is not shown, but %q", text, tm.seen.String())
		}
		tm.cond.Wait()
	}
}

func (tm *terminal) typed(text string) {
	tm.t.Helper()
	if _, err := io.WriteString(tm.keys, text); err != nil {
		tm.t.Fatal(err)
	}
}

func TestDialogue(t *testing.T) {
	n := newNode(t)
	history := filepath.Join(t.TempDir(), "state", "sql_history")
	keysRead, keys := io.Pipe()
	tm := &terminal{t: t, keys: keys, done: make(chan error, 1)}
	tm.cond = sync.NewCond(&tm.mu)
	go func() {
		tm.done <- Run(context.Background(), Options{URL: n.URL, In: keysRead, Out: tm, Err: tm, Interactive: true, HistoryFile: history})
	}()
	tm.expect("sql> ")
	tm.typed("SELECT ';'\n")
	tm.expect("...> ")
	tm.typed("FROM t; SELECT 2;\n")
	tm.expect("│ SELECT 2 │")
	tm.expect("(2 rows)")
	tm.expect("Time: ")
	tm.typed("SELECT FRM;\n")
	tm.expect("error: bad_data: syntax error")
	tm.typed("\\x\nSELECT 3;\n")
	tm.expect("name │ SELECT 3\n")
	// Ctrl-C ends the query, not the shell.
	tm.typed("SLEEP;\n")
	<-n.began
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	tm.expect("error: cancelled\n")
	<-n.ended
	// The node's table is "SHOW TABLES", its column DESCRIBE "SHOW TABLES".
	tm.typed("SELECT 1 FROM \"SHO\t;\n")
	tm.expect("second\n")
	tm.typed("\x04")
	if err := <-tm.done; err != nil {
		t.Error(err)
	}
	if got := n.queries(); got[0] != "SELECT ';'\nFROM t" || got[1] != "SELECT 2" || !slices.Contains(got, `SELECT 1 FROM "SHOW TABLES"`) {
		t.Errorf("%q", got)
	}
	kept, err := os.ReadFile(history)
	if st, statErr := os.Stat(history); err != nil || statErr != nil || st.Mode().Perm() != 0o600 || !strings.Contains(string(kept), "FROM t; SELECT 2;\n") {
		t.Errorf("%q %v %v", kept, err, st)
	}
}

func TestComplete(t *testing.T) {
	n := newNode(t)
	s := &session{opts: Options{URL: n.URL}}
	s.client, _ = newClient(s.opts)
	c := &completer{session: s, ctx: t.Context()}
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"sel", []string{"ECT "}},
		{"SELECT * FROM system.f", []string{"iles "}},
		{`SELECT * FROM "SHO`, []string{`W TABLES" `}},
		{`SELECT sec`, []string{"ond "}},
		{`SELECT x FROM "SHOW TABLES" WHERE "DE`, []string{`SCRIBE ""SHOW TABLES""" `}},
		{"", nil},
	} {
		var got []string
		suffixes, _ := c.Do([]rune(tt.line), len([]rune(tt.line)))
		for _, s := range suffixes {
			got = append(got, string(s))
		}
		if tt.line == "" {
			got = nil // Everything.
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.line, diff)
		}
	}
	if got := n.queries(); len(got) != 2 {
		t.Errorf("names are asked for again: %q", got)
	}
}

func TestHistoryFile(t *testing.T) {
	for _, c := range [][3]string{{"/state", "/home/x", "/state/herringbone/sql_history"}, {"", "/home/x", "/home/x/.local/state/herringbone/sql_history"}, {"", "", ""}} {
		env := map[string]string{"XDG_STATE_HOME": c[0], "HOME": c[1]}
		if got := HistoryFile(func(k string) string { return env[k] }); got != c[2] {
			t.Errorf("%v: %s", c, got)
		}
	}
}
