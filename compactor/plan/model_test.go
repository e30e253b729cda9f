package plan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// row is one sample of the model. Its value is the number of the commit that
// wrote it.
type row struct {
	series  int // Three of each metric, in the order of names.
	t       int64
	written int64
}

func (r row) name() string { return metricName(r.series) }

func metricName(s int) string { return string(rune('a' + s/3)) }

func (r row) labels() labels.Labels { return labels.FromStrings(labels.MetricName, r.name()) }

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.t, b.t))
}

// model is a catalog whose files have rows, and the truth about these.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	version int64
	ids     int
	now     int64
	live    map[string]*modelFile
	truth   map[series.Tenant]map[[2]int64]int64 // Series and time: the last write.
	stones  []*catalog.Tombstone
	in      State // All but what moves.
	bad     map[string]bool
	noOps   map[string]bool
	rowSize int64
}

type modelFile struct {
	*catalog.File
	rows []row
}

const firstDay = 20454 // 2026-01-01.

func newModel(t *testing.T, rng *rand.Rand, levels Levels) *model {
	return &model{
		t: t, rng: rng, now: firstDay * series.DayMillis, rowSize: 100, live: map[string]*modelFile{},
		truth: map[series.Tenant]map[[2]int64]int64{}, in: State{Levels: levels},
		bad: map[string]bool{}, noOps: map[string]bool{},
	}
}

// write flushes rows: one file a day and partition key, all of one commit.
func (m *model) write(tenant series.Tenant, buckets int, rows []row) {
	m.version++
	type part struct {
		day int64
		key string
	}
	parts := map[part][]row{}
	template := series.Template{{Label: labels.MetricName, Buckets: buckets}}
	known := m.truth[tenant]
	if known == nil {
		known = map[[2]int64]int64{}
		m.truth[tenant] = known
	}
	for _, r := range rows {
		r.written = m.version
		p := part{series.Day(r.t), template.Key(r.labels())}
		parts[p] = append(parts[p], r)
		known[[2]int64{int64(r.series), r.t}] = m.version
	}
	for _, p := range slices.SortedFunc(maps.Keys(parts), func(a, b part) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.key, b.key))
	}) {
		f := &catalog.File{
			Tenant: tenant, Kind: catalog.Samples, Partition: p.key, Day: p.day, Days: 1, Seq: m.version,
		}
		list := parts[p]
		slices.SortFunc(list, compareRows)
		m.add(f, slices.CompactFunc(list, func(a, b row) bool { return compareRows(a, b) == 0 }))
	}
}

// add makes a file of rows, which are sorted.
func (m *model) add(f *catalog.File, rows []row) {
	m.ids++
	f.ID = fmt.Sprintf("f%06d", m.ids)
	f.Name = f.ID
	f.Rows, f.Series, f.Size = int64(len(rows)), 1, m.rowSize*int64(len(rows))
	f.MinName, f.MaxName = rows[0].name(), rows[len(rows)-1].name()
	f.MinT, f.MaxT = math.MaxInt64, math.MinInt64
	for _, r := range rows {
		f.MinT, f.MaxT = min(f.MinT, r.t), max(f.MaxT, r.t)
	}
	f.Created = m.now
	if err := f.Validate(); err != nil {
		m.t.Fatal(err)
	}
	m.live[f.ID] = &modelFile{f, rows}
}

// hide adds a tombstone.
func (m *model) hide(tenant series.Tenant, cause catalog.Cause, minT, maxT int64, matchers ...*labels.Matcher) {
	m.version++
	m.stones = append(m.stones, &catalog.Tombstone{
		ID: fmt.Sprintf("t%d", m.version), Tenant: tenant, Cause: cause, Matchers: matchers,
		MinT: minT, MaxT: maxT, Seq: m.version, Created: m.now,
	})
}

func (m *model) mask(f *catalog.File) (mask catalog.Mask) {
	for _, t := range m.stones {
		if t.Hides(f) {
			mask = append(mask, t)
		}
	}
	return mask
}

func hidden(mask catalog.Mask, r row) bool {
	return slices.ContainsFunc(mask, func(t *catalog.Tombstone) bool {
		return t.MinT <= r.t && r.t <= t.MaxT && t.HidesSeries(r.labels())
	})
}

