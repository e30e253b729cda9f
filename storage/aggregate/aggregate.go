package aggregate

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Buckets summarise one series' float samples, a row a bucket, as columns of equal
// length, in the order of time. A bucket of resolution r (milliseconds) that
// ends at End holds the samples in (End-r, End], as PromQL's windows do; Ends are
// multiples of r since the Unix epoch. Buckets without a row are left out.
//
// A bucket with Counts 0 holds nothing but a staleness marker: its Mins to
// LastTimes mean nothing and are 0.
//
// Columns that were not asked for (see Columns) have no elements. All
// functions leave them alone.
type Buckets struct {
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
func (a *Buckets) Len() int { return len(a.Ends) }

// Resolution is one that there are aggregates of.
type Resolution struct {
	Millis int64
	// SamplesDropped: of some of the time and series, aggregates are all that is kept.
	SamplesDropped bool
}

// Source answers reads that can do with aggregates.
type Source interface {
	// Resolutions returns, rising, those of which there may be aggregates of
	// matching series in the query's range. It does no I/O.
	Resolutions(t series.Tenant, q series.Query) []Resolution
	// SelectAggregates is Source.Select, but where there are aggregates that tell
	// of all samples of a series' day, and of which buckets of the wanted
	// resolution can be made, these are returned instead of the samples. Buckets
	// have their samples in the query's range, so it should begin after and end at
	// a multiple of the resolution; those that lie across its ends are left out.
	SelectAggregates(ctx context.Context, t series.Tenant, q Query) (Set, error)
}

// Query is what a read of aggregates asks for.
type Query struct {
	series.Query
	// Resolution is that of the buckets to return, in milliseconds.
	Resolution int64
	// Coarsest bounds the resolution of aggregates that are read; 0 does not.
	Coarsest int64
	Columns  Columns
}

// Uses reports whether buckets that are asked for may be made of aggregates of
// the resolution.
func (q *Query) Uses(resolution int64) bool {
	return resolution > 0 && q.Resolution%resolution == 0 && (q.Coarsest == 0 || resolution <= q.Coarsest)
}

// Columns is a set of columns of Buckets. Ends, Counts, LastTimes and
// Stales are always read.
type Columns uint8

// The columns that are read if they are asked for.
const (
	Min Columns = 1 << iota
	Max
	Sum
	First    // Firsts and FirstTimes.
	Last     // Lasts.
	Increase // Only together with First and Last.

	AllColumns Columns = 1<<iota - 1
)

// Set is a Set of Series.
type Set interface {
	Next() bool
	At() Series // Valid until the set is closed, also after Next.
	Err() error
	// Close lets go of files. It must be called once, after the last Read.
	Close() error
}

// Series is one label set and access to its samples and aggregates.
type Series interface {
	Labels() labels.Labels
	// Read replaces what is in samples and buckets, each in the order of time. No
	// sample lies inside of a bucket's first to last time; where some lie between
	// two parts of a bucket, the parts come as two rows with the same end. Buckets
	// next to one whose increase is asked for and not known (see TellsResets) come
	// with the resolution they are stored with. Read may be called from any
	// goroutine.
	Read(samples *series.Samples, buckets *Buckets) error
}
