package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// Quarantined is a live file that was found damaged.
type Quarantined struct {
	ID   string // Of the file.
	Name string // Of its object.
	What string // What was found first, for people.
	At   int64  // When, in milliseconds.
}

func (q *Quarantined) checksum() uint32 {
	c := newChecksum()
	c.text(q.ID, q.What)
	c.numbers(q.At)
	return c.sum()
}

// Quarantine records that a live file is damaged. It may be repeated: the first
// finding and its time stay. For a file that was removed it does nothing; the
// error wraps ErrUnknown if there never was one.
func (c *Catalog) Quarantine(ctx context.Context, fileID, what string) error {
	q := Quarantined{ID: fileID, What: what, At: c.opts.now().UnixMilli()}
	err := c.alone(ctx, func(t *tx) error { return q.write(ctx, t) })
	if err != nil {
		return fmt.Errorf("quarantine file %.40q: %w", fileID, err)
	}
	return nil
}

func (q *Quarantined) write(ctx context.Context, t *tx) error {
	var deletedAt int64
	err := t.queryRow(ctx, `SELECT deleted_at FROM files WHERE id = ?`, q.ID).Scan(&deletedAt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrUnknown
	case err != nil:
		return fmt.Errorf("look for file: %w", err)
	case deletedAt != 0:
		return nil
	}
	_, err = t.exec(ctx, `INSERT INTO quarantine (file_id, what, found_at, checksum) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		q.ID, q.What, q.At, int64(q.checksum()))
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Acquit takes a file out of quarantine; it is no error if it is not there.
func (c *Catalog) Acquit(ctx context.Context, fileID string) error {
	err := c.alone(ctx, func(t *tx) error {
		_, err := acquit(ctx, t, fileID)
		return err
	})
	if err != nil {
		return fmt.Errorf("acquit file %.40q: %w", fileID, err)
	}
	return nil
}

// acquit returns how many files it took out.
func acquit(ctx context.Context, t *tx, id string) (int64, error) {
	n, err := affected(t.exec(ctx, `DELETE FROM quarantine WHERE file_id = ?`, id))
	if err != nil {
		return 0, fmt.Errorf("take file %s out of quarantine: %w", id, err)
	}
	return n, nil
}

// Quarantined returns the live files that are in quarantine, the longest there
// first.
func (c *Catalog) Quarantined(ctx context.Context) ([]Quarantined, error) {
	var list []Quarantined
	err := c.db.look(ctx, func(t *tx) error {
		return eachQuarantined(ctx, t, func(q Quarantined, live bool, err error) error {
			if live {
				list = append(list, q)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list quarantined files: %w", err)
	}
	return list, nil
}

// eachQuarantined visits all rows. Damage of a single one is given to the
// visitor, who decides.
func eachQuarantined(ctx context.Context, t *tx, visit func(q Quarantined, live bool, err error) error) error {
	rows, err := t.query(ctx, `SELECT q.file_id, q.what, q.found_at, q.checksum, coalesce(f.name, ''), coalesce(f.deleted_at, 1)
		FROM quarantine q LEFT JOIN files f ON f.id = q.file_id ORDER BY q.found_at, q.file_id`)
	if err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var q Quarantined
		var sum, deletedAt int64
		if err := rows.Scan(&q.ID, &q.What, &q.At, &sum, &q.Name, &deletedAt); err != nil {
			return fmt.Errorf("read quarantine: %w", err)
		}
		var damage error
		if int64(q.checksum()) != sum {
			damage = fmt.Errorf("row of quarantined file %.40q: its checksum is wrong: %w", q.ID, series.ErrCorrupt)
		}
		if err := visit(q, deletedAt == 0, damage); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	return nil
}

// alone runs fn in a transaction that writes, after every commit before it and
// before every one after it, and counts what it left.
func (c *Catalog) alone(ctx context.Context, fn func(*tx) error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	var left watched
	err := c.db.change(ctx, func(t *tx) error {
		if _, err := lockState(ctx, t); err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		var err error
		left, err = countWatched(ctx, t)
		return err
	})
	if err == nil {
		c.metrics.watch(left)
	}
	return err
}
