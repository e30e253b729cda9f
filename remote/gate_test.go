package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"herringbone/storage/series"
)

// blocking is a Sink whose Append waits until it is told to go on.
type blocking struct {
	recorder
	entered chan struct{}
	goOn    chan struct{}
}

func newBlocking() *blocking {
	b := &blocking{entered: make(chan struct{}, 100), goOn: make(chan struct{})}
	b.before = func(*series.Batch) (*series.Written, error) {
		b.entered <- struct{}{}
		<-b.goOn
		return nil, nil
	}
	return b
}

func TestOverloadIsRefused(t *testing.T) {
	for _, wait := range []time.Duration{0, 50 * time.Millisecond} {
		sink := newBlocking()
		o := testOptions(sink)
		o.MaxInFlightRequests, o.MaxWait = 2, wait
		h := testHandler(t, o)
		body := goodTwo(t)
		done := make(chan int, 2)
		for range 2 {
			go func() { done <- post(h, typeTwo, body).Code }()
		}
		<-sink.entered
		<-sink.entered
		w := post(h, typeTwo, body)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || writtenHeaders(w.Header()) != "0/0/0" {
			t.Errorf("wait %v: third request: status %d, Retry-After %q, written %s", wait, w.Code, w.Header().Get("Retry-After"), writtenHeaders(w.Header()))
		}
		close(sink.goOn)
		if a, b := <-done, <-done; a != 204 || b != 204 {
			t.Errorf("wait %v: first requests: status %d, %d", wait, a, b)
		}
		expectIdle(t, h)
		if w := post(h, typeTwo, body); w.Code != 204 {
			t.Errorf("wait %v: request after the rush: status %d", wait, w.Code)
		}
	}
}

// expectIdle fails if the gate holds anything.
func expectIdle(t *testing.T, h *handler) {
	t.Helper()
	if n, b := testutil.ToFloat64(h.metrics.inFlightRequests), testutil.ToFloat64(h.metrics.inFlightBytes); n != 0 || b != 0 {
		t.Errorf("gate still holds %v requests, %v bytes", n, b)
	}
	if !h.gate.slots.TryAcquire(int64(h.gate.maxSlots)) || !h.gate.memory.TryAcquire(h.gate.maxBytes) {
		t.Error("gate is not whole")
	}
	h.gate.slots.Release(int64(h.gate.maxSlots))
	h.gate.memory.Release(h.gate.maxBytes)
}

// A request that finds the gate closed gets in when a slot comes free in time.
func TestGateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(&recorder{})
		o.MaxInFlightRequests, o.MaxWait = 1, time.Second
		h := testHandler(t, o)
		first := &lease{gate: h.gate}
		if err := first.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		second := &lease{gate: h.gate}
		go func() { got <- second.enter(t.Context()) }()
		synctest.Wait()
		first.release()
		if err := <-got; err != nil {
			t.Errorf("second: %v", err)
		}

		began := time.Now()
		third := &lease{gate: h.gate}
		if err := third.enter(t.Context()); !errors.Is(err, series.ErrOverload) || time.Since(began) != time.Second {
			t.Errorf("third: %v after %v, want overload after a second", err, time.Since(began))
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := third.enter(cancelled); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		second.release()
		expectIdle(t, h)
	})
}

// A sender that stalls holds neither a slot nor more memory than it has filled.
func TestSlowSendersHoldNoSlot(t *testing.T) {
	o := testOptions(&recorder{})
	o.MaxInFlightRequests, o.MaxWait = 1, 0
	h := testHandler(t, o)
	body := snappy.Encode(nil, goodTwo(t))
	type slow struct {
		pipe *io.PipeWriter
		code chan int
	}
	var senders []slow
	for range 50 {
		r, w := io.Pipe()
		s := slow{w, make(chan int, 1)}
		go func() {
			rec := httptest.NewRecorder()
			req := httptest.NewRequest(http.MethodPost, "/", r)
			req.Header.Set("Content-Type", typeTwo)
			h.ServeHTTP(rec, req)
			s.code <- rec.Code
		}()
		if _, err := w.Write(body[:3]); err != nil {
			t.Fatal(err)
		}
		senders = append(senders, s)
	}
	if w := post(h, typeTwo, goodTwo(t)); w.Code != 204 {
		t.Errorf("quick request beside slow ones: status %d: %s", w.Code, w.Body)
	}
	if n := testutil.ToFloat64(h.metrics.inFlightBytes); n > 50*firstStep {
		t.Errorf("slow senders hold %v bytes", n)
	}
	for _, s := range senders { // They are served one after another.
		if _, err := s.pipe.Write(body[3:]); err != nil {
			t.Fatal(err)
		}
		s.pipe.Close()
		if code := <-s.code; code != 204 {
			t.Errorf("slow sender: status %d", code)
		}
	}
	expectIdle(t, h)
}

// Bytes are bounded as well as requests: compressed ones when they come,
// decoded ones before they are made.
func TestMemoryIsBounded(t *testing.T) {
	o := testOptions(&recorder{})
	o.MaxWait = 0
	o.MaxBodyBytes, o.MaxDecodedBytes = 1<<20, 1<<20
	o.MaxInFlightBytes = o.largestRequest()
	h := testHandler(t, o)
	if err := (&lease{gate: h.gate}).reserve(t.Context(), o.MaxInFlightBytes-1000); err != nil {
		t.Fatal(err)
	}
	if w := post(h, typeOne, goodOne(t)); w.Code != 204 {
		t.Errorf("small request: status %d: %s", w.Code, w.Body)
	}
	noise := make([]byte, 2000)
	if w := post(h, typeOne, noise); w.Code != 503 {
		t.Errorf("large decoded body: status %d: %s", w.Code, w.Body)
	}
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(bytes.NewReader(noise)))
	rec := httptest.NewRecorder()
	if h.ServeHTTP(rec, r); rec.Code != 503 {
		t.Errorf("large body: status %d: %s", rec.Code, rec.Body)
	}
}

// A panic below does not keep the gate closed.
func TestPanicReleasesTheGate(t *testing.T) {
	h := testHandler(t, testOptions(&recorder{before: func(*series.Batch) (*series.Written, error) { panic("sink") }}))
	func() {
		defer func() { _ = recover() }()
		post(h, typeTwo, goodTwo(t))
	}()
	expectIdle(t, h)
}
