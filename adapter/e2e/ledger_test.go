package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/prometheus/model/labels"
)

// account is what the ledger knows of one series: the times that were sent, and
// which of them were acknowledged.
type account struct {
	labels labels.Labels
	key    string // The labels as text.
	cohort string
	k      int
	kind   kind
	id     uint64
	base   int64 // Samples in order follow it, backfill precedes it.
	next   int64
	back   int64
	sent   map[int64]bool // By time; true once acknowledged.
}

func newAccount(writer int, cohort string, k int, base int64) *account {
	kinds := [10]kind{7: intHistograms, 8: floatHistograms, 9: customHistograms}
	ls := labels.FromStrings(labels.MetricName, fmt.Sprintf("ledger_%d", k%13),
		"cohort", cohort, "writer", strconv.Itoa(writer), "k", strconv.Itoa(k))
	key := ls.String()
	return &account{
		labels: ls, key: key, cohort: cohort, k: k, kind: kinds[k%10],
		id: xxhash.Sum64String(key), base: base, sent: map[int64]bool{},
	}
}

// entry is one line of the ledger: who, when.
type entry struct {
	account *account
	t       int64
}

// request is a body and the lines that it stands for.
type request struct {
	protocol protocol
	body     []byte
	list     []sent
	entries  []entry
}

// writer is one sender with its part of the ledger. It is used by one goroutine
// at a time: its own during a load, the test's between loads.
type writer struct {
	n        int
	rng      *rand.Rand
	base     int64
	accounts []*account
	young    int        // accounts[young:] are of this cycle; those before forever are old.
	forever  int        // accounts[:forever] live through all cycles.
	unknown  []*request // Sent, outcome unknown: to be repeated.
	done     []*request // Some that were acknowledged: to be repeated.
	acked    int
	faults   []error
}

const (
	foreverSeries = 40
	youngSeries   = 30
	foreverCohort = "forever"
)

func newWriter(n int, seed uint64, base int64) *writer {
	w := &writer{n: n, rng: rand.New(rand.NewPCG(seed, uint64(n))), base: base, forever: foreverSeries}
	for k := range foreverSeries {
		w.accounts = append(w.accounts, newAccount(n, foreverCohort, k, base))
	}
	return w
}

// begin opens this cycle's own series.
func (w *writer) begin(cohort string) {
	w.young = len(w.accounts)
	for k := range youngSeries {
		w.accounts = append(w.accounts, newAccount(w.n, cohort, k, w.base))
	}
}

// load sends until stop is set.
func (w *writer) load(s *server, stop *atomic.Bool) {
	for !stop.Load() {
		r := w.choose()
		w.send(s, r)
	}
}

// choose returns the next request: a new one, or one to be repeated.
func (w *writer) choose() *request {
	switch n := w.rng.IntN(20); {
	case n < 4 && len(w.unknown) > 0:
		r := w.unknown[0]
		w.unknown = w.unknown[1:]
		return r
	case n == 4 && len(w.done) > 0:
		return w.done[w.rng.IntN(len(w.done))]
	}
	return w.compose()
}

// compose makes a request and notes it as sent.
func (w *writer) compose() *request {
	r := &request{protocol: protocolOne}
	if w.rng.IntN(2) == 0 {
		r.protocol = protocolTwo
	}
	for range 1 + w.rng.IntN(60) {
		a := w.pick()
		if a.kind == customHistograms {
			r.protocol = protocolTwo
		}
		s := sent{labels: a.labels}
		if w.rng.IntN(4) == 0 {
			s.start = a.base - 3600_000
		}
		for range 1 + w.rng.IntN(4) {
			t := a.time(w.rng)
			if _, known := a.sent[t]; !known {
				a.sent[t] = false
			}
			s.points = append(s.points, derive(a.kind, a.id, t))
			r.entries = append(r.entries, entry{a, t})
		}
		r.list = append(r.list, s)
	}
	body, err := r.protocol.encode(r.list)
	if err != nil {
		w.faults = append(w.faults, err)
	}
	r.body = body
	return r
}

