package catalog

import (
	"maps"
	"slices"

	"herringbone/storage/series"
)

// change is what one or more commits do to a snapshot. The files in add are not
// live in it, those in remove are.
type change struct {
	version     int64
	add, remove []*File
	facts       []fact
	complete    bool         // Tables became complete.
	tombstones  []*Tombstone // As they are now: added, with more purged, or lifted. In this order.
}

// apply returns the snapshot after ch. It copies only the parts that ch touches
// and, of the sets they are in, the list of parts.
func (s *Snapshot) apply(ch change) *Snapshot {
	next := &Snapshot{version: ch.version, live: s.live, digest: s.digest, sets: maps.Clone(s.sets),
		tables: s.tables, tablesState: s.tablesState, tombstones: s.tombstones, tombstonesState: s.tombstonesState}
	if next.sets == nil {
		next.sets = map[fileSetKey]*fileSet{}
	}
	if len(ch.facts) > 0 {
		if next.tables = maps.Clone(s.tables); next.tables == nil {
			next.tables = map[series.Tenant][]*Table{}
		}
		next.addFacts(ch.facts)
	}
	next.tablesState.complete = next.tablesState.complete || ch.complete
	next.layTombstones(ch)
	edits := map[fileSetKey]map[partKey]*partEdit{}
	for _, f := range ch.add {
		e := editOf(edits, f)
		e.add = append(e.add, f)
		next.live++
		next.digest += f.checksum()
	}
	for _, f := range ch.remove {
		editOf(edits, f).remove[f.ID] = true
		next.live--
		next.digest -= f.checksum()
	}
	for k, parts := range edits {
		if sh := next.sets[k].apply(parts); len(sh.parts) > 0 {
			next.sets[k] = sh
		} else {
			delete(next.sets, k)
		}
	}
	return next
}

// partEdit is what a change does to one part.
type partEdit struct {
	add    []*File
	remove map[string]bool // By ID.
}

func editOf(edits map[fileSetKey]map[partKey]*partEdit, f *File) *partEdit {
	k := fileSetKey{tenant: f.Tenant, kind: f.Kind}
	if edits[k] == nil {
		edits[k] = map[partKey]*partEdit{}
	}
	if edits[k][f.part()] == nil {
		edits[k][f.part()] = &partEdit{remove: map[string]bool{}}
	}
	return edits[k][f.part()]
}

// apply merges the edited parts with the others. A nil set is an empty one.
func (sh *fileSet) apply(edits map[partKey]*partEdit) *fileSet {
	var rest []*part
	if sh != nil {
		rest = sh.parts
	}
	next := make([]*part, 0, len(rest)+len(edits))
	for _, k := range slices.SortedFunc(maps.Keys(edits), comparePartKeys) {
		at, found := slices.BinarySearchFunc(rest, k, comparePart)
		next = append(next, rest[:at]...)
		rest = rest[at:]
		var before []*File
		if found {
			before, rest = rest[0].files, rest[1:]
		}
		if p := newPart(k, before, edits[k]); len(p.files) > 0 {
			next = append(next, p)
		}
	}
	return &fileSet{parts: append(next, rest...)}
}

func newPart(k partKey, before []*File, e *partEdit) *part {
	p := &part{partKey: k, files: make([]*File, 0, len(before)+len(e.add))}
	for _, f := range before {
		if !e.remove[f.ID] {
			p.files = append(p.files, f)
		}
	}
	p.files = append(p.files, e.add...)
	slices.SortFunc(p.files, compareFiles)
	for i, f := range p.files {
		if i == 0 {
			p.minT, p.maxT = f.MinT, f.MaxT
		}
		p.minT, p.maxT = min(p.minT, f.MinT), max(p.maxT, f.MaxT)
	}
	return p
}
