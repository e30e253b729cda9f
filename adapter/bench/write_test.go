package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// receiver is a remote-write endpoint that remembers what it took.
type receiver struct {
	protocol Protocol
	// refuse answers instead of the receiver if it returns true.
	refuse func(w http.ResponseWriter, r *http.Request, request int) bool

	mu       sync.Mutex // Guards the fields below.
	got      map[string][]stamp
	requests int
	flushes  int
	problems []string
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if r.URL.Path == "/flush" {
		rc.flushes++
		return
	}
	rc.requests++
	if rc.refuse != nil && rc.refuse(w, r, rc.requests) {
		return
	}
	for k, v := range rc.protocol.headers() {
		if r.Header.Get(k) != v {
			rc.problems = append(rc.problems, fmt.Sprintf("header %s is %q", k, r.Header.Get(k)))
		}
	}
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		rc.problems = append(rc.problems, err.Error())
	}
	n, err := collect(rc.got, rc.protocol, packed)
	if err != nil {
		rc.problems = append(rc.problems, err.Error())
	}
	w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(n))
	w.WriteHeader(http.StatusNoContent)
}

func serve(t *testing.T, p Protocol) (*receiver, string) {
	t.Helper()
	rc := &receiver{protocol: p, got: map[string][]stamp{}}
	s := httptest.NewServer(rc)
	t.Cleanup(s.Close)
	return rc, s.URL
}

func testWrite(p Protocol, urls ...string) WriteOptions {
	o := DefaultWriteOptions()
	o.Load, o.Shape.Protocol, o.Shape.Connections, o.Shape.SamplesPerRequest = testLoad(), p, 4, 100
	o.Settle = 0
	for i, u := range urls {
		o.Targets = append(o.Targets, Target{Name: fmt.Sprint("t", i), URL: u + "/api/v1/write"})
	}
	return o
}

func TestWriteDeliversEverySampleInOrder(t *testing.T) {
	for _, p := range []Protocol{Protocol1, Protocol2} {
		for _, slices := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s slices=%d", p, slices), func(t *testing.T) {
				a, urlA := serve(t, p)
				b, urlB := serve(t, p)
				o := testWrite(p, urlA, urlB)
				o.Slices = slices
				if err := Write(context.Background(), o, io.Discard); err != nil {
					t.Fatal(err)
				}
				for _, rc := range []*receiver{a, b} {
					if diff := cmp.Diff(wanted(o.Load), rc.got); diff != "" {
						t.Errorf("wrong samples (-want +got):\n%s", diff)
					}
					if len(rc.problems) > 0 {
						t.Errorf("requests were wrong: %q", rc.problems)
					}
				}
			})
		}
	}
}

func TestWriteReport(t *testing.T) {
	rc, url := serve(t, Protocol1)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 2*testLoad().Samples()), 0o644); err != nil {
		t.Fatal(err)
	}
	o := testWrite(Protocol1, url)
	o.Targets[0].PID, o.Targets[0].Dir, o.Targets[0].After = os.Getpid(), dir, url+"/flush"
	o.JSON = filepath.Join(dir, "results.json")
	var out bytes.Buffer
	if err := Write(context.Background(), o, &out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var results []WriteResult
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if r.Samples != o.Load.Samples() || r.BytesPerSample != 2 || r.Statuses["204"] != rc.requests || rc.flushes != 1 {
		t.Errorf("%d flushes, %d requests, result %+v", rc.flushes, rc.requests, r)
	}
	if r.TotalCPU <= 0 || r.LoadCPU > r.TotalCPU || r.PeakBytes < r.AnonBytes || r.AnonBytes == 0 || r.Ack.P50 <= 0 || r.Ack.Max < r.Ack.P99 {
		t.Errorf("result %+v", r)
	}
	for _, want := range []string{"t0", "2.00", "204:" + strconv.Itoa(rc.requests), "--start=2026-01-02T03:04:00Z"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestWriteRetriesOverload(t *testing.T) {
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInternalServerError} {
		rc, url := serve(t, Protocol1)
		refused := 0
		rc.refuse = func(w http.ResponseWriter, _ *http.Request, request int) bool {
			if request%5 != 0 {
				return false
			}
			refused++
			w.WriteHeader(status)
			return true
		}
		o := testWrite(Protocol1, url)
		if err := Write(context.Background(), o, io.Discard); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted(o.Load), rc.got); diff != "" || refused == 0 {
			t.Errorf("%d: %d requests were refused, wrong samples (-want +got):\n%s", status, refused, diff)
		}
	}
}

func TestRetriesAreBounded(t *testing.T) {
	rc, url := serve(t, Protocol1)
	rc.refuse = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		http.Error(w, "too busy", http.StatusServiceUnavailable)
		return true
	}
	o := testWrite(Protocol1, url)
	o.Shape.Connections, o.Shape.Retries = 1, 2
	err := Write(context.Background(), o, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "too busy") || rc.requests != 3 {
		t.Errorf("%d requests, error %v", rc.requests, err)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f := func(text string, want time.Duration) {
		t.Helper()
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("Retry-After %q is %v, want %v", text, got, want)
		}
	}
	f("", 0)
	f("3", 3*time.Second)
	f("-3", 0)
	f("99999999", time.Hour)
	f(now.Add(4*time.Second).Format(http.TimeFormat), 4*time.Second)
	f(now.Add(-4*time.Second).Format(http.TimeFormat), 0)

	rc, url := serve(t, Protocol1)
	rc.refuse = func(w http.ResponseWriter, _ *http.Request, request int) bool {
		if request != 1 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	o := testWrite(Protocol1, url)
	o.Shape.Connections = 1
	begin := time.Now()
	if err := Write(context.Background(), o, io.Discard); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("the run took %v, a retry was due after 1s", took)
	}
}

