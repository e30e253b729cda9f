package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// TestPlanConverges runs random histories: writes in time, late and long ago,
// deletes, retention, templates that change, damaged files, rules; between them
// plans, whose jobs run in any order. Whatever happens, the newest write wins;
// after the last write a fixed point with the documented number of files comes.
func TestPlanConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		if t.Failed() {
			return
		}
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			h := newHistory(t, seed)
			h.live()
			h.end()
		})
	}
}

// history is one random life of a store.
type history struct {
	*model
	templates []int // Buckets of the partition tag, one after the other.
	now       int   // Index of templates.
	tenants   []series.Tenant
	deletes   bool
	steps     int
	stride    time.Duration // Between two steps, at most.
}

func newHistory(t *testing.T, seed uint64) *history {
	rng := rand.New(rand.NewPCG(seed, 4))
	l := DefaultLevels()
	l.Window = []time.Duration{3, 6, 24}[rng.IntN(3)] * time.Hour
	l.Week, l.Month, l.Year = rng.IntN(4) > 0, rng.IntN(4) > 0, rng.IntN(4) > 0
	l.MaxInputs = []int{4, 10, 256}[rng.IntN(3)]
	l.MemoryBytes = []int64{0, 0, 3 * openInputMemory, 12 * openInputMemory}[rng.IntN(4)]
	l.MaxFileBytes = []int64{1500, 6000, 512 << 20}[rng.IntN(3)]
	h := &history{
		model: newModel(t, rng, l), templates: []int{2}, tenants: []series.Tenant{"default"},
		deletes: rng.IntN(2) == 0, steps: 20 + rng.IntN(60),
		stride: []time.Duration{time.Hour, 6 * time.Hour, 48 * time.Hour, 200 * time.Hour}[rng.IntN(4)],
	}
	keep := []time.Duration{0, 0, 40 * WholeDay, 200 * WholeDay}[rng.IntN(4)]
	h.in.Keep = func(series.Tenant) time.Duration { return keep }
	if rng.IntN(3) == 0 {
		h.templates = [][]int{{2, 3}, {2, 3, 2}, {2, 3, 2, 3, 2, 3, 2}}[rng.IntN(3)]
	}
	if rng.IntN(4) == 0 {
		h.tenants = append(h.tenants, "other")
	}
	h.rules()
	return h
}

func (h *history) rules() {
	if h.rng.IntN(2) == 0 {
		return
	}
	name := []string{".+", "[a-b]", "nothing"}[h.rng.IntN(3)]
	m := labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, name)
	h.in.Rules = []Rule{
		{Tenant: "default", Matchers: Selector{m}, Resolution: 300_000, After: 7 * series.DayMillis, KeepSamples: h.rng.IntN(2) == 0},
		{Tenant: "default", Resolution: 3_600_000, After: 40 * series.DayMillis, KeepSamples: true},
	}
}

func (h *history) live() {
	for range h.steps {
		h.wait(time.Duration(h.rng.Int64N(int64(h.stride))))
		if h.rng.IntN(10*len(h.templates)) < len(h.templates)-1 {
			h.model.t.Helper()
			h.now = (h.now + 1) % len(h.templates)
		}
		h.happen()
		if h.rng.IntN(3) > 0 {
			continue
		}
		jobs, s := h.plan()
		h.runAll(jobs[:h.rng.IntN(len(jobs)+1)], s, func() {
			if h.rng.IntN(4) == 0 {
				h.happen()
			}
		})
		h.check()
		h.checkDisjoint()
	}
}

// happen is one event.
func (h *history) happen() {
	tenant := h.tenants[h.rng.IntN(len(h.tenants))]
	switch n := h.rng.IntN(20); {
	case n == 0 && h.deletes:
		h.delete(tenant)
	case n == 1 && h.deletes:
		old := h.model.now - 50*series.DayMillis
		h.hide(tenant, catalog.Expired, math.MinInt64, old, labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "b"))
	case n == 2 && h.deletes:
		if files := h.files(); len(files) > 0 {
			h.bad[files[0].ID] = true
		}
	default:
		h.writeSome(tenant)
	}
}

func (h *history) delete(tenant series.Tenant) {
	from := h.model.now - h.rng.Int64N(20)*series.DayMillis
	h.hide(tenant, catalog.Deleted, from, from+h.rng.Int64N(5*series.DayMillis),
		labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, metricName(h.rng.IntN(12))))
}

