package plan

import (
	"cmp"
	"fmt"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// downsample plans aggregates of a partition key's samples, and afterwards, if a
// rule says so, that the samples go. It works on the largest units that the
// samples were merged to; a file that was left alone counts as its unit's.
//
// In a unit with aggregates whose samples were dropped nothing is made of samples any more: those that
// are left belong to no rule, or came too late.
func (p *planner) downsample(sh *partitionFiles) {
	if sh.kind != catalog.Samples || !slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Tenant == sh.tenant }) {
		return
	}
	for _, u := range topUnits(sh.files) {
		rules := p.due(sh, u.Unit)
		if len(rules) == 0 || !p.calm(u) || len(p.samplesDropped(sh, u.Unit)) > 0 {
			continue
		}
		j := p.aggregate(sh, u, rules)
		if len(j.Rules) > 0 {
			if slices.ContainsFunc(j.Inputs, func(f Input) bool { return p.taken[f.ID] }) {
				continue
			}
			p.add(j)
			continue
		}
		p.dropSamples(sh, u)
	}
}

// topUnits sorts files into units none of which lies in another, the oldest
// first. All files are in lower.
func topUnits(files []*catalog.File) []*unitFiles {
	sorted := slices.Clone(files)
	slices.SortStableFunc(sorted, func(a, b *catalog.File) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), -cmp.Compare(a.Days, b.Days))
	})
	var units []*unitFiles
	for _, f := range sorted {
		if n := len(units); n > 0 && units[n-1].Contains(UnitOfFile(f)) {
			units[n-1].lower = append(units[n-1].lower, f)
			continue
		}
		units = append(units, &unitFiles{Unit: UnitOfFile(f), level: UnitOfFile(f).level(), lower: []*catalog.File{f}})
	}
	return units
}

// due returns the rules that want aggregates of a unit by now.
func (p *planner) due(sh *partitionFiles, u Unit) (rules []*Rule) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if p.concerns(r, sh) && r.due(u, p.Now) {
			rules = append(rules, r)
		}
	}
	return rules
}

func (p *planner) concerns(r *Rule, sh *partitionFiles) bool {
	return r.Tenant == sh.tenant && series.KeyMayMatch(sh.partition, r.Matchers)
}

// calm reports whether the unit's samples can all be read and nothing else is
// going to happen to them.
func (p *planner) calm(u *unitFiles) bool {
	for _, f := range u.lower {
		if !p.free(f) || p.waiting[f.ID] {
			return false
		}
	}
	return p.closed(u.Unit) && p.settled(u.lower)
}

// aggregate is the job that makes what is missing of a unit's aggregates; it has
// no rules if nothing is missing.
func (p *planner) aggregate(sh *partitionFiles, u *unitFiles, rules []*Rule) Job {
	j := Job{
		Kind: Downsample, Tenant: sh.tenant, Rows: sh.kind, Partition: sh.partition, Level: u.level, Unit: u.Unit,
		Inputs: inputs(union(u.lower, nil), false),
	}
	done := map[catalog.Kind]bool{}
	for _, r := range rules {
		if done[r.Kind()] {
			continue
		}
		done[r.Kind()] = true
		same := alike(rules, r.Kind())
		if old := p.aggregates(sh, r.Kind(), u.Unit); !p.fresh(old, u, same) {
			part := j
			part.Rows, part.Rules, part.Why = r.Kind(), same, fmt.Sprintf("%s due", r.Kind())
			part.Inputs = append(slices.Clone(j.Inputs), inputs(old, true)...)
			if !p.NoOps[part.ID()] {
				return part
			}
		}
	}
	return j
}

func alike(rules []*Rule, kind catalog.Kind) (same []*Rule) {
	for _, r := range rules {
		if r.Kind() == kind {
			same = append(same, r)
		}
	}
	return same
}

// aggregates returns those of a kind and partition key inside of a unit's days
// that can be made again, damaged ones too: they are replaced, not read.
func (p *planner) aggregates(sh *partitionFiles, kind catalog.Kind, u Unit) []*catalog.File {
	return p.within(sh, kind, u, false)
}

func (p *planner) within(sh *partitionFiles, kind catalog.Kind, u Unit, samplesDropped bool) (found []*catalog.File) {
	of := p.byKey[partitionKey{sh.tenant, kind, sh.partition}]
	if of == nil {
		return nil
	}
	for _, f := range of.files {
		if f.SamplesDropped == samplesDropped && u.Contains(UnitOfFile(f)) {
			found = append(found, f)
		}
	}
	return found
}

