package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"herringbone/storage/series"
)

// Commit applies e whole and returns a snapshot that contains it. After a nil
// error e is durable, and every Snapshot taken later contains it.
//
// An edit whose token was committed before changes nothing and succeeds.
//
// Errors: ErrConflict and any other series.ErrInvalid, such as what Validate
// finds, mean that nothing was written. Any other error means that the outcome is unknown: the caller must not delete the
// objects it meant to add, and finds out by committing the same token again.
func (c *Catalog) Commit(ctx context.Context, e Edit) (*Snapshot, error) {
	began := time.Now()
	if err := e.Validate(); err != nil {
		c.metrics.commits.WithLabelValues("invalid").Inc()
		return nil, fmt.Errorf("commit: %w", err)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	s, result, err := c.commit(ctx, &e)
	c.metrics.commits.WithLabelValues(result).Inc()
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", e.Token, err)
	}
	c.metrics.commitSeconds.Observe(time.Since(began).Seconds())
	return s, nil
}

func (c *Catalog) commit(ctx context.Context, e *Edit) (s *Snapshot, result string, err error) {
	w := edition{edit: e, now: c.opts.now().UnixMilli(), opts: c.opts, known: c.current.Load()}
	err = c.db.change(ctx, func(t *tx) error { return w.write(ctx, t) })
	switch {
	case errors.Is(err, ErrConflict):
		return nil, "conflict", err
	case errors.Is(err, series.ErrInvalid):
		return nil, "invalid", err
	case err != nil:
		return nil, "error", err
	}
	c.metrics.quarantined.Sub(float64(w.acquitted))
	result = "committed"
	if w.repeated {
		result = "repeated"
	}
	switch s = c.current.Load(); {
	case !w.repeated && s.version == w.before:
		c.publish(s.apply(w.change)) // Nobody else committed since: this is all that is new.
	case w.repeated && s.version >= w.change.version:
	default:
		if err := c.refresh(ctx); err != nil {
			return nil, "error", fmt.Errorf("read what was committed: %w", err)
		}
	}
	return c.current.Load(), result, nil
}

// edition is an edit on its way into the tables.
type edition struct {
	edit  *Edit
	now   int64 // Milliseconds.
	opts  Options
	known *Snapshot // For what tables are news.

	before    int64  // Version that the edit was applied to.
	change    change // What it did.
	acquitted int64  // Files it removed that were in quarantine.
	repeated  bool   // It did nothing: change.version has it already.
}

func (w *edition) write(ctx context.Context, t *tx) error {
	st, err := lockState(ctx, t)
	if err != nil {
		return err
	}
	w.before = st.version
	if done, err := w.done(ctx, t); done || err != nil {
		return err
	}
	w.change = change{version: w.version(st)}
	steps := []func(context.Context, *tx) error{w.needs, w.remove, w.alone, w.add, w.tables, w.tombstones, w.position, w.token}
	for _, step := range steps {
		if err := step(ctx, t); err != nil {
			return err
		}
	}
	st.version = w.change.version
	for _, f := range w.change.add {
		st.live++
		st.digest += f.checksum()
	}
	for _, f := range w.change.remove {
		st.live--
		st.digest -= f.checksum()
	}
	return writeState(ctx, t, st)
}

// done reports whether the token was committed before.
func (w *edition) done(ctx context.Context, t *tx) (bool, error) {
	var version int64
	err := t.queryRow(ctx, `SELECT version FROM commits WHERE token = ?`, w.edit.Token).Scan(&version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for token: %w", err)
	}
	w.repeated, w.change = true, change{version: version}
	return true, nil
}

// version is the number of this commit: the next one, but never behind a
// sequence that a file brings along, so that later files stay later.
func (w *edition) version(st state) int64 {
	v := st.version + 1
	for i := range w.edit.Add {
		v = max(v, w.edit.Add[i].Seq)
	}
	return v
}

