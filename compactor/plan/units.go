package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"herringbone/storage/catalog"
)

// mergeUnits plans the merges into days and larger units. The largest unit goes
// first: what it takes need not be written for the smaller ones before. With more
// files than one job may have it cannot, and work goes up from the smaller ones.
func (p *planner) mergeUnits(sh *partitionFiles) {
	files := slices.DeleteFunc(slices.Clone(sh.files), func(f *catalog.File) bool {
		return p.taken[f.ID] || sh.kind.Resolution() > 0 && !f.SamplesDropped
	})
	used := p.used(sh)
	for level := LevelYear; level >= LevelDay && len(files) > 1; level-- {
		for _, u := range unitsOf(level, files) {
			if !slices.Contains(used, level) && len(u.own) == 0 || !p.closed(u.Unit) {
				continue
			}
			u.lower = slices.DeleteFunc(u.lower, p.damaged)
			if p.mergeUnit(sh, u) {
				files = slices.DeleteFunc(files, func(f *catalog.File) bool { return u.Contains(UnitOfFile(f)) })
			}
		}
	}
}

// used returns the levels that a partition's files are merged to.
func (p *planner) used(sh *partitionFiles) []int {
	if sh.kind == catalog.Exemplars {
		return []int{LevelDay}
	}
	levels := p.Levels.used(p.keep(sh.tenant))
	if sh.kind == catalog.Samples && p.drops(sh.tenant) {
		// Samples that will be dropped are dropped by units, which should not be old
		// before they are complete.
		levels = slices.DeleteFunc(levels, func(level int) bool { return level > LevelMonth })
	}
	return levels
}

// unitFiles is the files of a unit: those of its own level and those below, in
// the order of writing.
type unitFiles struct {
	Unit
	level      int
	own, lower []*catalog.File
}

// unitsOf sorts files into the units of a level, the oldest unit first.
func unitsOf(level int, files []*catalog.File) []*unitFiles {
	units := map[Unit]*unitFiles{}
	for _, f := range files {
		u := unitOf(level, f.Day)
		if f.Level > level || !u.Contains(UnitOfFile(f)) {
			continue
		}
		if units[u] == nil {
			units[u] = &unitFiles{Unit: u, level: level}
		}
		if f.Level == level {
			units[u].own = append(units[u].own, f)
		} else {
			units[u].lower = append(units[u].lower, f)
		}
	}
	return slices.SortedFunc(maps.Values(units), func(a, b *unitFiles) int { return cmp.Compare(a.Day, b.Day) })
}

// mergeUnit plans the merge of a closed unit. It returns true if that is in the
// plan or will be, so that smaller units have nothing to do with the files.
func (p *planner) mergeUnit(sh *partitionFiles, u *unitFiles) bool {
	if len(u.lower) == 0 {
		return p.mergeOwn(sh, u)
	}
	_, rules := p.carried(sh, u.Unit) // Aggregates are made of all that is in a unit.
	touch := func(lower []*catalog.File) []*catalog.File {
		if all := union(lower, u.own); p.Levels.fits(all) && (len(rules) > 0 || p.halves(all)) {
			return u.own
		}
		return overlapping(u.own, hull(lower))
	}
	worth := func(lower, own []*catalog.File) bool {
		return p.Levels.fits(slices.Concat(lower, own)) && (len(own) > 0 || p.halves(lower)) &&
			!slices.ContainsFunc(own, p.damaged) && p.covered(sh, u.Unit, lower, own)
	}
	lower, own := p.arrange(sh, u.lower, touch, worth)
	switch {
	case len(lower) == 0:
		return false
	case len(u.own) == 0 && !p.settled(lower):
		return false // Until then the smaller units go on.
	case len(own) > 0 && (!p.settled(lower) || !p.late(lower, own)):
		p.wait(u.lower)
		return true
	}
	why := fmt.Sprintf("closed %s", levelName(u.level))
	if len(own) > 0 {
		why = fmt.Sprintf("late for its %s", levelName(u.level))
	}
	p.addMerge(sh, u.level, u.Unit, union(lower, own), why)
	return true
}

// mergeOwn makes fewer files of a unit that has far too many: deletes and late
// data have left small ones.
func (p *planner) mergeOwn(sh *partitionFiles, u *unitFiles) bool {
	n := int64(len(u.own))
	if n < 2 || !p.Levels.fits(u.own) || n < 4*p.outputs(u.own) ||
		slices.ContainsFunc(u.own, p.damaged) || len(p.between(sh, u.own)) > 0 {
		return false
	}
	p.addMerge(sh, u.level, u.Unit, u.own, "small files")
	return true
}

func (p *planner) addMerge(sh *partitionFiles, level int, u Unit, files []*catalog.File, why string) {
	j := Job{
		Kind: Merge, Tenant: sh.tenant, Rows: sh.kind, Partition: sh.partition,
		Level: level, Unit: u, Inputs: inputs(files, true), Why: why,
	}
	if p.whole(sh, u, files) {
		old, rules := p.carried(sh, u)
		j.Rules = rules
		j.Inputs = append(j.Inputs, inputs(old, true)...)
	}
	p.add(j)
}

func (p *planner) wait(files []*catalog.File) {
	for _, f := range files {
		p.waiting[f.ID] = true
	}
}

// overlapping returns the files that may share series with a range of names.
// Merged with what has only such names, they give files that are disjoint from
// the others, because all of these are cut from one order of series.
func overlapping(files []*catalog.File, n names) []*catalog.File {
	var found []*catalog.File
	for _, f := range files {
		if namesOf(f).overlap(n) {
			found = append(found, f)
		}
	}
	return found
}

// halves reports whether merging leaves at most half as many files. If it did
// not, the bytes would be written again for little.
func (p *planner) halves(files []*catalog.File) bool {
	return len(files) > 1 && 2*p.outputs(files) <= int64(len(files))
}

// outputs is how many files the bytes need.
func (p *planner) outputs(files []*catalog.File) int64 {
	return max(1, (size(files)+p.Levels.MaxFileBytes-1)/p.Levels.MaxFileBytes)
}

func size(files []*catalog.File) (bytes int64) {
	for _, f := range files {
		bytes += f.Size
	}
	return bytes
}

// settled reports whether no more files seem to come soon.
func (p *planner) settled(files []*catalog.File) bool {
	fresh := slices.DeleteFunc(slices.Clone(files), func(f *catalog.File) bool { return f.Level >= LevelDay })
	if len(fresh) == 0 {
		return true
	}
	oldest, newest := created(fresh)
	return p.aged(newest, p.Levels.Settle) || p.aged(oldest, p.Levels.MaxWait)
}

// late reports whether files that came after their unit was merged are worth
// that what they touch is written again.
func (p *planner) late(lower, own []*catalog.File) bool {
	oldest, _ := created(lower)
	return float64(size(lower)) >= p.Levels.LateShare*float64(size(own)) || p.aged(oldest, p.Levels.LateAge)
}

func created(files []*catalog.File) (oldest, newest int64) {
	oldest, newest = files[0].Created, files[0].Created
	for _, f := range files[1:] {
		oldest, newest = min(oldest, f.Created), max(newest, f.Created)
	}
	return oldest, newest
}