// fresh reports whether aggregates are of the whole unit, at least as new as its
// files, made when all rules were due, sound, and without what was deleted.
func (p *planner) fresh(aggregates []*catalog.File, u *unitFiles, rules []*Rule) bool {
	due := lastDue(u.Unit, rules)
	for _, a := range aggregates {
		if UnitOfFile(a) != u.Unit || a.Created < due || p.damaged(a) || p.deleted(a) {
			return false
		}
		for _, f := range u.lower {
			if f.Seq > a.Seq {
				return false
			}
		}
	}
	return len(aggregates) > 0
}

// lastDue is when the last of several rules of one resolution came due: what was
// made before lacks its series. Of rules that are due together nothing is made
// before.
func lastDue(u Unit, rules []*Rule) int64 {
	if len(rules) == 0 {
		return 0
	}
	first, last := rules[0].After, rules[0].After
	for _, r := range rules {
		first, last = min(first, r.After), max(last, r.After)
	}
	if first == last {
		return 0
	}
	return u.End() + last
}

// carried returns the rules that a merge of samples into a unit applies on the
// way, and the aggregates that it replaces: those that are due, and those of
// which there are aggregates, which would seem older than the merged samples.
func (p *planner) carried(sh *partitionFiles, u Unit) (old []*catalog.File, rules []*Rule) {
	if sh.kind != catalog.Samples || len(p.samplesDropped(sh, u)) > 0 {
		return nil, nil
	}
	replaced := map[catalog.Kind]bool{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if !p.concerns(r, sh) {
			continue
		}
		files := p.aggregates(sh, r.Kind(), u)
		if !r.due(u, p.Now) && len(files) == 0 || slices.ContainsFunc(files, func(f *catalog.File) bool { return p.taken[f.ID] }) {
			continue
		}
		rules = append(rules, r)
		if !replaced[r.Kind()] {
			replaced[r.Kind()] = true
			old = append(old, files...)
		}
	}
	return old, rules
}

// whole reports whether files are all of the partition that have days of a unit. Of
// less no aggregates are made: they would seem to tell of all.
func (p *planner) whole(sh *partitionFiles, u Unit, files []*catalog.File) bool {
	var n int
	for _, f := range sh.files {
		if Overlap(UnitOfFile(f), u) {
			n++
		}
	}
	return n == len(files)
}

// dropSamples plans that samples go of which there are aggregates.
func (p *planner) dropSamples(sh *partitionFiles, u *unitFiles) {
	rules := p.dropping(sh, u.Unit)
	if len(rules) == 0 || p.foreign(sh, u.Unit) {
		return
	}
	kind := rules[0].Kind()
	old := p.aggregates(sh, kind, u.Unit)
	if !p.fresh(old, u, rules) || slices.ContainsFunc(old, func(f *catalog.File) bool { return p.taken[f.ID] }) {
		return // Not there: none of the samples is for the rules.
	}
	if _, newest := created(old); !p.aged(newest, p.Levels.Settle) {
		return
	}
	p.add(Job{
		Kind: DropSamples, Tenant: sh.tenant, Rows: sh.kind, Partition: sh.partition, Level: u.level, Unit: u.Unit,
		Inputs: append(inputs(union(u.lower, nil), true), inputs(old, true)...), Rules: rules,
		Why: fmt.Sprintf("%s are kept instead", kind),
	})
}

// dropping returns the rules of the finest resolution for which samples may go:
// all of its rules say so, and are due.
func (p *planner) dropping(sh *partitionFiles, u Unit) (finest []*Rule) {
	var all []*Rule
	for i := range p.Rules {
		if r := &p.Rules[i]; p.concerns(r, sh) {
			all = append(all, r)
		}
	}
	for _, r := range all {
		same := alike(all, r.Kind())
		keep := slices.ContainsFunc(same, func(o *Rule) bool { return o.KeepSamples || !o.due(u, p.Now) })
		if !keep && (finest == nil || r.Resolution < finest[0].Resolution) {
			finest = same
		}
	}
	return finest
}

// foreign reports whether another template of partition keys has samples in a
// unit's days: then a series may be in both, and the aggregates of either are
// not all of it.
func (p *planner) foreign(sh *partitionFiles, u Unit) bool {
	for _, other := range p.siblings[siblingKey{sh.tenant, sh.kind}] {
		if other.template == sh.template {
			continue
		}
		for _, f := range other.files {
			if Overlap(UnitOfFile(f), u) {
				return true
			}
		}
	}
	return false
}

// Overlap reports whether two units have a day in common.
func Overlap(a, b Unit) bool { return a.Day < b.Day+int64(b.Days) && b.Day < a.Day+int64(a.Days) }

// drops reports whether a rule of the tenant lets samples go.
func (p *planner) drops(t series.Tenant) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Tenant == t && !r.KeepSamples })
}
