package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
)

// phase is where a node is in its life. It only grows.
type phase int32

const (
	phaseOpening phase = iota
	phaseReplaying
	phaseReady
	phaseStopping
)

func (p phase) String() string {
	return [...]string{"opening", "replaying", "ready", "stopping"}[p]
}

// life tells the HTTP server where the node is. Its methods may be called from
// any goroutine.
type life struct {
	phase    atomic.Int32
	progress atomic.Pointer[func() (done, total int64)] // Bytes; nil before replay.
}

// enter moves on to p; going back is ignored, so that a replay which ends during
// a stop does not announce a ready node.
func (l *life) enter(p phase) {
	for {
		cur := l.phase.Load()
		if int32(p) <= cur || l.phase.CompareAndSwap(cur, int32(p)) {
			return
		}
	}
}

func (l *life) now() phase { return phase(l.phase.Load()) }

// report is the body of /-/ready while the node is not ready.
type report struct {
	Status string `json:"status"`
	Done   int64  `json:"done_bytes"`
	Total  int64  `json:"total_bytes"`
}

func (l *life) report() report {
	r := report{Status: l.now().String()}
	if f := l.progress.Load(); f != nil {
		r.Done, r.Total = (*f)()
	}
	return r
}

// retryAfter is the seconds that a client should wait for a node that starts.
const retryAfter = "5"

func (l *life) serveReady(w http.ResponseWriter, _ *http.Request) {
	if l.now() == phaseReady {
		fmt.Fprintln(w, "Herringbone is Ready.")
		return
	}
	w.Header().Set("Retry-After", retryAfter)
	writeJSON(w, http.StatusServiceUnavailable, l.report())
}

// refuse answers an API call that came too early or too late, in the envelope of
// Prometheus' API, so that a client shows the reason.
func (l *life) refuse(w http.ResponseWriter, _ *http.Request) {
	r := l.report()
	msg := "the node is " + r.Status
	if r.Total > 0 {
		msg = fmt.Sprintf("%s: %d of %d MiB of the write-ahead log", msg, r.Done>>20, r.Total>>20)
	}
	w.Header().Set("Retry-After", retryAfter)
	writeJSON(w, http.StatusServiceUnavailable, map[string]string{
		"status": "error", "errorType": "unavailable", "error": msg,
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only possible error is that the client has disconnected.
	_ = json.NewEncoder(w).Encode(v)
}
