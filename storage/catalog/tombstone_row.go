package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// tombstoneColumns are the columns in the order of Tombstone.values and
// scanTombstone.
const tombstoneColumns = `id, tenant, cause, rule, matchers, exceptions, min_t, max_t, seq, created, hidden, purged, rewritten, done, checksum`

const tombstoneColumnCount = 15

func (t *Tombstone) values() ([]any, error) {
	matchers, exceptions, err := t.matchersText()
	if err != nil {
		return nil, err
	}
	return []any{
		t.ID, string(t.Tenant), string(t.Cause), t.Rule, matchers, exceptions, t.MinT, t.MaxT, t.Seq, t.Created,
		t.Hidden, t.Purged, t.Rewritten, t.Done, int64(t.checksum()),
	}, nil
}

// checksum is what the row carries, and what a live one adds to the digest of
// all. It is over the matchers, not over the JSON that they are stored as.
func (t *Tombstone) checksum() uint32 {
	c := newChecksum()
	c.text(t.ID, string(t.Tenant), string(t.Cause), t.Rule)
	c.matchers(t.Matchers)
	c.numbers(int64(len(t.Except)))
	for _, list := range t.Except {
		c.matchers(list)
	}
	c.numbers(t.MinT, t.MaxT, t.Seq, t.Created, t.Hidden, t.Purged, t.Rewritten, t.Done)
	return c.sum()
}

func (c *checksum) matchers(list []*labels.Matcher) {
	c.numbers(int64(len(list)))
	for _, m := range list {
		c.text(m.Name, m.Type.String(), m.Value)
	}
}

// owned returns a copy of t that shares no slice with it.
func (t *Tombstone) owned() *Tombstone {
	o := *t
	o.Tenant = series.Tenant(shared(string(t.Tenant)))
	o.Matchers = slices.Clone(t.Matchers)
	o.Except = nil
	for _, list := range t.Except {
		o.Except = append(o.Except, slices.Clone(list))
	}
	return &o
}

// scanTombstone reads the columns tombstoneColumns and checks them. A row that
// cannot be right is an error wrapping series.ErrCorrupt; what could be read of it
// is returned all the same.
func scanTombstone(from scanner) (*Tombstone, error) {
	var t Tombstone
	var tenant, cause, matchers, exceptions string
	var sum int64
	err := from.Scan(&t.ID, &tenant, &cause, &t.Rule, &matchers, &exceptions, &t.MinT, &t.MaxT, &t.Seq, &t.Created,
		&t.Hidden, &t.Purged, &t.Rewritten, &t.Done, &sum)
	if err != nil {
		return &t, err
	}
	t.Tenant, t.Cause = series.Tenant(shared(tenant)), Cause(shared(cause))
	if err := t.parseMatchers(matchers, exceptions); err != nil {
		return &t, fmt.Errorf("row of tombstone %.40q: %w: %w", t.ID, err, series.ErrCorrupt)
	}
	if int64(t.checksum()) != sum {
		return &t, fmt.Errorf("row of tombstone %.40q: its checksum is wrong: %w", t.ID, series.ErrCorrupt)
	}
	return &t, nil
}

// findTombstone returns the tombstone of an id, live or done. If there is none,
// the error wraps sql.ErrNoRows.
func findTombstone(ctx context.Context, t *tx, id string) (*Tombstone, error) {
	found, err := scanTombstone(t.queryRow(ctx, `SELECT `+tombstoneColumns+` FROM tombstones WHERE id = ?`, id))
	if err == nil && found.ID != id { // A damaged index leads to another row.
		err = fmt.Errorf("the row of tombstone %.40q was found: %w", found.ID, series.ErrCorrupt)
	}
	return found, err
}

// eachTombstone visits the tombstones that the condition selects, each with the
// error of scanTombstone, until the visitor returns one. The tombstone stays with
// the visitor.
func eachTombstone(ctx context.Context, t *tx, visit func(*Tombstone, error) error, where string, args ...any) error {
	rows, err := t.query(ctx, `SELECT `+tombstoneColumns+` FROM tombstones `+where, args...)
	if err != nil {
		return fmt.Errorf("read tombstones: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		found, err := scanTombstone(rows)
		if err := visit(found, err); err != nil {
			return fmt.Errorf("read tombstones: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read tombstones: %w", err)
	}
	return nil
}
