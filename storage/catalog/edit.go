package catalog

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"herringbone/storage/series"
)

// ErrConflict: nothing was written, because the plan behind the edit is stale. A
// file it removes or needs is not live, a file it adds has been there before or is
// an orphan candidate, a tombstone it knows is not there any more, or the log
// position is behind the one that is known.
var ErrConflict = fmt.Errorf("catalog conflict: %w", series.ErrInvalid)

// Edit is one change of the catalog, applied whole or not at all.
type Edit struct {
	// Token names the edit. Committing a token again changes nothing, so whoever
	// does not know how a commit ended repeats it with the same token.
	Token  string
	Add    []File
	Remove []string // IDs of live files.
	// Needs are IDs of files that stay and must be live: what is added was made of
	// them. If one was removed meanwhile, a tombstone may be lifted that hid rows of it,
	// which would be seen again in what is added.
	Needs []string
	// Base, if not 0, is the version that the added files were planned on. If later
	// edits added aggregates of the same partition key and kind in the same days, the
	// edit is an ErrConflict: both would tell of the same samples.
	Base int64
	// Tables is what the added files hold, by table. It is put to what is known
	// already, in the same transaction; what is known costs nothing.
	Tables []Table
	// TablesComplete: with Tables, the catalog knows the tables of all live files.
	TablesComplete bool
	// Tombstones are added; their Seq becomes the number of this commit, their Done,
	// Purged and Rewritten are 0.
	Tombstones []Tombstone
	// Purged is put to the receipts of tombstones, in the same transaction.
	Purged []Purge
	// Lift ends live tombstones, by ID: from then on they hide nothing. It is for
	// tombstones that have nothing left to hide, or whose rows another one hides.
	Lift []string
	// WAL, if not nil, is recorded with the files.
	WAL *WALPosition
}

// WALPosition says that everything in the segments up to and including Segment
// of a node's write-ahead log is held by files. It never goes back.
type WALPosition struct {
	Node    string
	Segment uint64
}

// Validate refuses edits that cannot be meant. The error wraps
// series.ErrInvalid.
func (e *Edit) Validate() error {
	if e.Token == "" {
		return fmt.Errorf("edit without a token: %w", series.ErrInvalid)
	}
	if p := e.WAL; p != nil && (p.Node == "" || p.Segment > math.MaxInt64) {
		return fmt.Errorf("bad log position %q %d: %w", p.Node, p.Segment, series.ErrInvalid)
	}
	if err := errors.Join(e.validateTables(), e.validateTombstones()); err != nil {
		return err
	}
	ids := make(map[string]bool, len(e.Add)+len(e.Remove))
	names := make(map[string]bool, len(e.Add))
	for i := range e.Add {
		f := &e.Add[i]
		if err := f.Validate(); err != nil {
			return err
		}
		if ids[f.ID] || names[f.Name] {
			return fmt.Errorf("file %s (%s) occurs twice in the edit: %w", f.ID, f.Name, series.ErrInvalid)
		}
		ids[f.ID], names[f.Name] = true, true
	}
	for _, id := range e.Remove {
		if ids[id] {
			return fmt.Errorf("file %s occurs twice in the edit: %w", id, series.ErrInvalid)
		}
		ids[id] = true
	}
	return nil
}

func (e *Edit) validateTables() error {
	rising := true // As flushes bring them.
	for i := range e.Tables {
		t := &e.Tables[i]
		if i == 0 || e.Tables[i-1].Tenant != t.Tenant {
			if err := t.Validate(); err != nil {
				return err
			}
		} else if err := t.validateColumns(); err != nil {
			return err
		}
		rising = rising && (i == 0 || compareTables(&e.Tables[i-1], t) < 0)
	}
	if rising {
		return nil
	}
	sorted := make([]*Table, len(e.Tables))
	for i := range e.Tables {
		sorted[i] = &e.Tables[i]
	}
	slices.SortFunc(sorted, compareTables)
	for i, t := range sorted[1:] {
		if compareTables(sorted[i], t) == 0 {
			return fmt.Errorf("table %.60q occurs twice in the edit: %w", t.Metric, series.ErrInvalid)
		}
	}
	return nil
}

func (e *Edit) validateTombstones() error {
	ids := map[string]bool{}
	for i := range e.Tombstones {
		t := &e.Tombstones[i]
		if err := t.Validate(); err != nil {
			return err
		}
		if ids[t.ID] {
			return fmt.Errorf("tombstone %s occurs twice in the edit: %w", t.ID, series.ErrInvalid)
		}
		ids[t.ID] = true
	}
	for _, p := range e.Purged {
		if p.Tombstone == "" || p.Rows < 0 || p.Files < 0 || ids[p.Tombstone] {
			return fmt.Errorf("purge of %d rows in %d files for tombstone %.40q: %w", p.Rows, p.Files, p.Tombstone, series.ErrInvalid)
		}
	}
	for _, id := range e.Lift {
		if id == "" || ids[id] {
			return fmt.Errorf("lift of tombstone %.40q, without an id or twice in the edit: %w", id, series.ErrInvalid)
		}
		ids[id] = true
	}
	return nil
}
