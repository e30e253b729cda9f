package plan

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// State is what a plan depends on, all of one time.
type State struct {
	Files iter.Seq[*catalog.File] // Live ones, in any order.
	// Mask returns the tombstones that may hide rows of a file; nil: none ever.
	Mask func(*catalog.File) catalog.Mask
	// Quarantined are IDs of damaged files. No job reads them, but what may share
	// rows with them keeps its order.
	Quarantined map[string]bool
	// NoOps are Job.IDs of jobs that were run and left nothing to commit, because
	// no row of their inputs was for them. They are not planned again.
	NoOps  map[string]bool
	Now    int64 // Milliseconds.
	Levels Levels
	Rules  []Rule // Of all tenants.
	// Keep is the longest time that any of a tenant's samples live, 0 for ever; nil:
	// all live for ever.
	Keep func(series.Tenant) time.Duration
	// CleanAll carries out all deletes at once, whatever their age.
	CleanAll bool
}

// Plan returns what should be done, the most urgent first: what has many files
// of level 0, because they cost queries most, then what is oldest. Jobs of one
// plan share no file, so they may run side by side; each keeps the order of
// writing whatever becomes of the others. After a commit the plan is made anew.
//
// It is a fixed point, where Plan returns nothing and will not with time, when
// in every closed unit that is used
//   - either there is one file, wherever it was when it was alone;
//   - or no files that would become at most half as many, of MaxFileBytes each,
//     are left below the unit's level; and none at all if the unit has files of
//     that level that they touch;
//   - and its own files are less than four times as many as they need be.
//
// What may leave more: files that would have to be merged at once and are more
// than MaxInputs or than MemoryBytes allows; damaged files; files whose merge would put rows in a wrong order of
// writing (a template of partition keys that was changed to and fro); days of
// which some have only aggregates left.
func Make(in State) []Job {
	p := newPlanner(in)
	for _, sh := range p.partitions {
		p.mergeUnits(sh)
		p.mergeWindows(sh)
	}
	for _, sh := range p.partitions {
		p.clean(sh)
	}
	for _, sh := range p.partitions {
		p.downsample(sh)
		p.coarsen(sh)
	}
	slices.SortFunc(p.jobs, compareJobs)
	return p.jobs
}

func compareJobs(a, b Job) int {
	return cmp.Or(
		-cmp.Compare(a.flushed(), b.flushed()),
		cmp.Compare(a.Unit.Day, b.Unit.Day),
		cmp.Compare(a.Unit.Days, b.Unit.Days),
		cmp.Compare(a.Tenant, b.Tenant),
		cmp.Compare(a.Rows, b.Rows),
		cmp.Compare(a.Partition, b.Partition),
		cmp.Compare(a.Kind, b.Kind),
		compareInputs(a.Inputs, b.Inputs),
	)
}

func compareInputs(a, b []Input) int {
	return slices.CompareFunc(a, b, func(x, y Input) int { return cmp.Compare(x.ID, y.ID) })
}

// flushed is the number of inputs of level 0.
func (j *Job) flushed() (n int) {
	for _, f := range j.Inputs {
		if f.Level == LevelFlushed {
			n++
		}
	}
	return n
}

// planner is a plan that is being made.
type planner struct {
	State
	partitions []*partitionFiles // In a fixed order.
	byKey      map[partitionKey]*partitionFiles
	siblings   map[siblingKey][]*partitionFiles
	taken      map[string]bool // IDs of files that a job of the plan has.
	waiting    map[string]bool // IDs of files that a merge will have, but not yet.
	jobs       []Job
}

// partitionFiles is the files of one kind in one partition key.
type partitionFiles struct {
	partitionKey
	template string          // What all keys made by one template have in common.
	files    []*catalog.File // In the order of writing.
}

type partitionKey struct {
	tenant    series.Tenant
	kind      catalog.Kind
	partition string
}

type siblingKey struct {
	tenant series.Tenant
	kind   catalog.Kind
}

func newPlanner(in State) *planner {
	p := &planner{
		State: in, byKey: map[partitionKey]*partitionFiles{}, siblings: map[siblingKey][]*partitionFiles{},
		taken: map[string]bool{}, waiting: map[string]bool{},
	}
	if in.Files == nil {
		return p
	}
	for f := range in.Files {
		key := partitionKey{f.Tenant, f.Kind, f.Partition}
		sh := p.byKey[key]
		if sh == nil {
			sh = &partitionFiles{partitionKey: key, template: templateOf(f.Partition)}
			p.byKey[key] = sh
			p.partitions = append(p.partitions, sh)
		}
		sh.files = append(sh.files, f)
	}
	slices.SortFunc(p.partitions, func(a, b *partitionFiles) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.kind, b.kind), cmp.Compare(a.partition, b.partition))
	})
	for _, sh := range p.partitions {
		slices.SortFunc(sh.files, compareWritten)
		key := siblingKey{sh.tenant, sh.kind}
		p.siblings[key] = append(p.siblings[key], sh)
	}
	return p
}

// compareWritten is the order of writing.
func compareWritten(a, b *catalog.File) int {
	return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
}

// free reports whether f may be an input of another job.
func (p *planner) free(f *catalog.File) bool { return !p.taken[f.ID] && !p.damaged(f) }

func (p *planner) damaged(f *catalog.File) bool { return p.Quarantined[f.ID] }

func (p *planner) add(j Job) {
	for _, f := range j.Inputs {
		p.taken[f.ID] = true
	}
	p.jobs = append(p.jobs, j)
}

func (p *planner) keep(t series.Tenant) time.Duration {
	if p.Keep == nil {
		return 0
	}
	return p.Keep(t)
}

// aged reports whether something of a time is at least this old.
func (p *planner) aged(created int64, age time.Duration) bool {
	return created <= p.Now-age.Milliseconds()
}

// closed reports whether a unit is over, late samples included.
func (p *planner) closed(u Unit) bool { return p.aged(u.End(), p.Levels.Lateness) }

func inputs(files []*catalog.File, remove bool) []Input {
	list := make([]Input, len(files))
	for i, f := range files {
		list[i] = Input{File: f, Remove: remove}
	}
	return list
}