func TestRefusalEndsTheTargetAndNotTheRun(t *testing.T) {
	bad, urlBad := serve(t, Protocol1)
	bad.refuse = func(w http.ResponseWriter, _ *http.Request, request int) bool {
		if request < 3 {
			return false
		}
		http.Error(w, "out of order sample", http.StatusBadRequest)
		return true
	}
	good, urlGood := serve(t, Protocol1)
	o := testWrite(Protocol1, urlBad, urlGood)
	var out bytes.Buffer
	err := Write(context.Background(), o, &out)
	if !errors.Is(err, series.ErrInvalid) || !strings.Contains(err.Error(), "out of order sample") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "out of order sample") {
		t.Errorf("table lacks the server's words:\n%s", out.String())
	}
	if bad.requests > 3+o.Shape.Connections {
		t.Errorf("%d requests after a refusal", bad.requests-3)
	}
	if diff := cmp.Diff(wanted(o.Load), good.got); diff != "" {
		t.Errorf("wrong samples at the other target (-want +got):\n%s", diff)
	}
}

func TestSecondProtocolWantsItsCounts(t *testing.T) {
	rc, url := serve(t, Protocol2)
	rc.refuse = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(http.StatusNoContent) // Without the header: nothing was written.
		return true
	}
	if err := Write(context.Background(), testWrite(Protocol2, url), io.Discard); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}

// TestConnectionsStayTogether holds the first request of one connection back
// and wants that the others stop at the permitted distance.
func TestConnectionsStayTogether(t *testing.T) {
	o := testWrite(Protocol1)
	o.Shape.MaxSkew = time.Minute
	limit := o.Load.Start.Add(o.Shape.MaxSkew + 2*o.Load.Step).UnixMilli()
	held := labels.FromStrings(fleet(o.Load, 0, 1)[0].labels...).String()
	tooFar := make(chan struct{})
	var once, far sync.Once
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		packed, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got := map[string][]stamp{}
		if _, err := collect(got, Protocol1, packed); err != nil {
			t.Error(err)
		}
		if _, ok := got[held]; ok {
			once.Do(func() {
				select {
				case <-tooFar:
					t.Error("a connection ran ahead of the slowest")
				case <-time.After(300 * time.Millisecond):
				}
			})
		}
		for _, stamps := range got {
			if stamps[0].T > limit {
				far.Do(func() { close(tooFar) })
			}
		}
	}))
	defer s.Close()
	o.Targets = []Target{{Name: "x", URL: s.URL}}
	if err := Write(context.Background(), o, io.Discard); err != nil {
		t.Fatal(err)
	}
}

func TestTargetsTakeTurns(t *testing.T) {
	var mu sync.Mutex
	var turns []string
	o := testWrite(Protocol1)
	o.Slices = 4
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if len(turns) == 0 || turns[len(turns)-1] != name {
				turns = append(turns, name)
			}
		}))
		defer s.Close()
		o.Targets = append(o.Targets, Target{Name: name, URL: s.URL})
	}
	if err := Write(context.Background(), o, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(turns, ""); got != "abababab" {
		t.Errorf("turns are %s", got)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	rc, url := serve(t, Protocol1)
	s := httptest.NewServer(http.RedirectHandler(url, http.StatusTemporaryRedirect))
	defer s.Close()
	if err := Write(context.Background(), testWrite(Protocol1, s.URL), io.Discard); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if rc.requests != 0 {
		t.Errorf("%d requests went on to where the redirect led", rc.requests)
	}
}

func TestFlushThatFailsIsAnError(t *testing.T) {
	_, url := serve(t, Protocol1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "disk full", http.StatusInternalServerError)
	}))
	defer s.Close()
	for _, set := range []func(*Target){func(t *Target) { t.After = s.URL }, func(t *Target) { t.DiskAfter = s.URL }} {
		o := testWrite(Protocol1, url)
		set(&o.Targets[0])
		var out bytes.Buffer
		if err := Write(context.Background(), o, &out); err == nil || !strings.Contains(out.String(), "disk full") {
			t.Errorf("error %v, report\n%s", err, out.String())
		}
	}
}

func TestWriteIsBoundedInTime(t *testing.T) {
	rc, url := serve(t, Protocol1)
	rc.refuse = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	o := testWrite(Protocol1, url)
	o.Timeout = 300 * time.Millisecond
	if err := Write(context.Background(), o, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestWriteEndsWithItsContext(t *testing.T) {
	entered := make(chan struct{}, 16)
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	defer hang.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-entered
		cancel()
	}()
	if err := Write(ctx, testWrite(Protocol1, hang.URL), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDiskUseAddsUpLengths(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"wal/1": 10, "wal/2": 5, "objects/a/b": 100, "top": 1} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	total, entries, err := diskUse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"wal": 15, "objects": 100, "top": 1}, entries); diff != "" || total != 116 {
		t.Errorf("total %d, entries (-want +got):\n%s", total, diff)
	}
	if _, _, err := diskUse(filepath.Join(dir, "absent")); err == nil {
		t.Error("an absent directory has a size")
	}
}