func (w *edition) remove(ctx context.Context, t *tx) error {
	for _, id := range w.edit.Remove {
		r, err := scanRow(t.queryRow(ctx, `SELECT `+fileColumns+` FROM files WHERE id = ?`, id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("remove file %s: it is not known: %w", id, ErrConflict)
		case err != nil:
			return fmt.Errorf("remove file %s: %w", id, err)
		case r.ID != id: // A damaged index leads to another row.
			return fmt.Errorf("remove file %s: the row of file %.40q was found: %w", id, r.ID, series.ErrCorrupt)
		case r.deletedAt != 0:
			return fmt.Errorf("remove file %s: it is removed already: %w", id, ErrConflict)
		}
		r.changed, r.deletedAt = w.change.version, max(w.now, 1) // 0 would mean live.
		_, err = t.exec(ctx, `UPDATE files SET changed = ?, deleted_at = ?, checksum = ? WHERE id = ?`,
			r.changed, r.deletedAt, int64(r.checksum()), id)
		if err != nil {
			return fmt.Errorf("remove file %s: %w", id, err)
		}
		n, err := acquit(ctx, t, id)
		if err != nil {
			return err
		}
		w.acquitted += n
		w.change.remove = append(w.change.remove, &r.File)
	}
	return nil
}

func (w *edition) add(ctx context.Context, t *tx) error {
	if len(w.edit.Add) == 0 {
		return nil
	}
	insert, err := t.prepare(ctx, `INSERT INTO files (`+fileColumns+`) VALUES (`+placeholderList(fileColumnCount)+`) ON CONFLICT DO NOTHING`)
	if err != nil {
		return fmt.Errorf("add files: %w", err)
	}
	candidates, err := t.prepare(ctx, `SELECT count(*) FROM suspects WHERE name = ?`)
	if err != nil {
		return fmt.Errorf("look for orphan candidates: %w", err)
	}
	for _, f := range w.edit.Add {
		if err := w.mayAdd(ctx, candidates, &f); err != nil {
			return err
		}
		if f.Seq == 0 {
			f.Seq = w.change.version
		}
		r := row{File: f, changed: w.change.version}
		n, err := affected(insert.ExecContext(ctx, r.values()...))
		switch {
		case err != nil:
			return fmt.Errorf("add file %s: %w", f.ID, err)
		case n == 0:
			return fmt.Errorf("add file %s (%s): its id or name is known already: %w", f.ID, f.Name, ErrConflict)
		}
		w.change.add = append(w.change.add, &r.File)
	}
	return nil
}

// mayAdd refuses an object that may be about to be removed as an orphan, and a
// file that says it knows of tombstones to come: they would not hide its rows.
// The statement counts the orphan candidates of a name.
func (w *edition) mayAdd(ctx context.Context, candidates *sql.Stmt, f *File) error {
	if f.Clean > w.before {
		return fmt.Errorf("add file %s: it is clean up to version %d, the catalog is at %d: %w", f.ID, f.Clean, w.before, series.ErrInvalid)
	}
	var n int
	switch err := candidates.QueryRowContext(ctx, f.Name).Scan(&n); {
	case err != nil:
		return fmt.Errorf("add file %s: look for orphan candidates: %w", f.ID, err)
	case n > 0:
		return fmt.Errorf("add file %s (%s): it is an orphan candidate: %w", f.ID, f.Name, ErrConflict)
	}
	return nil
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// token remembers the edit, and forgets those that nobody repeats any more.
// Should one be repeated after all, the ids of its files make it a conflict.
func (w *edition) token(ctx context.Context, t *tx) error {
	_, err := t.exec(ctx, `INSERT INTO commits (token, version, committed_at) VALUES (?, ?, ?)`, w.edit.Token, w.change.version, w.now)
	if err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	if _, err := t.exec(ctx, `DELETE FROM commits WHERE committed_at < ?`, w.now-w.opts.TokenAge.Milliseconds()); err != nil {
		return fmt.Errorf("forget old tokens: %w", err)
	}
	return nil
}
