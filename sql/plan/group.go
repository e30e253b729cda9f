package plan

import (
	"cmp"
	"slices"

	"herringbone/storage/block"
	"herringbone/storage/series"
)

// Group is a set of sources in which some series has samples of one time range
// in more than one: that range, MinT … MaxT, must be deduplicated.
type Group struct {
	Sources    []int // Sorted: oldest written first.
	MinT, MaxT int64
}

// Overlap is what two sources share.
type Overlap struct {
	Any        bool
	MinT, MaxT int64
}

// maxGroups bounds the branches of a view; more groups are taken as one, which is
// as right and slower.
const maxGroups = 16

// Groups finds the groups among sources, which are in the order of writing.
// overlap says what sources i and j, whose times meet, share; nil means
// Shared. A source that shares nothing with any other is in no group.
func Groups(sources []*Source, overlap func(i, j int) Overlap) []Group {
	if overlap == nil {
		overlap = func(i, j int) Overlap { return Shared(sources[i], sources[j]) }
	}
	group := make([]int, len(sources)) // Of union-find.
	for i := range group {
		group[i] = i
	}
	root := func(i int) int {
		for group[i] != i {
			i = group[i]
		}
		return i
	}
	type edge struct {
		i int
		Overlap
	}
	var edges []edge
	eachPair(sources, func(i, j int) {
		o := overlap(i, j)
		if !o.Any {
			return
		}
		edges = append(edges, edge{i, o})
		group[max(root(i), root(j))] = min(root(i), root(j))
	})
	byRoot := map[int]*Group{}
	for _, e := range edges {
		g := byRoot[root(e.i)]
		if g == nil {
			g = &Group{MinT: e.MinT, MaxT: e.MaxT}
			byRoot[root(e.i)] = g
		}
		g.MinT, g.MaxT = min(g.MinT, e.MinT), max(g.MaxT, e.MaxT)
	}
	for i := range sources {
		if g := byRoot[root(i)]; g != nil {
			g.Sources = append(g.Sources, i)
		}
	}
	return fewer(byRoot)
}

// eachPair calls fn for the pairs whose times meet and that may hold the same
// series, i before j in the order of writing.
func eachPair(sources []*Source, fn func(i, j int)) {
	byStart := make([]int, len(sources))
	for i := range byStart {
		byStart[i] = i
	}
	slices.SortStableFunc(byStart, func(a, b int) int { return cmp.Compare(sources[a].MinT, sources[b].MinT) })
	for k, i := range byStart {
		for _, j := range byStart[k+1:] {
			if sources[j].MinT > sources[i].MaxT {
				break
			}
			if sources[i].meets(sources[j]) && sources[i].maySharePartition(sources[j]) {
				fn(min(i, j), max(i, j))
			}
		}
	}
}

func fewer(byRoot map[int]*Group) []Group {
	groups := make([]Group, 0, len(byRoot))
	for _, g := range byRoot {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Compare(a.Sources[0], b.Sources[0]) })
	if len(groups) <= maxGroups {
		return groups
	}
	all := Group{MinT: MaxTime, MaxT: MinTime}
	for _, g := range groups {
		all.Sources = append(all.Sources, g.Sources...)
		all.MinT, all.MaxT = min(all.MinT, g.MinT), max(all.MaxT, g.MaxT)
	}
	slices.Sort(all.Sources)
	return []Group{all}
}

// Shared is the time that series of both sources have in common, from the times
// of their first and last samples: nothing where every series' samples in one
// are older than all it has in the other, which is how data in motion looks.
func Shared(a, b *Source) Overlap {
	minT, maxT := max(a.MinT, b.MinT), min(a.MaxT, b.MaxT)
	if minT > maxT {
		return Overlap{}
	}
	return sharedRefs(a.Refs(minT, maxT), b.Refs(minT, maxT))
}

func sharedRefs(a, b []block.Ref) Overlap {
	o := Overlap{MinT: MaxTime, MaxT: MinTime}
	for len(a) > 0 && len(b) > 0 {
		switch c := series.Compare(a[0].Labels, b[0].Labels); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			if from, to := max(a[0].MinT, b[0].MinT), min(a[0].MaxT, b[0].MaxT); from <= to {
				o.Any = true
				o.MinT, o.MaxT = min(o.MinT, from), max(o.MaxT, to)
			}
			a, b = a[1:], b[1:]
		}
	}
	return o
}
