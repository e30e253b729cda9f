package plan

import (
	"math"
	"strings"
	"time"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
)

// All times.
const (
	MinTime = math.MinInt64
	MaxTime = math.MaxInt64
)

// Source is one place that holds rows of a table: a file, or what is in memory.
type Source struct {
	File *catalog.File // nil for memory.
	// Path is where the child finds the file; for memory, its table.
	Path string
	// MinT and MaxT bound the rows that the query may want, in milliseconds: of
	// the whole file, or of its matching series if they are known.
	MinT, MaxT int64
	Rows       int64 // Of the matching series, if they are known; else of the file.

	Columns []string // Labels that are columns of the file.
	Mapped  []string // Labels that some of its series have only in __labels__.
	Stale   bool     // It may have staleness markers.
	Masked  *Masked  // What tombstones hide of it.

	// Refs returns the matching series that have samples in the range, in the
	// order of series.Compare. Series that are hidden are left out.
	Refs func(minT, maxT int64) []block.Ref
}

// Memory reports whether s is what is not flushed yet.
func (s *Source) Memory() bool { return s.File == nil }

// meets reports whether s and o may have samples of one time.
func (s *Source) meets(o *Source) bool { return s.MinT <= o.MaxT && o.MinT <= s.MaxT }

// maySharePartition: series of one template's different buckets are different.
func (s *Source) maySharePartition(o *Source) bool {
	if s.Memory() || o.Memory() || s.File.Partition == o.File.Partition {
		return true
	}
	a, b := tags(s.File.Partition), tags(o.File.Partition)
	return a == "" || a != b
}

// tags is the template of a partition key with one tag, "" for any other.
func tags(key string) string {
	if left, right, ok := strings.Cut(key, "="); ok && !strings.Contains(right, "=") {
		return left
	}
	return ""
}

// literal is a time in SQL. Years that have no four digits are clamped: no
// sample can be outside of what DuckDB can say.
func literal(ms int64) string {
	t := time.UnixMilli(max(min(ms, 253402300799999), -62135596800000)).UTC()
	return "TIMESTAMPTZ '" + t.Format("2006-01-02 15:04:05.000") + "+00'"
}
