package catalog

import (
	"fmt"
	"math"

	"herringbone/storage/series"
)

// ErrConflict: nothing was written, because the plan behind the edit is stale. A
// file it removes is not live, a file it adds has been there before, or the
// log position is behind the one that is known.
var ErrConflict = fmt.Errorf("catalog conflict: %w", series.ErrInvalid)

// Edit is one change of the catalog, applied whole or not at all.
type Edit struct {
	// Token names the edit. Committing a token again changes nothing, so whoever
	// does not know how a commit ended repeats it with the same token.
	Token  string
	Add    []File
	Remove []string // IDs of live files.
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
