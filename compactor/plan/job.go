package plan

import (
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// JobKind says what a job is for.
type Kind string

// The kinds of job.
const (
	// Merge makes fewer, larger files of a level out of its inputs.
	Merge Kind = "merge"
	// Clean rewrites files of a level as they are, without the rows that tombstones
	// hide.
	Clean Kind = "clean"
	// Downsample makes aggregates of its inputs, which stay.
	Downsample Kind = "downsample"
	// Coarsen makes aggregates of finer aggregates, which stay.
	Coarsen Kind = "coarsen"
	// DropSamples removes samples of which there are aggregates, and tells these
	// that they are all that is left.
	DropSamples Kind = "drop_samples"
)

// Job is one piece of work: its inputs are read, its outputs take their place in
// one commit. All files of a job are of one tenant and one partition key.
//
// Ownership: inputs are the catalog's; do not modify them.
type Job struct {
	Kind      Kind
	Tenant    series.Tenant
	Rows      catalog.Kind // Of the outputs.
	Partition string       // Key of all files.
	Level     int          // Of the outputs.
	Unit      Unit         // Days of the outputs.
	// Window cuts outputs of level 1 at its multiples since the Unix epoch, in
	// milliseconds; 0 does not cut.
	Window int64
	// Inputs are in the order of writing, aggregates that outputs replace after
	// them. Those with Remove go when the outputs come, the others are only read.
	// Aggregates among the inputs of Merge of samples and of Downsample are not read,
	// nor are those of Coarsen's own resolution: the outputs replace them. A Merge
	// of samples without samples takes aggregates away, to be made again.
	Inputs []Input
	// Rules are what aggregates to make of the samples: of Downsample nothing else
	// is made, a Merge of old samples makes them on the way, so that they never
	// seem older than the samples they were made of. Coarsen has one rule.
	Rules []*Rule
	Why   string // For people: what made the planner want it.
}

// Input is one file of a job.
type Input struct {
	*catalog.File
	Remove bool
}

// Unit is the days that files of one level have in common.
type Unit struct {
	Day  int64 // series.Day of the first.
	Days int
}

// Rule makes aggregates of old samples.
type Rule struct {
	Tenant     series.Tenant
	Matchers   Selector // Series that it is for.
	Resolution int64    // Milliseconds; divides the day.
	After      int64    // Age in milliseconds at which aggregates are made.
	// KeepSamples: the samples stay as long as retention lets them. If it is false,
	// they go once the aggregates are there and have settled.
	KeepSamples bool
}
