package catalog

import (
	"context"
	"fmt"
)

// Totals are the sums over all files.
type Totals struct {
	LiveFiles, LiveBytes       int64
	RemovedFiles, RemovedBytes int64 // Removed and not purged yet.
}

// Totals counts the files in the database, all tenants and kinds together.
func (c *Catalog) Totals(ctx context.Context) (Totals, error) {
	var sum Totals
	count := func(t *tx, where string, files, bytes *int64) error {
		return t.queryRow(ctx, `SELECT count(*), CAST(coalesce(sum(size), 0) AS BIGINT) FROM files WHERE `+where).Scan(files, bytes)
	}
	err := c.db.look(ctx, func(t *tx) error {
		if err := count(t, `deleted_at = 0`, &sum.LiveFiles, &sum.LiveBytes); err != nil {
			return err
		}
		return count(t, `deleted_at > 0`, &sum.RemovedFiles, &sum.RemovedBytes)
	})
	if err != nil {
		return Totals{}, fmt.Errorf("count files: %w", err)
	}
	return sum, nil
}
