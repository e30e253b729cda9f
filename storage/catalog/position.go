package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

func (w *edition) position(ctx context.Context, t *tx) error {
	p := w.edit.WAL
	if p == nil {
		return nil
	}
	old, err := readPosition(ctx, t, p.Node)
	if err != nil {
		return err
	}
	if p.Segment < old {
		return fmt.Errorf("log of node %s is held up to segment %d, not only %d: %w", p.Node, old, p.Segment, ErrConflict)
	}
	return writePosition(ctx, t, *p, w.change.version)
}

// readPosition returns 0 for a node that was never heard of.
func readPosition(ctx context.Context, t *tx, node string) (uint64, error) {
	var segment, changed, sum int64
	err := t.queryRow(ctx, `SELECT segment, changed, checksum FROM wal_positions WHERE node = ?`, node).Scan(&segment, &changed, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("read log position of node %s: %w", node, err)
	case int64(positionChecksum(node, segment, changed)) != sum:
		return 0, fmt.Errorf("log position of node %s: its checksum is wrong: %w", node, series.ErrCorrupt)
	}
	return uint64(segment), nil
}

func writePosition(ctx context.Context, t *tx, p WALPosition, version int64) error {
	segment := int64(p.Segment)
	_, err := t.exec(ctx, `INSERT INTO wal_positions (node, segment, changed, checksum) VALUES (?, ?, ?, ?)
		ON CONFLICT (node) DO UPDATE SET segment = excluded.segment, changed = excluded.changed, checksum = excluded.checksum`,
		p.Node, segment, version, int64(positionChecksum(p.Node, segment, version)))
	if err != nil {
		return fmt.Errorf("write log position of node %s: %w", p.Node, err)
	}
	return nil
}

func positionChecksum(node string, segment, changed int64) uint32 {
	var c checksum
	c.text(node)
	c.numbers(segment, changed)
	return c.sum()
}

// WALPosition returns the last segment of the node's log that files hold, and 0
// if none was ever committed.
func (c *Catalog) WALPosition(ctx context.Context, node string) (segment uint64, err error) {
	err = c.db.look(ctx, func(t *tx) error {
		segment, err = readPosition(ctx, t, node)
		return err
	})
	return segment, err
}