// pick returns a series of this cycle or one of those that live for ever.
func (w *writer) pick() *account {
	n := w.rng.IntN(w.forever + len(w.accounts) - w.young)
	if n < w.forever {
		return w.accounts[n]
	}
	return w.accounts[w.young+n-w.forever]
}

// time returns a new time: mostly the next, at times one before all others.
func (a *account) time(r *rand.Rand) int64 {
	if r.IntN(8) == 0 {
		a.back++
		return a.base - 500 - a.back*10_000
	}
	a.next++
	return a.base + a.next*1000
}

func (w *writer) send(s *server, r *request) {
	status, header, text, err := s.write(r.protocol, r.body)
	switch {
	case err != nil: // No answer: it may be stored or not.
		w.unknown = append(w.unknown, r)
	case status == http.StatusNoContent:
		w.acknowledge(r)
		if r.protocol == protocolTwo {
			if err := checkWritten(header, r.list); err != nil {
				w.faults = append(w.faults, err)
			}
		}
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		w.unknown = append(w.unknown, r)
		time.Sleep(5 * time.Millisecond) // The load's pace, nothing is awaited.
	default:
		w.faults = append(w.faults, fmt.Errorf("writer %d: status %d: %.300s", w.n, status, text))
	}
	if len(w.unknown) > 8 {
		w.unknown = w.unknown[1:]
	}
}

func (w *writer) acknowledge(r *request) {
	for _, e := range r.entries {
		if !e.account.sent[e.t] {
			e.account.sent[e.t] = true
			w.acked++
		}
	}
	if len(w.done) < 8 {
		w.done = append(w.done, r)
		return
	}
	w.done[w.rng.IntN(len(w.done))] = r
}

// verdict counts what a check of the ledger looked at.
type verdict struct {
	complaints
	samples int
	lost    int
}

// portion is a part of a cohort: the series with k % of == nth.
type portion struct{ nth, of int }

var whole = portion{0, 1}

// regexp matches the label k of the portion.
func (p portion) regexp() string {
	var ks []string
	for k := p.nth; k < max(foreverSeries, youngSeries); k += p.of {
		ks = append(ks, strconv.Itoa(k))
	}
	return strings.Join(ks, "|")
}

// judge compares what was read of one cohort's portion, or of all cohorts' if
// cohort is "", with the ledger.
func judge(v *verdict, writers []*writer, cohort string, part portion, got answer) {
	known := map[string]bool{}
	for _, w := range writers {
		for _, a := range w.accounts {
			if (cohort == "" || a.cohort == cohort) && a.k%part.of == part.nth {
				known[a.key] = true
				a.judge(v, got[a.key])
			}
		}
	}
	for key, points := range got {
		if !known[key] {
			v.add("invented series %s with %d samples", key, len(points))
		}
	}
}

func (a *account) judge(v *verdict, got []point) {
	v.samples += len(got)
	found := make(map[int64]bool, len(got))
	for i, p := range got {
		if i > 0 && p.t <= got[i-1].t {
			v.add("doubled or out of order: %s at %d after %d", a.key, p.t, got[i-1].t)
		}
		if _, ok := a.sent[p.t]; !ok {
			v.add("invented: %s: %v", a.key, p)
		} else if want := derive(a.kind, a.id, p.t); !p.equal(want) {
			v.add("changed: %s: is\n    %v, was sent as\n    %v", a.key, p, want)
		}
		found[p.t] = true
	}
	var lost []int64
	for t, acked := range a.sent {
		if acked && !found[t] {
			lost = append(lost, t)
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		v.lost += len(lost)
		v.add("lost: %s: %d of %d, at %d … %d", a.key, len(lost), len(a.sent), lost[0], lost[len(lost)-1])
	}
}
