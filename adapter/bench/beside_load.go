package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// stream is one kind of request, made at a steady rate whether or not the ones
// before have been answered.
type stream struct {
	name  string
	every time.Duration
	// request makes the n'th. It is called by one goroutine.
	request func(ctx context.Context, n int) (*http.Request, error)
}

// streams are what is asked and written while compaction is off and on.
func (b *beside) streams() ([]stream, error) {
	write, err := b.writes()
	if err != nil {
		return nil, err
	}
	hosts := max(1, b.Backlog.Series/len(exporter())) // With all of their series.
	host := func(n int) string { return strconv.Quote(hostName(n % hosts)) }
	return []stream{
		write,
		b.ask("query, newest values of one host", 100*time.Millisecond, 0, func(n int) string {
			return `sum by (mode) (rate(node_cpu_seconds_total{instance=` + host(n) + `}[1m]))`
		}),
		b.ask("query, an hour of one host", 100*time.Millisecond, time.Hour, func(n int) string {
			return `sum by (mode) (rate(node_cpu_seconds_total{instance=` + host(n) + `}[5m]))`
		}),
		b.ask("query, an hour of all hosts", 500*time.Millisecond, time.Hour, func(int) string {
			return `sum by (mode) (rate(node_cpu_seconds_total{mode=~"user|system"}[5m]))`
		}),
	}, nil
}

// writes makes requests of now for as long as the run may last.
func (b *beside) writes() (stream, error) {
	l := Load{Series: b.Rate, Start: time.Now().Truncate(time.Second), Duration: b.Timeout.Truncate(time.Second), Step: time.Second, Seed: 2}
	s, err := newShard(l, Protocol1, b.Request, 0, 1)
	if err != nil {
		return stream{}, err
	}
	address := b.node.base + b.node.peer.write
	every := time.Second * time.Duration(b.Request) / time.Duration(b.Rate)
	return stream{"write of " + strconv.Itoa(b.Request) + " samples", every, func(ctx context.Context, _ int) (*http.Request, error) {
		body, _ := s.next(l.Steps()) // It reaches to the end of the run.
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(slices.Clone(body.bytes)))
		if err != nil {
			return nil, err
		}
		for name, value := range Protocol1.headers() {
			req.Header.Set(name, value)
		}
		return req, nil
	}}, nil
}

// ask is a stream of range queries over a span somewhere in the backlog, or with
// no span of instant queries for now.
func (b *beside) ask(name string, every, span time.Duration, expr func(n int) string) stream {
	return stream{name, every, func(ctx context.Context, n int) (*http.Request, error) {
		path, form := "/api/v1/query", url.Values{"query": {expr(n)}}
		if span > 0 {
			// Steps of 7 hours reach every hour of the backlog in turn.
			from := b.Backlog.Start.Add(time.Duration(n) * 7 * time.Hour % (b.Backlog.Duration - span + 1))
			path = "/api/v1/query_range"
			form.Set("start", unixSeconds(from))
			form.Set("end", unixSeconds(from.Add(span)))
			form.Set("step", "60")
		}
		return http.NewRequestWithContext(ctx, http.MethodGet, b.node.base+path+"?"+form.Encode(), nil)
	}}
}

// The phases.
const (
	off = "off"
	on  = "on"
)

// steady keeps streams going and notes how long their requests take. Latencies
// are those of requests that were sent in a phase, from the first byte out to the
// last one in.
type steady struct {
	client  *http.Client
	streams []stream
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex // Guards the rest.
	now     string     // The phase; empty: what is sent is not noted.
	entered time.Time
	phases  map[string]*seen
	err     error // The first.
}

// seen is what was noted in one phase.
type seen struct {
	took, cpu time.Duration
	latencies map[string][]time.Duration // By stream.
}

func newSteady(c *http.Client, s []stream) *steady {
	return &steady{client: c, streams: s, phases: map[string]*seen{}, cancel: func() {}}
}

// start begins all streams. They go on until stop.
func (s *steady) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	for _, each := range s.streams {
		s.running.Go(func() { s.send(ctx, each) })
	}
}

// stop ends the streams, waits for what is under way, and returns the first
// error.
func (s *steady) stop() error {
	s.cancel()
	s.running.Wait()
	return s.failed()
}

// send makes the requests of one stream by the clock.
func (s *steady) send(ctx context.Context, each stream) {
	tick := time.NewTicker(each.every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// Not ctx: what is under way when the run ends is waited for.
		req, err := each.request(context.WithoutCancel(ctx), n)
		if err != nil {
			s.fail(fmt.Errorf("%s: %w", each.name, err))
			return
		}
		s.running.Go(func() { s.clock(each.name, req) })
	}
}

// clock does one request by the clock.
func (s *steady) clock(name string, req *http.Request) {
	phase := s.phaseNow()
	begin := time.Now()
	err := complete(s.client, req)
	took := time.Since(begin)
	if err != nil {
		s.fail(fmt.Errorf("%s: %w", name, err))
		return
	}
	if phase == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	latencies := s.of(phase).latencies
	latencies[name] = append(latencies[name], took)
}

// complete does a request, wants a 2xx and reads the answer to its end.
func complete(c *http.Client, req *http.Request) error {
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", resp.Status, excerpt(resp.Body))
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return err
}

// enter begins a phase and returns how long the one before was.
func (s *steady) enter(phase string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Since(s.entered)
	s.now, s.entered = phase, time.Now()
	return took
}

func (s *steady) phaseNow() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// of returns what was noted in a phase; s.mu is held.
func (s *steady) of(phase string) *seen {
	if s.phases[phase] == nil {
		s.phases[phase] = &seen{latencies: map[string][]time.Duration{}}
	}
	return s.phases[phase]
}

// used notes the time and the server's CPU time of a window.
func (s *steady) used(phase string, took, cpu time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.of(phase)
	p.took, p.cpu = p.took+took, p.cpu+cpu
}

func (s *steady) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *steady) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// phase sums up; nothing may run any more.
func (s *seen) phase() besidePhase {
	p := besidePhase{Seconds: s.took.Seconds()}
	if s.took > 0 {
		p.Cores = s.cpu.Seconds() / s.took.Seconds()
	}
	return p
}

// times sums up a stream; nothing may run any more.
func (s *seen) times(stream string) besideTimes {
	return besideTimes{len(s.latencies[stream]), summarise(s.latencies[stream])}
}
