package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// tombstones writes what the edit adds, purges and lifts.
func (w *edition) tombstones(ctx context.Context, t *tx) error {
	if len(w.edit.Tombstones)+len(w.edit.Purged)+len(w.edit.Lift) == 0 {
		return nil
	}
	st, err := readTombstonesState(ctx, t)
	if err != nil {
		return err
	}
	steps := []func(context.Context, *tx, *tombstonesState) error{w.purge, w.lift, w.addTombstones}
	for _, step := range steps {
		if err := step(ctx, t, &st); err != nil {
			return err
		}
	}
	if err := w.forget(ctx, t); err != nil {
		return err
	}
	return writeTombstonesState(ctx, t, st)
}

// purge adds to receipts, also to those of tombstones that were lifted
// meanwhile: what was hidden when the job began is removed all the same.
func (w *edition) purge(ctx context.Context, t *tx, st *tombstonesState) error {
	for _, p := range w.edit.Purged {
		err := w.alter(ctx, t, st, p.Tombstone, func(now *Tombstone) error {
			now.Purged += p.Rows
			now.Rewritten += p.Files
			return nil
		})
		if err != nil {
			return fmt.Errorf("purge for tombstone %s: %w", p.Tombstone, err)
		}
	}
	return nil
}

func (w *edition) lift(ctx context.Context, t *tx, st *tombstonesState) error {
	for _, id := range w.edit.Lift {
		err := w.alter(ctx, t, st, id, func(now *Tombstone) error {
			if now.Done != 0 {
				return fmt.Errorf("it is lifted already: %w", ErrConflict)
			}
			now.Done = max(w.now, 1) // 0 would mean live.
			return nil
		})
		if err != nil {
			return fmt.Errorf("lift tombstone %s: %w", id, err)
		}
	}
	return nil
}

// alter changes the receipt of one tombstone.
func (w *edition) alter(ctx context.Context, t *tx, st *tombstonesState, id string, change func(*Tombstone) error) error {
	old, err := findTombstone(ctx, t, id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("it is not known: %w", ErrConflict)
	case err != nil:
		return err
	}
	now := *old
	if err := change(&now); err != nil {
		return err
	}
	_, err = t.exec(ctx, `UPDATE tombstones SET purged = ?, rewritten = ?, done = ?, checksum = ? WHERE id = ?`,
		now.Purged, now.Rewritten, now.Done, int64(now.checksum()), id)
	if err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	if old.Done == 0 {
		st.replace(old, &now, w.change.version)
		w.change.tombstones = append(w.change.tombstones, &now)
	}
	return nil
}

// addTombstones adds the edit's own tombstones.
func (w *edition) addTombstones(ctx context.Context, t *tx, st *tombstonesState) error {
	for i := range w.edit.Tombstones {
		now := w.edit.Tombstones[i].owned()
		now.Seq = w.change.version
		values, err := now.values()
		if err != nil {
			return fmt.Errorf("add tombstone %s: %w", now.ID, err)
		}
		n, err := affected(t.exec(ctx, `INSERT INTO tombstones (`+tombstoneColumns+`) VALUES (`+placeholderList(tombstoneColumnCount)+`) ON CONFLICT DO NOTHING`, values...))
		switch {
		case err != nil:
			return fmt.Errorf("add tombstone %s: %w", now.ID, err)
		case n == 0:
			return fmt.Errorf("add tombstone %s: its id is known already: %w", now.ID, ErrConflict)
		}
		st.replace(nil, now, w.change.version)
		w.change.tombstones = append(w.change.tombstones, now)
	}
	return nil
}

const (
	// expiredAge is how long a tombstone of retention is remembered after it was
	// lifted: longer than a job may run that knows it. They are many, and nobody asks
	// for their receipts.
	expiredAge = 7 * 24 * time.Hour
	// forgetAtOnce bounds the work of one commit. It is more than an edit lifts.
	forgetAtOnce = 1000
)

// forget drops tombstones that were lifted long ago.
func (w *edition) forget(ctx context.Context, t *tx) error {
	_, err := t.exec(ctx, `DELETE FROM tombstones WHERE id IN (
		SELECT id FROM tombstones WHERE done > 0 AND (done < ? OR done < ? AND cause <> ?) ORDER BY done LIMIT ?)`,
		w.now-w.opts.ReceiptAge.Milliseconds(), w.now-expiredAge.Milliseconds(), string(Deleted), forgetAtOnce)
	if err != nil {
		return fmt.Errorf("forget old tombstones: %w", err)
	}
	return nil
}
