package catalog

import (
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Cause says why rows are hidden.
type Cause string

// The causes of tombstones.
const (
	Deleted Cause = "deleted" // Somebody asked for it; Tombstone is the receipt, too.
	Expired Cause = "expired" // A rule of retention.
)

// Tombstone hides rows of files: those of matching series in MinT … MaxT that
// are in a file which was written before the tombstone. A file written before is
// one whose Seq and Clean are both below the tombstone's Seq. What is written
// later is not hidden, nor is what is in memory: who adds a tombstone flushes
// first.
//
// Ownership: a tombstone of a Snapshot is shared; do not modify it.
type Tombstone struct {
	ID     string // A ULID; never used twice.
	Tenant series.Tenant
	Cause  Cause
	Rule   string // Of Expired: names the rule, for people and for its next run.

	Matchers []*labels.Matcher   // Series that match all of them are hidden …
	Except   [][]*labels.Matcher // … unless they match all of one of these lists.
	MinT     int64               // Milliseconds, included.
	MaxT     int64               // Milliseconds, included.

	Seq     int64 // Number of the commit that added it; set by Commit.
	Created int64 // Milliseconds.

	// What became of it. Hidden is set by who adds the tombstone.
	Hidden    int64 // Rows of files that it hid when it was added.
	Purged    int64 // Of them, rows that are in no live file any more.
	Rewritten int64 // Files that were replaced or removed for that.
	Done      int64 // When it was lifted, in milliseconds; 0: it still hides.
}

// HidesSeries reports whether rows of the series are hidden in MinT … MaxT.
func (t *Tombstone) HidesSeries(ls labels.Labels) bool {
	if !series.Matches(ls, t.Matchers) {
		return false
	}
	for _, list := range t.Except {
		if series.Matches(ls, list) {
			return false
		}
	}
	return true
}

// Hides reports whether t may hide rows of f, as far as the catalog tells.
func (t *Tombstone) Hides(f *File) bool {
	return t.Tenant == f.Tenant && t.Seq > f.Seq && t.Seq > f.Clean && t.MinT <= f.MaxT && t.MaxT >= f.MinT &&
		series.KeyMayMatch(f.Partition, t.Matchers) && f.namesMayMatch(nameMatchers(t.Matchers))
}

// Purge says that an edit's outputs lack rows that a tombstone hid.
type Purge struct {
	Tombstone string // ID.
	Rows      int64  // Hidden rows that the edit's inputs had and its outputs have not.
	Files     int64  // Inputs that had them.
}

// Mask is the tombstones that may hide rows of one file, in the order of their
// Seq. A nil Mask hides nothing.
type Mask []*Tombstone
