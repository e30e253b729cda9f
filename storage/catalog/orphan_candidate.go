package catalog

import (
	"context"
	"fmt"
	"time"

	"herringbone/storage/series"
)

// OrphanCandidate is an object that no file of the catalog, live or removed, names. No
// edit can add it any more, so it can be removed when it has been one for long
// enough.
type OrphanCandidate struct {
	Name string
	At   int64 // When it was recorded, in milliseconds.
}

func (s *OrphanCandidate) checksum() uint32 {
	c := newChecksum()
	c.text(s.Name)
	c.numbers(s.At)
	return c.sum()
}

// AddOrphanCandidates records those of the named objects that no file, live or removed,
// names. It may be repeated: the time of the first call stays. It returns how many
// of the names, which differ from each other, are candidates now. An object that is
// one cannot be added any more, so the caller leaves out what is young:
// somebody may be about to commit it. Names should come in batches of some
// thousands at most, because commits wait meanwhile.
func (c *Catalog) AddOrphanCandidates(ctx context.Context, names []string) (int, error) {
	now := c.opts.now().UnixMilli()
	var n int
	err := c.alone(ctx, func(t *tx) (err error) {
		n, err = addOrphanCandidates(ctx, t, names, now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("record %d orphan candidates: %w", len(names), err)
	}
	return n, nil
}

func addOrphanCandidates(ctx context.Context, t *tx, names []string, now int64) (n int, err error) {
	look, err := t.prepare(ctx, `SELECT count(*) FROM files WHERE name = ?`)
	if err != nil {
		return 0, fmt.Errorf("look for files: %w", err)
	}
	insert, err := t.prepare(ctx, `INSERT INTO suspects (name, found_at, checksum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return 0, fmt.Errorf("write orphan candidates: %w", err)
	}
	for _, name := range names {
		var files int
		if err := look.QueryRowContext(ctx, name).Scan(&files); err != nil {
			return n, fmt.Errorf("look for file %.200q: %w", name, err)
		}
		if files > 0 {
			continue
		}
		s := OrphanCandidate{Name: name, At: now}
		if _, err := insert.ExecContext(ctx, s.Name, s.At, int64(s.checksum())); err != nil {
			return n, fmt.Errorf("write orphan candidate %.200q: %w", name, err)
		}
		n++
	}
	return n, nil
}

// OrphanCandidates returns up to limit objects that were recorded before a time,
// the oldest first. None of them is named by a file.
func (c *Catalog) OrphanCandidates(ctx context.Context, before time.Time, limit int) ([]OrphanCandidate, error) {
	var list []OrphanCandidate
	collect := func(s OrphanCandidate, named bool, err error) error {
		if err == nil && named { // What is removed for being nobody's must be nobody's.
			err = fmt.Errorf("orphan candidate %.200q is named by a file: %w", s.Name, series.ErrCorrupt)
		}
		list = append(list, s)
		return err
	}
	err := c.db.look(ctx, func(t *tx) error {
		return eachOrphanCandidate(ctx, t, collect, `WHERE s.found_at < ? ORDER BY s.found_at, s.name LIMIT ?`, before.UnixMilli(), limit)
	})
	if err != nil {
		return nil, fmt.Errorf("list orphan candidates: %w", err)
	}
	return list, nil
}

// eachOrphanCandidate visits the rows of the table suspects, called s, that the condition selects. Damage
// of a single one is given to the visitor, who decides.
func eachOrphanCandidate(ctx context.Context, t *tx, visit func(s OrphanCandidate, named bool, err error) error, where string, args ...any) error {
	rows, err := t.query(ctx, `SELECT s.name, s.found_at, s.checksum, CASE WHEN f.id IS NULL THEN 0 ELSE 1 END
		FROM suspects s LEFT JOIN files f ON f.name = s.name `+where, args...)
	if err != nil {
		return fmt.Errorf("read orphan candidates: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s OrphanCandidate
		var sum, named int64
		if err := rows.Scan(&s.Name, &s.At, &sum, &named); err != nil {
			return fmt.Errorf("read orphan candidates: %w", err)
		}
		var damage error
		if int64(s.checksum()) != sum {
			damage = fmt.Errorf("row of orphan candidate %.200q: its checksum is wrong: %w", s.Name, series.ErrCorrupt)
		}
		if err := visit(s, named != 0, damage); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read orphan candidates: %w", err)
	}
	return nil
}

// ForgetOrphanCandidates drops candidates: their objects are deleted. A name that is not one is
// no error.
func (c *Catalog) ForgetOrphanCandidates(ctx context.Context, names []string) error {
	err := c.alone(ctx, func(t *tx) error {
		forget, err := t.prepare(ctx, `DELETE FROM suspects WHERE name = ?`)
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := forget.ExecContext(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget %d orphan candidates: %w", len(names), err)
	}
	return nil
}
