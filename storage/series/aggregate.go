package series

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
)

// Aggregates are buckets of one series' float samples as columns of equal
// length, in the order of time. A bucket of resolution r (milliseconds) that
// ends at End holds the samples in (End-r, End], as PromQL's windows do; Ends are
// multiples of r since the Unix epoch. Buckets without a row are left out.
//
// A bucket with Counts 0 holds nothing but a staleness marker: its Mins to
// LastTimes mean nothing and are 0.
//
// Columns that were not asked for (see AggregateColumns) have no elements. All
// functions leave them alone.
type Aggregates struct {
	Ends   []int64 // Milliseconds.
	Counts []int64 // Of samples; staleness markers are not counted.
	// Mins and Maxs are over the numbers, NaN only if there is no number. Sums
	// are NaN if any sample is.
	Mins, Maxs, Sums []float64
	Firsts, Lasts    []float64 // Values of the first and last sample …
	FirstTimes       []int64   // … and their times.
	LastTimes        []int64
	// Increases is how much a counter grew from the first to the last sample of
	// the bucket, resets taken into account as PromQL's increase does, without
	// extrapolation.
	Increases []float64
	// Stales is the time of the first staleness marker after the last sample; 0 is
	// none.
	Stales []int64
}

// Len is the number of buckets.
func (a *Aggregates) Len() int { return len(a.Ends) }

// Resolution is one that there are aggregates of.
type Resolution struct {
	Millis int64
	// Sole: of some of the time and series, aggregates are all that is kept.
	SamplesDropped bool
}

// AggregateSource answers reads that can do with aggregates.
type AggregateSource interface {
	// Resolutions returns, rising, those of which there may be aggregates of
	// matching series in the query's range. It does no I/O.
	Resolutions(t Tenant, q Query) []Resolution
	// SelectAggregates is Source.Select, but where there are aggregates that tell
	// of all samples of a series' day, and of which buckets of the wanted
	// resolution can be made, these are returned instead of the samples. Buckets
	// have their samples in the query's range, so it should begin after and end at
	// a multiple of the resolution; those that lie across its ends are left out.
	SelectAggregates(ctx context.Context, t Tenant, q AggregateQuery) (AggregateSet, error)
}

// AggregateQuery is what a read of aggregates asks for.
type AggregateQuery struct {
	Query
	// Resolution is that of the buckets to return, in milliseconds.
	Resolution int64
	// Coarsest bounds the resolution of aggregates that are read; 0 does not.
	Coarsest int64
	Columns  AggregateColumns
}

// Uses reports whether buckets that are asked for may be made of aggregates of
// the resolution.
func (q *AggregateQuery) Uses(resolution int64) bool {
	return resolution > 0 && q.Resolution%resolution == 0 && (q.Coarsest == 0 || resolution <= q.Coarsest)
}

// AggregateColumns is a set of columns of Aggregates. Ends, Counts, LastTimes and
// Stales are always read.
type AggregateColumns uint8

// The columns that are read if they are asked for.
const (
	AggregateMin AggregateColumns = 1 << iota
	AggregateMax
	AggregateSum
	AggregateFirst    // Firsts and FirstTimes.
	AggregateLast     // Lasts.
	AggregateIncrease // Only together with AggregateFirst and AggregateLast.

	AllAggregates AggregateColumns = 1<<iota - 1
)

// AggregateSet is a Set of AggregateSeries.
type AggregateSet interface {
	Next() bool
	At() AggregateSeries // Valid until the set is closed, also after Next.
	Err() error
	// Close lets go of files. It must be called once, after the last Read.
	Close() error
}

// AggregateSeries is one label set and access to its samples and aggregates.
type AggregateSeries interface {
	Labels() labels.Labels
	// Read replaces what is in samples and buckets, each in the order of time. No
	// sample lies inside of a bucket's first to last time; where some lie between
	// two parts of a bucket, the parts come as two rows with the same end. Buckets
	// next to one whose increase is asked for and not known (see TellsResets) come
	// with the resolution they are stored with. Read may be called from any
	// goroutine.
	Read(samples *Samples, buckets *Aggregates) error
}
