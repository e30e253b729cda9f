package catalog

import (
	"context"
	"fmt"
)

// orphanCandidates finds damaged rows, and candidates that are somebody's after all:
// although a file names them.
func (in *inspection) orphanCandidates(ctx context.Context, t *tx) error {
	return eachOrphanCandidate(ctx, t, func(s OrphanCandidate, named bool, err error) error {
		if err != nil {
			in.find("", err.Error())
		}
		if named {
			in.find("", fmt.Sprintf("object %.200q is an orphan candidate, but a file names it", s.Name))
		}
		return nil
	}, ``)
}

// quarantine finds damaged rows, and those of files that are not live: they go
// with their files.
func (in *inspection) quarantine(ctx context.Context, t *tx) error {
	return eachQuarantined(ctx, t, func(q Quarantined, live bool, err error) error {
		if err != nil {
			in.find(q.ID, err.Error())
		}
		if !live {
			in.find(q.ID, "is in quarantine, but not live")
		}
		return nil
	})
}
