package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"herringbone/storage/series"
)

const (
	firstBackoff = 30 * time.Millisecond // As Prometheus' queue.
	maxBackoff   = 5 * time.Second
)

// sender is one connection's side of the conversation and its notes. It is used
// by one goroutine.
type sender struct {
	client   *http.Client
	url      string
	protocol Protocol
	retries  int

	latencies []time.Duration // Of acknowledged requests, first byte out to answer in.
	statuses  map[string]int
	samples   int64 // Acknowledged.
}

func newSender(c *http.Client, url string, s Shape) *sender {
	return &sender{client: c, url: url, protocol: s.Protocol, retries: s.Retries, statuses: map[string]int{}}
}

// send delivers one request, repeating it as a Prometheus would: after 5xx, 429
// and broken connections, with Retry-After honoured up to maxBackoff. Any other
// answer but 2xx is an error with the server's words, wrapping series.ErrInvalid.
func (s *sender) send(ctx context.Context, b body) error {
	backoff := firstBackoff
	for attempt := 0; ; attempt++ {
		begin := time.Now()
		ans, err := s.attempt(ctx, b, attempt)
		if err == nil {
			s.latencies = append(s.latencies, time.Since(begin))
			s.samples += int64(b.samples)
			return nil
		}
		if ctx.Err() != nil || errors.Is(err, series.ErrInvalid) {
			return err
		}
		if attempt == s.retries {
			return fmt.Errorf("given up after %d retries: %w", attempt, err)
		}
		if err := pause(ctx, min(max(backoff, ans.retryAfter), maxBackoff)); err != nil {
			return err
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

type answered struct {
	retryAfter time.Duration
}

func (s *sender) attempt(ctx context.Context, b body, attempt int) (answered, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(b.bytes))
	if err != nil {
		return answered{}, fmt.Errorf("%w: %w", err, series.ErrInvalid)
	}
	for k, v := range s.protocol.headers() {
		req.Header.Set(k, v)
	}
	if attempt > 0 {
		req.Header.Set("Retry-Attempt", strconv.Itoa(attempt))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.statuses["connection"]++
		return answered{}, err
	}
	defer resp.Body.Close()
	s.statuses[strconv.Itoa(resp.StatusCode)]++
	return answered{retryAfter: retryAfter(resp.Header, time.Now())}, s.judge(resp, b)
}

func (s *sender) judge(resp *http.Response, b body) error {
	if resp.StatusCode/100 != 2 {
		err := fmt.Errorf("%s: %s", resp.Status, excerpt(resp.Body))
		if resp.StatusCode/100 == 5 || resp.StatusCode == http.StatusTooManyRequests {
			return err
		}
		return fmt.Errorf("%w: %w", err, series.ErrInvalid)
	}
	// Read to the end, or the connection is not used again.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if s.protocol != Protocol2 {
		return nil
	}
	const header = "X-Prometheus-Remote-Write-Samples-Written"
	if got := resp.Header.Get(header); got != strconv.Itoa(b.samples) {
		return fmt.Errorf("%s with %s %q for a request of %d samples: %w", resp.Status, header, got, b.samples, series.ErrInvalid)
	}
	return nil
}

// retryAfter reads seconds or an HTTP date; 0 if there is neither.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
