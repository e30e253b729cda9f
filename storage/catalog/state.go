package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// state is the one row that says what all others add up to.
type state struct {
	version int64  // Of the last commit.
	purged  int64  // Highest version of a removal whose row was purged.
	live    int64  // Number of live files.
	digest  uint32 // Sum of their checksums.
}

func (s state) checksum() uint32 {
	var c checksum
	c.numbers(s.version, s.purged, s.live, int64(s.digest))
	return c.sum()
}

const stateColumns = `version, purged, live, digest, checksum`

// readState reads the state as of the transaction.
func readState(ctx context.Context, t *tx) (state, error) {
	return scanState(t.queryRow(ctx, `SELECT `+stateColumns+` FROM catalog_state WHERE id = 1`))
}

// lockState reads the state and makes every other writer wait until the
// transaction ends, so that versions become visible in their order.
func lockState(ctx context.Context, t *tx) (state, error) {
	return scanState(t.queryRow(ctx, `UPDATE catalog_state SET version = version WHERE id = 1 RETURNING `+stateColumns))
}

func scanState(from scanner) (state, error) {
	var s state
	var digest, sum int64
	err := from.Scan(&s.version, &s.purged, &s.live, &digest, &sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, fmt.Errorf("catalog state: its row is missing: %w", series.ErrCorrupt)
	case err != nil:
		return s, fmt.Errorf("read catalog state: %w", err)
	}
	s.digest = uint32(digest)
	if int64(s.digest) != digest || int64(s.checksum()) != sum {
		return s, fmt.Errorf("catalog state: its checksum is wrong: %w", series.ErrCorrupt)
	}
	return s, nil
}

func writeState(ctx context.Context, t *tx, s state) error {
	_, err := t.exec(ctx, `UPDATE catalog_state SET version = ?, purged = ?, live = ?, digest = ?, checksum = ? WHERE id = 1`,
		s.version, s.purged, s.live, int64(s.digest), int64(s.checksum()))
	if err != nil {
		return fmt.Errorf("write catalog state: %w", err)
	}
	return nil
}
