package plan

import (
	"slices"
	"strings"

	"herringbone/storage/catalog"
)

// arrange chooses inputs among lower that can be merged, with the files of the
// output's level that they touch, without putting rows in a wrong order of
// writing. Mostly that is all of lower. It returns nil if nothing is worth it.
//
// A merged file has the Seq of its newest input, so all older rows in it seem to
// be written then. That is wrong for a file which is not an input, may share
// series and times with an older input, and is not newer than the newest: then
// only the inputs on one side of it are chosen.
func (p *planner) arrange(sh *partitionFiles, lower []*catalog.File, touch func([]*catalog.File) []*catalog.File,
	worth func(lower, own []*catalog.File) bool,
) (chosen, own []*catalog.File) {
	blockers := p.between(sh, union(lower, touch(lower)))
	for len(lower) > 0 {
		side := lower
		if len(blockers) > 0 {
			side = lower[:written(lower, blockers[0])]
			blockers = blockers[1:]
		}
		lower = lower[len(side):]
		if len(side) == 0 {
			continue
		}
		own = touch(side)
		if worth(side, own) && len(p.between(sh, union(side, own))) == 0 {
			return side, own
		}
	}
	return nil, nil
}

// written is how many of the files, which are in the order of writing, were
// written before x.
func written(files []*catalog.File, x *catalog.File) int {
	n, _ := slices.BinarySearchFunc(files, x, compareWritten)
	return n
}

func union(a, b []*catalog.File) []*catalog.File {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compareWritten)
	return all
}

// between returns, in the order of writing, the files that would be in a wrong
// order if the chosen ones, which are in that order, were merged.
func (p *planner) between(sh *partitionFiles, chosen []*catalog.File) []*catalog.File {
	if len(chosen) < 2 || sh.kind.Resolution() > 0 { // Aggregates of different units have no order.
		return nil
	}
	newest := chosen[len(chosen)-1].Seq
	if chosen[0].Seq == newest {
		return nil
	}
	minT, maxT := times(chosen)
	ids := make(map[string]bool, len(chosen))
	for _, f := range chosen {
		ids[f.ID] = true
	}
	var found []*catalog.File
	for _, other := range p.siblings[siblingKey{sh.tenant, sh.kind}] {
		if other != sh && other.template == sh.template {
			continue // Other series.
		}
		for _, x := range other.files[written(other.files, chosen[0]):] {
			if x.Seq > newest {
				break
			}
			if x.MaxT >= minT && x.MinT <= maxT && !ids[x.ID] && disordered(chosen, x) {
				found = append(found, x)
			}
		}
	}
	slices.SortFunc(found, compareWritten)
	return found
}

// disordered reports whether x may share rows with a chosen file that was
// written before.
func disordered(chosen []*catalog.File, x *catalog.File) bool {
	for _, f := range chosen[:written(chosen, x)] {
		if mayShare(f, x) {
			return true
		}
	}
	return false
}

// mayShare reports whether two files of one kind, of partition keys that may
// share series, may have a series and time in common, as far as the catalog
// tells.
func mayShare(a, b *catalog.File) bool {
	if a.Partition == b.Partition && a.Level == b.Level && a.Level > LevelFlushed {
		return false // Files of one level are disjoint, in times or in series.
	}
	return a.MinT <= b.MaxT && b.MinT <= a.MaxT && namesOf(a).overlap(namesOf(b))
}

// names is a range of metric names. Its zero value is of unknown names and
// overlaps everything.
type names struct{ first, last string }

func namesOf(f *catalog.File) names { return names{f.MinName, f.MaxName} }

func (n names) overlap(o names) bool {
	return n.last == "" || o.last == "" || n.first <= o.last && o.first <= n.last
}

// hull is the range of all the files' names; of no file it is unknown.
func hull(files []*catalog.File) names {
	var all names
	for i, f := range files {
		switch {
		case f.MaxName == "":
			return names{}
		case i == 0:
			all = namesOf(f)
		default:
			all = names{min(all.first, f.MinName), max(all.last, f.MaxName)}
		}
	}
	return all
}

func times(files []*catalog.File) (minT, maxT int64) {
	minT, maxT = files[0].MinT, files[0].MaxT
	for _, f := range files[1:] {
		minT, maxT = min(minT, f.MinT), max(maxT, f.MaxT)
	}
	return minT, maxT
}

// templateOf is what is left of a partition key without its values. Two keys of
// one template with different values have no series in common.
func templateOf(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, ",") {
		left, _, _ := strings.Cut(part, "=")
		b.WriteString(left)
		b.WriteByte(',')
	}
	return b.String()
}