// files returns the live ones in random order.
func (m *model) files() []*catalog.File {
	list := make([]*catalog.File, 0, len(m.live))
	for _, f := range m.live {
		list = append(list, f.File)
	}
	slices.SortFunc(list, func(a, b *catalog.File) int { return cmp.Compare(a.ID, b.ID) })
	m.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (m *model) input() State {
	in := m.in
	in.Files, in.Mask, in.Now = slices.Values(m.files()), m.mask, m.now
	in.Quarantined, in.NoOps = m.bad, m.noOps
	return in
}

// snapshot is what a job is run with: that of the plan.
type snapshot struct {
	version int64
	masks   map[string]catalog.Mask
}

// plan checks what holds for every plan.
func (m *model) plan() ([]Job, snapshot) {
	jobs := Make(m.input())
	s := snapshot{m.version, map[string]catalog.Mask{}}
	seen := map[string]bool{}
	for _, j := range jobs {
		for _, f := range j.Inputs {
			if seen[f.ID] || m.live[f.ID] == nil {
				m.t.Fatalf("%v: input %s is in two jobs or not live", j, f.ID)
			}
			if m.bad[f.ID] && f.Kind.Resolution() == 0 {
				m.t.Fatalf("%v: damaged input %s", j, f.ID)
			}
			if f.Tenant != j.Tenant || f.Partition != j.Partition || !j.Unit.Contains(UnitOfFile(f.File)) {
				m.t.Fatalf("%v: input %s does not belong", j, f.ID)
			}
			if f.SamplesDropped && j.Rows != f.Kind && j.Kind != Coarsen {
				m.t.Fatalf("%v: would lose %s, which is all that is left", j, f.ID)
			}
			seen[f.ID] = true
			s.masks[f.ID] = m.mask(f.File)
		}
		if len(j.Inputs) > m.in.Levels.MaxInputs && len(j.Rules) == 0 {
			m.t.Fatalf("%v: more than %d inputs", j, m.in.Levels.MaxInputs)
		}
		if read := j.FilesRead(); j.Kind == Merge && !m.in.Levels.fits(read) {
			m.t.Fatalf("%v: %d inputs do not fit in %d bytes", j, len(read), m.in.Levels.MemoryBytes)
		}
	}
	return jobs, s
}

// run does what the executor does.
func (m *model) run(j Job, s snapshot) {
	m.version++
	before := m.ids
	samples, rest := m.merged(j, s)
	if j.Kind == DropSamples {
		for _, r := range j.Rules {
			m.output(j, s, r.Kind(), rest[r.Kind()], true)
		}
		samples = slices.DeleteFunc(samples, func(r row) bool {
			return slices.ContainsFunc(j.Rules, func(o *Rule) bool { return o.Matchers.Matches(r.labels()) })
		})
	} else {
		made := map[catalog.Kind][]row{}
		for _, r := range j.Rules {
			from := samples
			if j.Kind == Coarsen {
				from = rest[j.Inputs[0].Kind]
			}
			made[r.Kind()] = append(made[r.Kind()], matching(from, r)...)
		}
		for _, kind := range slices.Sorted(maps.Keys(made)) {
			slices.SortFunc(made[kind], compareRows)
			m.output(j, s, kind, slices.CompactFunc(made[kind], func(a, b row) bool { return compareRows(a, b) == 0 }), false)
		}
	}
	switch {
	case j.Kind == Downsample || j.Kind == Coarsen:
	case j.Rows.Resolution() > 0:
		m.output(j, s, j.Rows, rest[j.Rows], true)
	default:
		m.output(j, s, j.Rows, samples, false)
	}
	removes := false
	for _, f := range j.Inputs {
		if f.Remove {
			removes = true
			delete(m.live, f.ID)
		}
	}
	if !removes && m.ids == before {
		m.noOps[j.ID()] = true
	}
}

func matching(rows []row, r *Rule) (found []row) {
	for _, o := range rows {
		if r.Matchers.Matches(o.labels()) {
			found = append(found, o)
		}
	}
	return found
}

// merged returns the rows that the inputs show together: of samples, and of
// aggregates by kind.
func (m *model) merged(j Job, s snapshot) (samples []row, rest map[catalog.Kind][]row) {
	rest = map[catalog.Kind][]row{}
	for _, f := range j.Inputs {
		for _, r := range m.live[f.ID].rows {
			switch {
			case hidden(s.masks[f.ID], r):
			case f.Kind == catalog.Samples:
				samples = append(samples, r)
			default:
				rest[f.Kind] = append(rest[f.Kind], r)
			}
		}
	}
	for _, rows := range rest {
		slices.SortFunc(rows, compareRows)
	}
	slices.SortStableFunc(samples, compareRows) // Inputs are in the order of writing, so the last of a time wins.
	last := samples[:0]
	for i, r := range samples {
		if i+1 < len(samples) && compareRows(r, samples[i+1]) == 0 {
			continue
		}
		last = append(last, r)
	}
	return last, rest
}

// output cuts rows as the executor does: by window, then by size between series.
func (m *model) output(j Job, s snapshot, kind catalog.Kind, rows []row, dropped bool) {
	var seq int64
	for _, f := range j.Inputs {
		seq = max(seq, f.Seq)
	}
	windows := map[int64][]row{}
	for _, r := range rows {
		w := int64(0)
		if j.Window > 0 {
			w = window(r.t, j.Window)
		}
		windows[w] = append(windows[w], r)
	}
	for _, w := range slices.Sorted(maps.Keys(windows)) {
		rows := windows[w]
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && (rows[n].series == rows[n-1].series || int64(n)*m.rowSize < m.in.Levels.MaxFileBytes) {
				n++
			}
			m.add(&catalog.File{
				Tenant: j.Tenant, Kind: kind, Partition: j.Partition, Day: j.Unit.Day, Days: j.Unit.Days,
				Level: j.Level, Seq: seq, Clean: s.version, SamplesDropped: dropped,
			}, rows[:n:n])
			rows = rows[n:]
		}
	}
}

// settle runs plans until there is nothing to do, and fails if that never comes.
func (m *model) settle() {
	limit := 4*len(m.live) + 20
	for range limit {
		jobs, s := m.plan()
		if len(jobs) == 0 {
			return
		}
		m.runAll(jobs, s, nil)
	}
	jobs, _ := m.plan()
	m.t.Fatalf("after %d plans there are still jobs: %v", limit, jobs)
}

// runAll runs jobs of one plan in any order; between them others commit.
func (m *model) runAll(jobs []Job, s snapshot, others func()) {
	m.rng.Shuffle(len(jobs), func(i, k int) { jobs[i], jobs[k] = jobs[k], jobs[i] })
	for _, j := range jobs {
		if others != nil {
			others()
		}
		m.run(j, s)
	}
}

func (m *model) wait(d time.Duration) { m.now += d.Milliseconds() }
