package plan

import (
	"herringbone/storage/catalog"
)

// clean plans that files are written again without what a delete hides, where
// the delete is old enough and no merge does it on the way. What retention hides
// goes with merges and whole files.
//
// Aggregates are cleaned only where they are all that is left. Others are removed,
// because without some buckets they would seem to be whole.
func (p *planner) clean(sh *partitionFiles) {
	for _, f := range sh.files {
		if !p.free(f) || !p.deleted(f) {
			continue
		}
		j := Job{
			Kind: Clean, Tenant: sh.tenant, Rows: sh.kind, Partition: sh.partition, Level: f.Level, Unit: UnitOfFile(f),
			Inputs: inputs([]*catalog.File{f}, true), Why: "delete",
		}
		switch {
		case f.Level == LevelWindow:
			j.Window = p.Levels.Window.Milliseconds()
		case sh.kind.Resolution() == 0 || f.SamplesDropped:
		default:
			j.Kind, j.Rows = Merge, catalog.Samples // Of no samples: they go, and are made again by a later plan.
		}
		p.add(j)
	}
}

// deleted reports whether f has rows that a delete hides, and it is time to
// carry that out.
func (p *planner) deleted(f *catalog.File) bool {
	if p.Mask == nil {
		return false
	}
	for _, t := range p.Mask(f) {
		if t.Cause == catalog.Deleted && (p.CleanAll || p.aged(t.Created, p.Levels.CleanAge)) {
			return true
		}
	}
	return false
}
