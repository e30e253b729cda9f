package catalog

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"herringbone/storage/series"
)

// Snapshot is the list of live files, of tables and of live tombstones, at one
// time.
//
// Ownership: it and the files it hands out are shared and never change; do not
// modify them. It stays valid for ever, but the objects it names are promised to
// exist only for the grace period after a newer snapshot drops them.
//
// Concurrency: every method may be called from any goroutine. None does I/O.
type Snapshot struct {
	version int64  // Of the last commit in it.
	live    int64  // Number of files.
	digest  uint32 // Sum of the checksums of their rows.
	sets    map[fileSetKey]*fileSet

	tables      map[series.Tenant][]*Table // Sorted by metric.
	tablesState tablesState

	tombstones      map[series.Tenant][]*Tombstone // Live ones, by Seq.
	tombstonesState tombstonesState
}

// fileSetKey: what a query always knows of a file.
type fileSetKey struct {
	tenant series.Tenant
	kind   Kind
}

// fileSet holds one tenant's files of one kind.
type fileSet struct {
	parts []*part // By days, then day, then key.
}

// part is one partition's files.
type part struct {
	partKey
	minT, maxT int64
	files      []*File // In the order they were written; never empty.
}

type partKey struct {
	days      int
	day       int64
	partition string
}

func comparePartKeys(a, b partKey) int {
	return cmp.Or(cmp.Compare(a.days, b.days), cmp.Compare(a.day, b.day), cmp.Compare(a.partition, b.partition))
}

// Version counts up with every commit; 0 is a catalog that never had one.
func (s *Snapshot) Version() int64 { return s.version }

// Len is the number of live files.
func (s *Snapshot) Len() int { return int(s.live) }

// Tenants returns the tenants that have live files, sorted.
func (s *Snapshot) Tenants() []series.Tenant {
	tenants := make([]series.Tenant, 0, len(s.sets))
	for k := range s.sets {
		tenants = append(tenants, k.tenant)
	}
	slices.Sort(tenants)
	return slices.Compact(tenants)
}

// Kinds returns the kinds that the tenant has live files of, sorted.
func (s *Snapshot) Kinds(tenant series.Tenant) []Kind {
	var kinds []Kind
	for k := range s.sets {
		if k.tenant == tenant {
			kinds = append(kinds, k.kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// All iterates over all live files: by tenant, kind and partition, and inside a
// partition in the order they were written.
func (s *Snapshot) All() iter.Seq[*File] {
	keys := slices.SortedFunc(maps.Keys(s.sets), func(a, b fileSetKey) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), cmp.Compare(a.kind, b.kind))
	})
	return func(yield func(*File) bool) {
		for _, k := range keys {
			for _, p := range s.sets[k].parts {
				for _, f := range p.files {
					if !yield(f) {
						return
					}
				}
			}
		}
	}
}

// has reports whether f is live in s.
func (s *Snapshot) has(f *File) bool {
	sh := s.sets[fileSetKey{tenant: f.Tenant, kind: f.Kind}]
	if sh == nil {
		return false
	}
	at, found := slices.BinarySearchFunc(sh.parts, f.part(), comparePart)
	return found && slices.ContainsFunc(sh.parts[at].files, func(o *File) bool { return o.ID == f.ID })
}

func (f *File) part() partKey { return partKey{days: f.Days, day: f.Day, partition: f.Partition} }

func comparePart(p *part, k partKey) int { return comparePartKeys(p.partKey, k) }
