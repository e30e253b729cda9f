package catalog

import (
	"fmt"
	"unicode/utf8"

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
// later is not hidden, nor is what is in memory: who adds a tombstone first
// flushes what it is to hide.
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
	Hidden    int64 // Rows of files that it hid when it was added, as far as they could be read.
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
		f.namesMayMatch(t.Matchers) && series.KeyMayMatch(f.Partition, t.Matchers)
}

// Purge says that an edit's outputs lack rows that a tombstone hid.
type Purge struct {
	Tombstone string // ID.
	Rows      int64  // Hidden rows that the edit's inputs had and its outputs have not.
	Files     int64  // Inputs that had them.
}

// Validate refuses a tombstone that cannot be meant to be added. The error wraps
// series.ErrInvalid.
func (t *Tombstone) Validate() error {
	if what := t.fault(); what != "" {
		return fmt.Errorf("tombstone %.40q: %s: %w", t.ID, what, series.ErrInvalid)
	}
	return nil
}

func (t *Tombstone) fault() string {
	if _, err := series.ParseTenant(string(t.Tenant)); err != nil {
		return fmt.Sprintf("bad tenant %.140q", t.Tenant)
	}
	switch {
	case t.ID == "":
		return "no id"
	case t.Cause != Deleted && t.Cause != Expired:
		return fmt.Sprintf("unknown cause %.40q", t.Cause)
	case t.Cause == Expired && t.Rule == "":
		return "of no rule"
	case !utf8.ValidString(t.Rule):
		return "the name of its rule is not valid UTF-8"
	case t.MinT > t.MaxT:
		return fmt.Sprintf("time range %d to %d is empty", t.MinT, t.MaxT)
	case t.Hidden < 0 || t.Purged != 0 || t.Rewritten != 0 || t.Done != 0:
		return fmt.Sprintf("new, but %d rows hidden, %d purged, %d files rewritten, done at %d", t.Hidden, t.Purged, t.Rewritten, t.Done)
	}
	for _, list := range t.Except {
		if len(list) == 0 {
			return "an exception that excepts everything"
		}
		if what := matchersFault(list); what != "" {
			return what
		}
	}
	return matchersFault(t.Matchers)
}

func matchersFault(list []*labels.Matcher) string {
	for _, m := range list {
		switch {
		case m == nil:
			return "a matcher that is nil"
		case m.Type < labels.MatchEqual || m.Type > labels.MatchNotRegexp:
			return fmt.Sprintf("a matcher of type %d", int(m.Type))
		case !utf8.ValidString(m.Name) || !utf8.ValidString(m.Value):
			return fmt.Sprintf("matcher %.200q is not valid UTF-8", m.String())
		}
	}
	return ""
}
