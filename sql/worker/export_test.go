package worker

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// SetProbe sets what a child of this test binary does when asked by Probe.
func SetProbe(f func(question string) string) { probe = f }

// Probe has the child act.
func (s *Session) Probe(ctx context.Context, question string) (string, error) {
	text, err := s.call(ctx, kindProbe, []byte(question))
	return string(text), err
}

// PID returns the id of the child's process.
func (s *Session) PID() int { return s.proc.cmd.Process.Pid }

// Landlock returns the ABI that the child uses.
func (s *Session) Landlock() int { return s.proc.cage.Landlock }

// WaitIdle waits until all children are ready.
func (p *Pool) WaitIdle(ctx context.Context) error {
	for {
		p.mu.Lock()
		n, changed := len(p.idle), p.changed
		p.mu.Unlock()
		if n == p.opts.Children+spare {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Deaths returns how many children ended for a reason.
func (p *Pool) Deaths(reason string) float64 { return count(p.m.deaths, reason) }

// Limits returns how many results were ended by a limit.
func (p *Pool) Limits(limit string) float64 { return count(p.m.limits, limit) }

func count(c *prometheus.CounterVec, label string) float64 {
	var m dto.Metric
	if err := c.WithLabelValues(label).Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}
