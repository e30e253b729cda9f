package series

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
)

// Query asks for series by label and for their samples by time.
type Query struct {
	Matchers []*labels.Matcher
	MinT     int64 // Milliseconds, included.
	MaxT     int64 // Milliseconds, included.
	// Limit is the greatest number of series (of values, for label questions)
	// that the caller wants; 0 is all.
	Limit int
	// NoSamples: only labels are wanted; Series.Read will not be called.
	NoSamples bool
}

// Source answers reads. All methods may be called from any goroutine; each
// answers from one consistent state and includes every sample whose Append had
// returned before the call.
//
// Errors: a missing or damaged file is an error wrapping ErrCorrupt that names
// it, never a shorter answer.
type Source interface {
	// Select returns the matching series that have samples in the range as far
	// as indexes tell; a returned series may turn out to be empty. The caller
	// closes the set.
	Select(ctx context.Context, tenant Tenant, q Query) (Set, error)
	// LabelNames returns the sorted names used by matching series. Time ranges
	// are applied as far as indexes tell, without reading samples.
	LabelNames(ctx context.Context, tenant Tenant, q Query) ([]string, error)
	// LabelValues returns the sorted values of one label, likewise.
	LabelValues(ctx context.Context, tenant Tenant, name string, q Query) ([]string, error)
}

// ExemplarSource answers questions for exemplars.
type ExemplarSource interface {
	// SelectExemplars returns, for each series that matches any of the matcher
	// sets, its exemplars in time order. Series come in label order.
	SelectExemplars(ctx context.Context, tenant Tenant, minT, maxT int64, sets ...[]*labels.Matcher) ([]ExemplarSeries, error)
}

// ExemplarSeries is one series and its exemplars.
type ExemplarSeries struct {
	Labels    labels.Labels
	Exemplars []Exemplar
}

// MetadataSource answers questions for what metrics mean.
type MetadataSource interface {
	// Metadata returns what is known of one metric, or of all if metric is "".
	Metadata(ctx context.Context, tenant Tenant, metric string) ([]Metadata, error)
}

// Set iterates over series in the order of their labels, each once. It is used
// by one goroutine.
type Set interface {
	Next() bool
	At() Series // Valid until the set is closed, also after Next.
	Err() error
	// Close lets go of files. It must be called once, after the last Read.
	Close() error
}

// Series is one label set and access to its samples.
type Series interface {
	Labels() labels.Labels
	// Read replaces what is in dst by the series' samples in the query's range:
	// in time order, one a millisecond. It reuses the arrays of dst. Reading
	// several series in the order of the set is the fast way; any order works,
	// as does reading one twice. Read may be called from any goroutine.
	Read(dst *Samples) error
}
