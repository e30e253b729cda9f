package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// ErrUnknown: the catalog knows nothing of that id.
var ErrUnknown = fmt.Errorf("not known to the catalog: %w", series.ErrInvalid)

// Receipt returns the tombstone of an id, live or lifted, as it is in the
// database. The error wraps ErrUnknown if there is none, or none any more.
func (c *Catalog) Receipt(ctx context.Context, id string) (Tombstone, error) {
	var found *Tombstone
	err := c.db.look(ctx, func(t *tx) (err error) {
		found, err = findTombstone(ctx, t, id)
		return err
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Tombstone{}, fmt.Errorf("receipt %.40q: %w", id, ErrUnknown)
	case err != nil:
		return Tombstone{}, fmt.Errorf("receipt %.40q: %w", id, err)
	}
	return *found, nil
}

// Receipts returns up to limit tombstones of the cause Deleted, live or lifted,
// newest first.
func (c *Catalog) Receipts(ctx context.Context, limit int) ([]Tombstone, error) {
	var list []Tombstone
	collect := func(found *Tombstone, err error) error {
		list = append(list, *found)
		return err
	}
	err := c.db.look(ctx, func(t *tx) error {
		return eachTombstone(ctx, t, collect, `WHERE cause = ? ORDER BY seq DESC, id DESC LIMIT ?`, string(Deleted), limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	return list, nil
}
