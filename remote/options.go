package remote

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/series"
)

// Options steer a write handler. Start from DefaultOptions and set Sink.
type Options struct {
	// Sink takes the decoded batches. Required.
	Sink series.Sink
	// Tenant names the tenant of a request; nil: always the default tenant. An
	// error wrapping series.ErrInvalid is answered 401, others by their class.
	Tenant func(*http.Request) (series.Tenant, error)
	// Registerer takes the handler's metrics; nil: they are not registered.
	Registerer prometheus.Registerer
	// Logger gets faults of the store, and refusals at debug level; nil: nothing
	// is logged.
	Logger *slog.Logger

	// MaxBodyBytes bounds one body as it is sent.
	MaxBodyBytes int64
	// MaxDecodedBytes bounds one body after decompression, and also what the
	// symbol references of a 2.0 request amount to when written out.
	MaxDecodedBytes int64
	// MaxInFlightRequests bounds the requests being decoded and stored.
	MaxInFlightRequests int
	// MaxInFlightBytes bounds the bytes of all bodies, as sent and decoded, that
	// are in memory. A largest allowed request must fit.
	MaxInFlightBytes int64
	// MaxWait is how long a request waits for its share of the two bounds above
	// before it is answered 503; 0: not at all.
	MaxWait time.Duration
	// FutureLimit is how far a sample's time may be ahead of Now.
	FutureLimit time.Duration
	// Now is the clock that FutureLimit is measured from; nil: time.Now.
	Now func() time.Time
}

// DefaultOptions are the limits that Prometheus has, and in-flight bounds for a
// node with a few hundred megabytes of memory. Sink is not set.
func DefaultOptions() Options {
	return Options{
		MaxBodyBytes:        32 << 20,
		MaxDecodedBytes:     32 << 20,
		MaxInFlightRequests: 128,
		MaxInFlightBytes:    192 << 20,
		MaxWait:             time.Second,
		FutureLimit:         10 * time.Minute,
	}
}

// maxAddressable is the largest body whose offsets fit the decoder's 32 bits.
const maxAddressable = 1 << 31

// Validate reports the first wrong option; the error wraps series.ErrInvalid.
func (o Options) Validate() error {
	switch {
	case o.Sink == nil:
		return fmt.Errorf("remote write: no sink: %w", series.ErrInvalid)
	case o.MaxBodyBytes <= 0 || o.MaxBodyBytes > maxAddressable:
		return fmt.Errorf("remote write: body limit of %d bytes, want 1 … %d: %w", o.MaxBodyBytes, maxAddressable, series.ErrInvalid)
	case o.MaxDecodedBytes <= 0 || o.MaxDecodedBytes > maxAddressable:
		return fmt.Errorf("remote write: decoded body limit of %d bytes, want 1 … %d: %w", o.MaxDecodedBytes, maxAddressable, series.ErrInvalid)
	case o.MaxInFlightRequests <= 0:
		return fmt.Errorf("remote write: %d requests in flight, want at least 1: %w", o.MaxInFlightRequests, series.ErrInvalid)
	case o.MaxInFlightBytes < o.largestRequest():
		return fmt.Errorf("remote write: %d bytes in flight, but one request may need %d: %w", o.MaxInFlightBytes, o.largestRequest(), series.ErrInvalid)
	case o.MaxWait < 0:
		return fmt.Errorf("remote write: negative wait %v: %w", o.MaxWait, series.ErrInvalid)
	case o.FutureLimit < 0:
		return fmt.Errorf("remote write: negative future limit %v: %w", o.FutureLimit, series.ErrInvalid)
	}
	return nil
}

// largestRequest is what one request can reserve: its body, the decoded body
// and, in 2.0, the labels written out, which the arena may double.
func (o Options) largestRequest() int64 { return o.MaxBodyBytes + 3*o.MaxDecodedBytes + 2*arenaBlock }
