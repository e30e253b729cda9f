package plan

import (
	"fmt"
	"slices"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// samplesDropped returns the aggregates of a partition key that are all that is kept of
// some samples, and have days in common with a unit.
func (p *planner) samplesDropped(sh *partitionFiles, u Unit) (found []*catalog.File) {
	for key, partitions := range p.siblings {
		if key.tenant != sh.tenant || key.kind.Resolution() == 0 {
			continue
		}
		for _, of := range partitions {
			if of.partition != sh.partition {
				continue
			}
			for _, f := range of.files {
				if f.SamplesDropped && Overlap(UnitOfFile(f), u) {
					found = append(found, f)
				}
			}
		}
	}
	return found
}

// covered reports whether files may be merged into a unit as far as such
// aggregates are concerned. These are answered with for all days of their unit,
// so all its days with samples must be theirs, see also beside; samples are not
// merged with those of days whose samples were dropped, because then they could never become
// so.
func (p *planner) covered(sh *partitionFiles, u Unit, lower, own []*catalog.File) bool {
	if sh.kind.Resolution() == 0 {
		return !slices.ContainsFunc(p.samplesDropped(sh, u), func(f *catalog.File) bool { return !UnitOfFile(f).Contains(u) })
	}
	days := map[int64]bool{}
	for _, f := range slices.Concat(lower, own) {
		for d := range int64(f.Days) {
			days[f.Day+d] = true
		}
	}
	if !p.beside(sh, u, days) {
		return false
	}
	samples := p.byKey[partitionKey{sh.tenant, catalog.Samples, sh.partition}]
	if samples == nil {
		return true
	}
	for _, f := range samples.files {
		for d := max(series.Day(f.MinT), u.Day); d <= min(series.Day(f.MaxT), u.Day+int64(u.Days)-1); d++ {
			if !days[d] {
				return false
			}
		}
	}
	return true
}

// coarsen plans coarser aggregates where the samples for them were dropped.
func (p *planner) coarsen(sh *partitionFiles) {
	if sh.kind.Resolution() == 0 {
		return
	}
	dropped := slices.DeleteFunc(slices.Clone(sh.files), func(f *catalog.File) bool { return !f.SamplesDropped })
	for _, u := range topUnits(dropped) {
		for _, r := range p.due(sh, u.Unit) {
			if p.coarsest(sh, r, u.Unit) && p.calm(u) {
				p.addCoarsen(sh, u, r)
			}
		}
	}
}

// coarsest reports whether no coarser aggregates without samples of the unit would do for
// the rule as well.
func (p *planner) coarsest(sh *partitionFiles, r *Rule, u Unit) bool {
	finer := func(kind catalog.Kind) bool {
		return r.Resolution > kind.Resolution() && r.Resolution%kind.Resolution() == 0
	}
	if !finer(sh.kind) {
		return false
	}
	return !slices.ContainsFunc(p.samplesDropped(sh, u), func(f *catalog.File) bool {
		return finer(f.Kind) && f.Kind.Resolution() > sh.kind.Resolution() || f.Kind == r.Kind()
	})
}

func (p *planner) addCoarsen(sh *partitionFiles, u *unitFiles, r *Rule) {
	old := p.aggregates(sh, r.Kind(), u.Unit)
	if p.fresh(old, u, nil) {
		return
	}
	j := Job{
		Kind: Coarsen, Tenant: sh.tenant, Rows: r.Kind(), Partition: sh.partition, Level: u.level, Unit: u.Unit,
		Inputs: append(inputs(union(u.lower, nil), false), inputs(old, true)...), Rules: []*Rule{r},
		Why: fmt.Sprintf("%s due, samples dropped", r.Kind()),
	}
	if p.NoOps[j.ID()] || slices.ContainsFunc(j.Inputs, func(f Input) bool { return p.taken[f.ID] }) {
		return
	}
	p.add(j)
}

// beside reports whether a unit of aggregates without samples that has these days would not
// stand in the way of such aggregates of another resolution: queries take the
// coarsest, for all days of its unit, and then none that it overlaps. So the days
// of the finer must all be days of the coarser.
func (p *planner) beside(sh *partitionFiles, u Unit, days map[int64]bool) bool {
	others := map[catalog.Kind]map[int64]bool{}
	for _, f := range p.samplesDropped(sh, u) {
		if f.Kind == sh.kind {
			continue
		}
		if others[f.Kind] == nil {
			others[f.Kind] = map[int64]bool{}
		}
		for d := max(f.Day, u.Day); d < min(f.Day+int64(f.Days), u.Day+int64(u.Days)); d++ {
			others[f.Kind][d] = true
		}
	}
	for kind, theirs := range others {
		coarse, fine := days, theirs
		if kind.Resolution() > sh.kind.Resolution() {
			coarse, fine = theirs, days
		}
		for d := range fine {
			if !coarse[d] {
				return false
			}
		}
	}
	return true
}
