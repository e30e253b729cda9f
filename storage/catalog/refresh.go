package catalog

import (
	"context"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// Refresh brings the snapshot up to date with what others have committed. After
// an error the snapshot is what it was.
func (c *Catalog) Refresh(ctx context.Context) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.refresh(ctx); err != nil {
		return fmt.Errorf("refresh catalog: %w", err)
	}
	return nil
}

func (c *Catalog) refresh(ctx context.Context) error {
	next := c.current.Load()
	var watched watched
	err := c.db.look(ctx, func(t *tx) error {
		st, err := readState(ctx, t)
		if err != nil {
			return err
		}
		if next, err = catchUp(ctx, t, next, st); err != nil {
			return err
		}
		watched, err = countWatched(ctx, t)
		return err
	})
	if err != nil {
		return err
	}
	c.publish(next)
	c.metrics.watch(watched)
	return nil
}

// catchUp returns the snapshot at st, from one that may be older. If the rows
// of removals that s has not seen were purged, it starts from nothing.
func catchUp(ctx context.Context, t *tx, s *Snapshot, st state) (*Snapshot, error) {
	ch := change{version: st.version}
	collect := func(r *row, err error) error {
		switch f := &r.File; {
		case err != nil:
			return err
		case r.deletedAt == 0:
			ch.add = append(ch.add, f)
		case s.has(f):
			ch.remove = append(ch.remove, f)
		}
		return nil
	}
	var err error
	switch {
	case s.version == st.version:
	case s.version > st.version:
		return nil, fmt.Errorf("the database went back from version %d to %d: %w", s.version, st.version, series.ErrCorrupt)
	case s.version < st.purged || s.version < 0:
		s = &Snapshot{}
		err = eachRow(ctx, t, collect, `WHERE deleted_at = 0`)
	default:
		err = eachRow(ctx, t, collect, `WHERE changed > ?`, s.version)
	}
	if err != nil {
		return nil, err
	}
	tables, err := readTablesState(ctx, t)
	if err != nil {
		return nil, err
	}
	if s.version < st.version {
		if err := ch.readFacts(ctx, t, s.version); err != nil {
			return nil, err
		}
	}
	ch.complete = tables.complete
	next := s.apply(ch)
	if err := next.readTombstones(ctx, t, s.version <= 0); err != nil {
		return nil, err
	}
	return next, errors.Join(next.proof(st), next.tablesProof(tables))
}

// readFacts collects what edits after a version told of tables.
func (ch *change) readFacts(ctx context.Context, t *tx, after int64) error {
	return eachFact(ctx, t, after, func(f fact, err error) error {
		ch.facts = append(ch.facts, f)
		return err
	})
}

// eachRow visits the rows of files that the condition selects, each with the
// error of scanRow, until the visitor returns one. The row stays with the
// visitor.
func eachRow(ctx context.Context, t *tx, visit func(*row, error) error, where string, args ...any) error {
	rows, err := t.query(ctx, `SELECT `+fileColumns+` FROM files `+where, args...)
	if err != nil {
		return fmt.Errorf("read files: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err := visit(&r, err); err != nil {
			return fmt.Errorf("read files: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read files: %w", err)
	}
	return nil
}

// tablesProof is proof for the tables. A row that is missing would be a column
// that is silently not there.
func (s *Snapshot) tablesProof(st tablesState) error {
	if s.tablesState != st {
		return fmt.Errorf("tables are %d rows with digest %08x, there should be %d with %08x: %w",
			s.tablesState.rows, s.tablesState.digest, st.rows, st.digest, series.ErrCorrupt)
	}
	return nil
}

// proof is an error unless the snapshot is what the state says.
func (s *Snapshot) proof(st state) error {
	switch {
	case s.version != st.version:
		return fmt.Errorf("files are of version %d, the state is of %d: %w", s.version, st.version, series.ErrCorrupt)
	case s.live != st.live:
		return fmt.Errorf("%d live files, there should be %d: %w", s.live, st.live, series.ErrCorrupt)
	case s.digest != st.digest:
		return fmt.Errorf("live files have digest %08x, it should be %08x: %w", s.digest, st.digest, series.ErrCorrupt)
	}
	return nil
}
