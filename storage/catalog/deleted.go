package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// DeletedFile is a file that an edit removed.
type DeletedFile struct {
	File
	At int64 // Time of the removal in milliseconds.
}

// Deleted returns up to limit files that were removed before t, the longest
// removed first. Their objects may be deleted once no query can still hold a
// snapshot that names them.
func (c *Catalog) Deleted(ctx context.Context, t time.Time, limit int) ([]DeletedFile, error) {
	var files []DeletedFile
	collect := func(r *row, err error) error {
		files = append(files, DeletedFile{File: r.File, At: r.deletedAt})
		return err
	}
	err := c.db.look(ctx, func(tx *tx) error {
		return eachRow(ctx, tx, collect, `WHERE deleted_at > 0 AND deleted_at < ? ORDER BY deleted_at, changed LIMIT ?`, t.UnixMilli(), limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list deleted files: %w", err)
	}
	return files, nil
}

// Purge forgets removed files for good: their objects are deleted. An id that is
// not known is no error, so that Purge may be repeated; one of a live file is an
// ErrConflict, and then nothing is forgotten.
func (c *Catalog) Purge(ctx context.Context, ids []string) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	err := c.db.change(ctx, func(t *tx) error { return purge(ctx, t, ids) })
	if err != nil {
		return fmt.Errorf("purge %d files: %w", len(ids), err)
	}
	return nil
}

func purge(ctx context.Context, t *tx, ids []string) error {
	st, err := lockState(ctx, t)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var changed, deletedAt int64
		err := t.queryRow(ctx, `SELECT changed, deleted_at FROM files WHERE id = ?`, id).Scan(&changed, &deletedAt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return fmt.Errorf("look for file %s: %w", id, err)
		case deletedAt == 0:
			return fmt.Errorf("file %s is live: %w", id, ErrConflict)
		}
		if _, err := t.exec(ctx, `DELETE FROM files WHERE id = ?`, id); err != nil {
			return fmt.Errorf("forget file %s: %w", id, err)
		}
		st.purged = max(st.purged, changed)
	}
	return writeState(ctx, t, st)
}
