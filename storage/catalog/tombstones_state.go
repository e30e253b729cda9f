package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// tombstonesState is what the live tombstones must add up to.
type tombstonesState struct {
	live    int64
	digest  uint32 // Sum of their checksums.
	version int64  // Of the last commit that added or lifted one.
}

func (s tombstonesState) checksum() uint32 {
	var c checksum
	c.numbers(s.live, int64(s.digest), s.version)
	return c.sum()
}

// replace accounts for one tombstone that a commit of this version added (old is
// nil), changed or lifted. Old was live.
func (s *tombstonesState) replace(old, now *Tombstone, version int64) {
	if old != nil {
		s.live--
		s.digest -= old.checksum()
	}
	if now.Done == 0 {
		s.live++
		s.digest += now.checksum()
	}
	if old == nil || now.Done != 0 {
		s.version = version
	}
}

func readTombstonesState(ctx context.Context, t *tx) (tombstonesState, error) {
	var s tombstonesState
	var digest, sum int64
	err := t.queryRow(ctx, `SELECT live, digest, version, checksum FROM tombstones_state WHERE id = 1`).Scan(&s.live, &digest, &s.version, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, fmt.Errorf("state of tombstones: its row is missing: %w", series.ErrCorrupt)
	case err != nil:
		return s, fmt.Errorf("read state of tombstones: %w", err)
	}
	s.digest = uint32(digest)
	if int64(s.digest) != digest || int64(s.checksum()) != sum {
		return s, fmt.Errorf("state of tombstones: its checksum is wrong: %w", series.ErrCorrupt)
	}
	return s, nil
}

func writeTombstonesState(ctx context.Context, t *tx, s tombstonesState) error {
	_, err := t.exec(ctx, `UPDATE tombstones_state SET live = ?, digest = ?, version = ?, checksum = ? WHERE id = 1`,
		s.live, int64(s.digest), s.version, int64(s.checksum()))
	if err != nil {
		return fmt.Errorf("write state of tombstones: %w", err)
	}
	return nil
}