// writeSome writes near now, or late, or long ago; the same times often.
func (h *history) writeSome(tenant series.Tenant) {
	ago := []int64{0, 0, 0, 0, 1, 3, 20, 100, 400}[h.rng.IntN(9)] * series.DayMillis
	first, some := h.rng.IntN(12), 1+h.rng.IntN(12)
	var rows []row
	for range 1 + h.rng.IntN(8) {
		t := h.model.now - ago - h.rng.Int64N(8)*3_600_000
		rows = append(rows, row{series: (first + h.rng.IntN(some)) % 12, t: t / 3_600_000 * 3_600_000})
	}
	h.write(tenant, h.templates[h.now], rows)
}

// end lets time pass after the last write.
func (h *history) end() {
	ever := len(h.bad) > 0 // Then some files were merged without others that are older.
	if h.rng.IntN(2) == 0 {
		clear(h.bad)
	}
	damaged := len(h.bad) > 0
	for range 5 {
		h.settle()
		h.wait(time.Duration(h.rng.Int64N(int64(30 * time.Hour))))
	}
	for range 4 {
		h.wait(200 * WholeDay)
		h.settle()
	}
	h.check()
	h.checkDisjoint()
	if !damaged {
		h.checkClean()
		h.checkAggregates()
	}
	if !ever && len(h.templates) == 1 {
		for _, group := range h.groups() {
			p := newPlanner(h.input())
			checkFixed(h.t, h.in.Levels, p.used(group.partitionFiles), group.files, func(u Unit) bool { return len(p.samplesDropped(group.partitionFiles, u)) == 0 })
		}
	}
}

// checkClean: no delete is left to be carried out.
func (h *history) checkClean() {
	for _, f := range h.model.live {
		for _, t := range h.mask(f.File) {
			if t.Cause == catalog.Deleted {
				h.t.Fatalf("file %s still has rows that %s hides", f.ID, t.ID)
			}
		}
	}
}

// checkAggregates: where no samples were dropped, aggregates have what the
// samples of their unit have.
func (h *history) checkAggregates() {
	p := newPlanner(h.input())
	for _, sh := range p.partitions {
		if sh.kind != catalog.Samples {
			continue
		}
		for _, u := range topUnits(sh.files) {
			if len(p.samplesDropped(sh, u.Unit)) > 0 {
				continue
			}
			for _, r := range p.due(sh, u.Unit) {
				want := map[[2]int64]bool{}
				h.collect(want, u.lower, r)
				got := map[[2]int64]bool{}
				h.collect(got, p.aggregates(sh, r.Kind(), u.Unit), r)
				for k := range want {
					if !got[k] {
						h.t.Fatalf("%s of %v in %s lack series %d at %d", r.Kind(), u.Unit, sh.partition, k[0], k[1])
					}
				}
				if len(got) != len(want) {
					h.t.Fatalf("%s of %v in %s: %d rows, want %d", r.Kind(), u.Unit, sh.partition, len(got), len(want))
				}
			}
		}
	}
}

func (h *history) collect(set map[[2]int64]bool, files []*catalog.File, r *Rule) {
	for _, f := range files {
		mask := h.mask(f)
		for _, o := range h.model.live[f.ID].rows {
			if !hidden(mask, o) && r.Matchers.Matches(o.labels()) {
				set[[2]int64{int64(o.series), o.t}] = true
			}
		}
	}
}

type group struct {
	*partitionFiles
	files []*catalog.File
}

// groups are the files that are merged with each other.
func (h *history) groups() (groups []group) {
	for _, sh := range newPlanner(h.input()).partitions {
		if sh.kind == catalog.Samples {
			groups = append(groups, group{sh, sh.files})
		}
	}
	return groups
}

// checkFixed is the promise of Plan about the number of files.
func checkFixed(t *testing.T, l Levels, used []int, files []*catalog.File, counts func(Unit) bool) {
	t.Helper()
	for level := LevelYear; level >= LevelDay; level-- {
		for _, u := range unitsOf(level, files) {
			need := max(1, (size(u.own)+l.MaxFileBytes-1)/l.MaxFileBytes)
			if n := len(u.own); n > 1 && l.fits(u.own) && int64(n) >= 4*need {
				t.Fatalf("%v has %d files of %s, %d would do", u.Unit, n, levelName(level), need)
			}
			if len(u.lower) == 0 || !counts(u.Unit) || !slices.Contains(used, level) && len(u.own) == 0 {
				continue
			}
			own := overlapping(u.own, hull(u.lower))
			if !l.fits(slices.Concat(u.lower, own)) {
				continue
			}
			touched := len(own)
			need = max(1, (size(u.lower)+l.MaxFileBytes-1)/l.MaxFileBytes)
			if n := len(u.lower); touched > 0 || n > 1 && 2*need <= int64(n) {
				t.Fatalf("%v has %d files below its %s, %d would do, %d are touched", u.Unit, n, levelName(level), need, touched)
			}
		}
	}
}
