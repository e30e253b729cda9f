package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// needs refuses an edit if a file that it was made of was removed.
func (w *edition) needs(ctx context.Context, t *tx) error {
	for _, id := range w.edit.Needs {
		var deletedAt int64
		err := t.queryRow(ctx, `SELECT deleted_at FROM files WHERE id = ?`, id).Scan(&deletedAt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("file %s is needed, but not known: %w", id, ErrConflict)
		case err != nil:
			return fmt.Errorf("look for file %s: %w", id, err)
		case deletedAt != 0:
			return fmt.Errorf("file %s is needed, but removed: %w", id, ErrConflict)
		}
	}
	return nil
}

// alone refuses an edit if somebody else has added aggregates, since it was
// planned, where it adds some. It runs after the removals.
func (w *edition) alone(ctx context.Context, t *tx) error {
	if w.edit.Base <= 0 {
		return nil
	}
	for i := range w.edit.Add {
		f := &w.edit.Add[i]
		if f.Kind.Resolution() == 0 {
			continue
		}
		var id string
		err := t.queryRow(ctx, `SELECT id FROM files WHERE changed > ? AND deleted_at = 0
			AND tenant = ? AND kind = ? AND partition_key = ? AND day < ? AND day + days > ? LIMIT 1`,
			w.edit.Base, string(f.Tenant), string(f.Kind), f.Partition, f.Day+int64(f.Days), f.Day).Scan(&id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return fmt.Errorf("look for later files: %w", err)
		default:
			return fmt.Errorf("add file %s: file %s of the same days was added since version %d: %w", f.ID, id, w.edit.Base, ErrConflict)
		}
	}
	return nil
}
