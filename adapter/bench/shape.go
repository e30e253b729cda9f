package bench

import (
	"fmt"
	"time"

	"herringbone/storage/series"
)

// Shape says how a Load is sent.
type Shape struct {
	Protocol          Protocol
	Connections       int // Each sends one request at a time.
	SamplesPerRequest int
	// Pregenerate makes all requests before the clock starts and keeps them in
	// memory, at most MaxPrepared bytes.
	Pregenerate bool
	MaxPrepared int64
	// MaxSkew is how far in the samples' time a connection may run ahead of the
	// slowest one. Senders are not further apart in life either, and Prometheus
	// refuses samples an hour behind its newest.
	MaxSkew time.Duration
	// Retries is how often one request is repeated after 429, 5xx or a broken
	// connection before the run is given up.
	Retries int
}

// DefaultShape is that of a Prometheus with its default queue, 16 shards wide.
func DefaultShape() Shape {
	return Shape{
		Protocol: Protocol1, Connections: 16, SamplesPerRequest: 2000,
		Pregenerate: true, MaxPrepared: 4 << 30, MaxSkew: 30 * time.Minute, Retries: 20,
	}
}

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (s Shape) Validate() error {
	switch {
	case s.Protocol != Protocol1 && s.Protocol != Protocol2:
		return fmt.Errorf("protocol %q, known are %s and %s: %w", s.Protocol, Protocol1, Protocol2, series.ErrInvalid)
	case s.Connections < 1 || s.Connections > 1024:
		return fmt.Errorf("%d connections, 1 to 1024 are possible: %w", s.Connections, series.ErrInvalid)
	case s.SamplesPerRequest < 1 || s.SamplesPerRequest > 100_000:
		return fmt.Errorf("%d samples a request, 1 to 100000 are possible: %w", s.SamplesPerRequest, series.ErrInvalid)
	case s.MaxSkew <= 0:
		return fmt.Errorf("skew %v must be positive: %w", s.MaxSkew, series.ErrInvalid)
	case s.Retries < 0 || s.Retries > 1000:
		return fmt.Errorf("%d retries, 0 to 1000 are possible: %w", s.Retries, series.ErrInvalid)
	}
	return nil
}
