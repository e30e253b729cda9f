package retention

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// ExpireBatch bounds the files that one edit removes.
const ExpireBatch = 500

// Expiry is what retention would change for one tenant.
type Expiry struct {
	tombstones []catalog.Tombstone
	lift       []string
	Remove     []*catalog.File
	Refused    error // Why the default rule and the removal of files are left out.
}

// Expiry compares what the rules say with what the catalog has. It is pure but
// for the IDs.
func (p *Policy) Expiry(s *catalog.Snapshot, t series.Tenant, now time.Time, g Guard) Expiry {
	hs := p.Horizons(t, now)
	live, superseded := ruleTombstones(s, t)
	e := Expiry{lift: superseded}
	loss := p.loss(s, t, hs, live)
	e.Refused = g.check(loss)
	if e.Refused == nil {
		e.Remove = loss.files
	}
	files := staying{s, t, idsOf(e.Remove)}
	for _, h := range hs {
		had := live[h.Rule]
		delete(live, h.Rule)
		if h.Rule == defaultRule && e.Refused != nil {
			continue // What is hidden stays so; what is not stays to be seen.
		}
		if h.settled(files, had) {
			continue
		}
		if had != nil {
			e.lift = append(e.lift, had.ID)
		}
		if h.expires(files, nil) {
			e.tombstones = append(e.tombstones, h.Tombstone(t, ulid.Make().String(), now))
		}
	}
	for _, ts := range live { // Their rules are no more.
		e.lift = append(e.lift, ts.ID)
	}
	slices.Sort(e.lift)
	return e
}

// ruleTombstones returns the newest live tombstone of each rule, and the IDs of
// older ones: two nodes may have added one each.
func ruleTombstones(s *catalog.Snapshot, t series.Tenant) (map[string]*catalog.Tombstone, []string) {
	var superseded []string
	live := map[string]*catalog.Tombstone{}
	for _, ts := range s.Tombstones(t) { // By Seq.
		if ts.Cause != catalog.Expired {
			continue
		}
		if older := live[ts.Rule]; older != nil {
			superseded = append(superseded, older.ID)
		}
		live[ts.Rule] = ts
	}
	return live, superseded
}

// settled reports whether the live tombstone of the rule, or that there is none,
// is as good as a new one.
func (h Horizon) settled(files staying, had *catalog.Tombstone) bool {
	if had == nil {
		return !h.expires(files, nil)
	}
	return h.wouldMake(had) && had.MaxT <= h.MaxT && h.expires(files, nil) && !h.expires(files, had)
}

// expires reports whether a new tombstone of the rule may hide rows that had does
// not: of files that had comes before, or of times that it does not reach. A
// file that had was applied to already is not one of them.
func (h Horizon) expires(files staying, had *catalog.Tombstone) bool {
	if h.MaxT == math.MinInt64 {
		return false
	}
	for _, kind := range files.snapshot.Kinds(files.tenant) {
		for _, f := range files.snapshot.Files(files.tenant, kind, math.MinInt64, h.MaxT, h.Matchers...) {
			if !files.removed[f.ID] && (had == nil || f.Seq >= had.Seq || f.MaxT > had.MaxT && h.MaxT > had.MaxT) {
				return true
			}
		}
	}
	return false
}

// staying is a tenant's files without those that go as a whole.
type staying struct {
	snapshot *catalog.Snapshot
	tenant   series.Tenant
	removed  map[string]bool // By ID.
}

// loss is what would vanish from view as whole files.
type loss struct {
	tenant series.Tenant
	files  []*catalog.File // To remove.
	count  int             // They, and files that the default rule hides, if some of it is to be seen now.
	bytes  int64           // Of what is to be seen now in those counted.
	all    int64           // Bytes of the tenant.
}

func (p *Policy) loss(s *catalog.Snapshot, t series.Tenant, hs []Horizon, live map[string]*catalog.Tombstone) loss {
	l := loss{tenant: t}
	byDefault := hs[len(hs)-1].MaxT
	for _, kind := range s.Kinds(t) {
		for _, f := range s.Files(t, kind, math.MinInt64, math.MaxInt64) {
			l.all += f.Size
			switch {
			case f.MaxT <= expired(f, hs):
				l.files = append(l.files, f)
				l.add(f, masked(f, hs, live))
			case f.MaxT <= byDefault:
				l.add(f, reach(live[defaultRule], f))
			}
		}
	}
	return l
}

// add counts f but for what is hidden up to a time: that is lost already, a bit
// at a time, as it should be. Otherwise the last files of a tenant who writes no
// more would be too much, and stay for ever.
func (l *loss) add(f *catalog.File, until int64) {
	if until >= f.MaxT {
		return
	}
	l.count++
	from := max(float64(until), float64(f.MinT)-1)
	l.bytes += int64(float64(f.Size) * (float64(f.MaxT) - from) / (float64(f.MaxT) - float64(f.MinT) + 1))
}

// masked is like expired, of what the tombstones of these same rules hide by now.
func masked(f *catalog.File, hs []Horizon, live map[string]*catalog.Tombstone) int64 {
	maxT := int64(math.MaxInt64)
	for _, h := range hs {
		if h.Rule != defaultRule && !h.mayHold(f) {
			continue
		}
		had := live[h.Rule]
		if had == nil || !h.wouldMake(had) {
			return math.MinInt64
		}
		maxT = min(maxT, reach(had, f))
	}
	return maxT
}

// reach is the last time up to which a rule's tombstone, if there is one, hides
// rows of f.
func reach(had *catalog.Tombstone, f *catalog.File) int64 {
	if had == nil || f.Seq >= had.Seq {
		return math.MinInt64
	}
	return had.MaxT
}

func idsOf(files []*catalog.File) map[string]bool {
	ids := make(map[string]bool, len(files))
	for _, f := range files {
		ids[f.ID] = true
	}
	return ids
}

// Guard refuses what looks like a mistake.
type Guard struct {
	Share float64
	Files int
}

func (g Guard) check(l loss) error {
	if l.count <= g.Files || float64(l.bytes) <= g.Share*float64(l.all) {
		return nil
	}
	return fmt.Errorf("retention of tenant %s would take away %d files at once, %.0f %% of its bytes; at most %.0f %% of more than %d files are allowed by retention.max_share (MaxExpireShare) "+
		"and collection.min_files, so none is: if it is meant, raise the share for a while: %w",
		l.tenant, l.count, 100*float64(l.bytes)/float64(l.all), 100*g.Share, g.Files, plan.ErrRefused)
}

// Edits adds the new tombstones first, removes files in batches, and lifts the
// old tombstones with the last of them: what an old one hides may be in files
// that are to go, with no new one for it. So no row is seen again after any of
// the edits, and what was cut off is found again.
func (e Expiry) Edits() []catalog.Edit {
	batches := slices.Collect(slices.Chunk(e.Remove, ExpireBatch))
	if len(batches) == 0 && len(e.tombstones)+len(e.lift) > 0 {
		batches = append(batches, nil)
	}
	edits := make([]catalog.Edit, len(batches))
	for i, batch := range batches {
		edits[i].Token = "expire/" + ulid.Make().String()
		for _, f := range batch {
			edits[i].Remove = append(edits[i].Remove, f.ID)
		}
	}
	if len(edits) > 0 {
		edits[0].Tombstones, edits[len(edits)-1].Lift = e.tombstones, e.lift
	}
	return edits
}
