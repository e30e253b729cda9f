package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"herringbone/storage/series"
)

// Tombstones returns a tenant's live tombstones by Seq, with their receipts as of
// the snapshot. The slice and what is in it are shared: do not modify them.
func (s *Snapshot) Tombstones(tenant series.Tenant) []*Tombstone { return s.tombstones[tenant] }

// TombstonesVersion is the version of the last commit that added or lifted a
// tombstone, of any tenant; 0 if there never was one.
func (s *Snapshot) TombstonesVersion() int64 { return s.tombstonesState.version }

func compareTombstones(a, b *Tombstone) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
}

// layTombstones puts those that ch changed into s, which nobody else has yet.
func (s *Snapshot) layTombstones(ch change) {
	if len(ch.tombstones) == 0 {
		return
	}
	edited := map[series.Tenant]bool{}
	if s.tombstones = maps.Clone(s.tombstones); s.tombstones == nil {
		s.tombstones = map[series.Tenant][]*Tombstone{}
	}
	for _, now := range ch.tombstones {
		if !edited[now.Tenant] {
			edited[now.Tenant] = true
			s.tombstones[now.Tenant] = slices.Clone(s.tombstones[now.Tenant])
		}
		s.layTombstone(now, ch.version)
	}
}

// layTombstone changes the list of its tenant in place.
func (s *Snapshot) layTombstone(now *Tombstone, version int64) {
	list := s.tombstones[now.Tenant]
	at, live := slices.BinarySearchFunc(list, now, compareTombstones)
	var old *Tombstone
	if live {
		old = list[at]
		list = slices.Delete(list, at, at+1)
	}
	if now.Done == 0 {
		list = slices.Insert(list, at, now)
	}
	s.tombstonesState.replace(old, now, version)
	if s.tombstones[now.Tenant] = list; len(list) == 0 {
		delete(s.tombstones, now.Tenant)
	}
}

// readTombstones replaces the tombstones of s, which nobody else has yet, if
// they are not those of the database. They are few, so they are read whole. If
// they are not what their state says, the error wraps series.ErrCorrupt: one that
// is missing would be rows that come back.
func (s *Snapshot) readTombstones(ctx context.Context, t *tx, anew bool) error {
	st, err := readTombstonesState(ctx, t)
	if err != nil || st == s.tombstonesState && !anew {
		return err
	}
	list := map[series.Tenant][]*Tombstone{}
	read := tombstonesState{version: st.version}
	collect := func(found *Tombstone, err error) error {
		list[found.Tenant] = append(list[found.Tenant], found)
		read.live++
		read.digest += found.checksum()
		return err
	}
	if err := eachTombstone(ctx, t, collect, `WHERE done = 0 ORDER BY seq, id`); err != nil {
		return err
	}
	if read != st {
		return fmt.Errorf("%d live tombstones with digest %08x, there should be %d with %08x: %w",
			read.live, read.digest, st.live, st.digest, series.ErrCorrupt)
	}
	s.tombstones, s.tombstonesState = list, st
	return nil
}
