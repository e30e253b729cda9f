package queryable

import (
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Choice is from what one selector is answered.
type Choice struct {
	// Resolution is that of the coarsest aggregates that are read, in milliseconds;
	// 0: samples only.
	Resolution int64
	// Combined is the resolution of the buckets that are made of them: as long as
	// fit into the selector's windows.
	Combined int64
	Column   Column
	Reads    aggregate.Columns
	// Approximate: whole buckets do not fit into the selector's windows; a bucket
	// counts where its last sample lies.
	Approximate bool
	// DroppedBelow is the coarsest resolution of those that are all that is kept of
	// some of the time, in milliseconds; 0: samples are kept of all.
	DroppedBelow int64
	// Why says, for people, why nothing coarser was chosen; "": there is nothing.
	Why string
	// Scale is what sums over a window that was widened are multiplied by.
	Scale float64
}

// From says of what the selector is answered.
func (c *Choice) From() string {
	switch {
	case c.Resolution == 0:
		return "samples"
	case c.Approximate:
		return "aggregates of " + MillisText(c.Resolution) + ", approximately"
	case c.Combined != c.Resolution:
		return "aggregates of " + MillisText(c.Resolution) + ", combined to " + MillisText(c.Combined)
	default:
		return "aggregates of " + MillisText(c.Resolution)
	}
}

// Kind is the value of a metric's label.
func (c *Choice) Kind() string {
	switch {
	case c.Resolution == 0:
		return "samples"
	case c.Approximate:
		return "approximate"
	default:
		return "exact"
	}
}

// MillisText is a duration in milliseconds as Prometheus writes it.
func MillisText(ms int64) string {
	return model.Duration(time.Duration(ms) * time.Millisecond).String()
}

// Substitutions say which Selects of a query are answered from aggregates. A selector is
// known by its first matcher, which the engine hands to Select as it is; so
// nothing that a user writes can be taken for one, and texts stay the user's.
//
// Concurrency: they are set before the query runs and only read by it.
type Substitutions struct {
	Source aggregate.Source
	Chosen map[*labels.Matcher]*Choice
	typed  bool // Metrics have their type in a label.

	Fallback series.Tenant // Of contexts that carry none.
}

// of returns what was chosen for a Select, nil: samples.
func (m *Substitutions) of(matchers []*labels.Matcher) *Choice {
	if m == nil || len(matchers) == 0 {
		return nil
	}
	return m.Chosen[matchers[0]]
}
