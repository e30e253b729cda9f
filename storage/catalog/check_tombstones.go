package catalog

import (
	"context"
	"errors"
	"fmt"

	"herringbone/storage/series"
)

// tombstones looks at all of them, live and lifted.
func (in *inspection) tombstones(ctx context.Context, t *tx) error {
	st, err := readTombstonesState(ctx, t)
	if err != nil {
		return err
	}
	in.laid = st
	counted := tombstonesState{version: st.version}
	err = eachTombstone(ctx, t, func(found *Tombstone, err error) error {
		if err != nil && !errors.Is(classifyScan(err), series.ErrCorrupt) {
			return err
		}
		if err == nil {
			err = found.asAdded().Validate()
		}
		if err != nil {
			in.find("", err.Error())
		}
		in.counted.version = max(in.counted.version, found.Seq)
		if found.Done == 0 {
			counted.live++
			counted.digest += found.checksum()
		}
		return nil
	}, ``)
	if err == nil && counted != st {
		in.find("", fmt.Sprintf("%d live tombstones with digest %08x, there should be %d with %08x", counted.live, counted.digest, st.live, st.digest))
	}
	in.counted.version = max(in.counted.version, st.version)
	return err
}

// asAdded is t as the edit had it that added it.
func (t *Tombstone) asAdded() *Tombstone {
	added := *t
	added.Purged, added.Rewritten, added.Done = 0, 0, 0
	return &added
}
