package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newRoutes is the HTTP surface over a store that answers everything with its
// own name.
func newRoutes(admin bool) *routes {
	l, reg := new(life), newRegistry()
	return &routes{life: l, metrics: newMetrics(reg, l), gatherer: reg, admin: admin}
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
}

func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// While it opens and replays, the node is healthy, says how far it is, and puts
// every call off instead of answering from half its data.
func TestRoutesThroughLife(t *testing.T) {
	r := newRoutes(true)
	h := r.handler()
	flushed := 0
	paths := []string{"/api/v1/write", "/api/v1/query", "/api/v1/read", "/federate", "/-/flush"}

	wantRefused := func(status string, done, total int64) {
		t.Helper()
		w := ask(h, "GET", "/-/ready")
		var got report
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, w.Body)
		}
		if diff := cmp.Diff(report{status, done, total}, got); diff != "" || w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("ready: %d, headers %v (-want +got):\n%s", w.Code, w.Header(), diff)
		}
		for _, p := range paths {
			w := ask(h, "POST", p)
			if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), status) {
				t.Errorf("%s while %s: %d %v %s", p, status, w.Code, w.Header(), w.Body)
			}
		}
		for _, p := range []string{"/-/healthy", "/metrics", "/version", "/"} {
			if w := ask(h, "GET", p); w.Code != 200 {
				t.Errorf("%s while %s: %d", p, status, w.Code)
			}
		}
	}

	wantRefused("opening", 0, 0)
	progress := func() (int64, int64) { return 3 << 20, 8 << 20 }
	r.life.progress.Store(&progress)
	r.life.enter(phaseReplaying)
	wantRefused("replaying", 3<<20, 8<<20)
	r.open(&api{write: says("write"), query: says("query"), flush: func(context.Context) error { flushed++; return nil }})
	wantRefused("replaying", 3<<20, 8<<20)

	r.life.enter(phaseReady)
	if w := ask(h, "GET", "/-/ready"); w.Code != 200 {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	for path, want := range map[string]string{"/api/v1/write": "write", "/api/v1/query": "query", "/api/v1/read": "query", "/federate": "query"} {
		if w := ask(h, "POST", path); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(h, "POST", "/-/flush"); w.Code != 204 || flushed != 1 {
		t.Errorf("flush: %d, %d flushes", w.Code, flushed)
	}

	r.life.enter(phaseStopping)
	r.life.enter(phaseReady) // A replay that ended too late.
	wantRefused("stopping", 3<<20, 8<<20)
}

func TestFlushRoute(t *testing.T) {
	tests := map[string]struct {
		admin  bool
		method string
		header []string
		err    error
		want   int
	}{
		"admin API off":          {method: "POST", want: 403},
		"on":                     {admin: true, method: "POST", want: 204},
		"not a POST":             {admin: true, method: "GET", want: 405},
		"fault":                  {admin: true, method: "POST", err: errors.New("disk full"), want: 500},
		"sent by another site":   {admin: true, method: "POST", header: []string{"Sec-Fetch-Site", "cross-site"}, want: 403},
		"sent by the node's own": {admin: true, method: "POST", header: []string{"Sec-Fetch-Site", "same-origin"}, want: 204},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRoutes(tt.admin)
			r.open(&api{flush: func(context.Context) error { return tt.err }})
			r.life.enter(phaseReady)
			if w := ask(r.handler(), tt.method, "/-/flush", tt.header...); w.Code != tt.want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, tt.want)
			}
		})
	}
}

func TestLandingPage(t *testing.T) {
	w := ask(newRoutes(false).handler(), "GET", "/")
	if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if want := `api/v1/query?query=up%7bjob%3d%22herringbone%22%7d`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s in\n%s", want, w.Body)
	}
	if w := ask(newRoutes(false).handler(), "GET", "/nowhere"); w.Code != 404 {
		t.Errorf("/nowhere: %d", w.Code)
	}
}

// Clients cannot make series of our metrics by asking for paths.
func TestHandlerLabels(t *testing.T) {
	r := newRoutes(false)
	h := r.handler()
	for _, p := range []string{"/api/v1/label/a/values", "/api/v1/label/b/values", "/x", "/y", "/api/v1/z", "/metrics"} {
		ask(h, "GET", p)
	}
	body := ask(h, "GET", "/metrics").Body.String()
	for _, want := range []string{
		`herringbone_http_requests_total{code="503",handler="label_values"} 2`,
		`herringbone_http_requests_total{code="404",handler="other"} 2`,
		`herringbone_http_requests_total{code="200",handler="metrics"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}

func startServer(t *testing.T, h http.Handler) *server {
	t.Helper()
	s, err := newServer(context.Background(), "127.0.0.1:0", "", h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.shutdown(context.Background()), <-ended); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A stop lets the running request finish and takes no new one.
func TestShutdownFinishesRequests(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		fmt.Fprint(w, "done")
	}))
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + s.address())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.shutdown(context.Background()) }()
	for refused := false; !refused; { // Until the listener is closed.
		c, err := net.Dial("tcp", s.address())
		if refused = err != nil; !refused {
			c.Close()
		}
	}
	close(leave)
	if got := <-answer; got != "done" {
		t.Errorf("the running request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A request that does not end cannot hold up a stop for ever.
func TestShutdownCutsRequests(t *testing.T) {
	entered := make(chan struct{})
	s := startServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	go func() { _, _ = http.Get("http://" + s.address()) }()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
}

func TestServerLimits(t *testing.T) {
	s := startServer(t, says("ok"))
	if s.http.ReadHeaderTimeout != 10*time.Second || s.http.IdleTimeout != 2*time.Minute || s.http.MaxHeaderBytes != 64<<10 {
		t.Errorf("limits of the server: %+v", s.http)
	}
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 128<<10))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("128 KiB of header: %v %v", res, err)
	}
}

// The connection after the last allowed one waits until another ends.
func TestConnectionLimit(t *testing.T) {
	s := startServer(t, says("ok"))
	var open []net.Conn
	for range maxConnections {
		open = append(open, exchange(t, s.address()))
	}
	late, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	fmt.Fprint(late, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = late.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := late.Read(make([]byte, 1)); err == nil {
		t.Errorf("connection %d was answered", maxConnections+1)
	}
	for _, c := range open {
		c.Close()
	}
	_ = late.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := late.Read(make([]byte, 1)); err != nil {
		t.Errorf("not answered after the others ended: %v", err)
	}
}

// exchange makes one request and keeps the connection.
func exchange(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
		t.Fatal(err)
	}
	return c
}

// A sender that stops in the middle of a body is cut off.
func TestBodyDeadline(t *testing.T) {
	got := make(chan error, 1)
	s := startServer(t, bodyDeadline(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		got <- err
	}), 20*time.Millisecond))
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	select {
	case err := <-got:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("reading the body ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still reading")
	}
}
