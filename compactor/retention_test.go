package compactor

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

const hours = 24 * time.Hour // A day.

func TestTheShortestMatchingRuleHolds(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	debug := retention.Rule{Matchers: compacttest.Selector(t, "__name__", "debug_.*"), Keep: 7 * hours}
	dev := retention.Rule{Matchers: compacttest.Selector(t, "env", "dev"), Keep: 2 * hours}
	audit := retention.Rule{Matchers: compacttest.Selector(t, "__name__", "audit_.*"), Keep: 400 * hours}
	forever := retention.Rule{Matchers: compacttest.Selector(t, "keep", "yes")}
	other := retention.Rule{Tenant: "other", Matchers: compacttest.Selector(t, "env", "dev"), Keep: hours}
	tests := map[string]struct {
		rules  []retention.Rule
		series string // Labels.
		want   time.Duration
	}{
		"without a rule the default holds":               {nil, "up", 30 * hours},
		"a rule that does not match changes nothing":     {[]retention.Rule{debug}, "up", 30 * hours},
		"a rule may be shorter than the default":         {[]retention.Rule{debug}, "debug_x", 7 * hours},
		"a rule may be longer than the default":          {[]retention.Rule{audit}, "audit_x", 400 * hours},
		"a rule may keep for ever":                       {[]retention.Rule{forever}, "up keep=yes", 0},
		"of two the shorter holds":                       {[]retention.Rule{debug, dev}, "debug_x env=dev", 2 * hours},
		"of two the shorter holds in any order":          {[]retention.Rule{dev, debug}, "debug_x env=dev", 2 * hours},
		"a shorter one holds against one for ever":       {[]retention.Rule{forever, dev}, "up keep=yes env=dev", 2 * hours},
		"another tenant's rule does not hold":            {[]retention.Rule{other}, "up env=dev", 30 * hours},
		"the same selector twice is the shorter of both": {[]retention.Rule{dev, {Matchers: dev.Matchers, Keep: 9 * hours}}, "up env=dev", 2 * hours},
		"the same selector twice, once for ever":         {[]retention.Rule{{Matchers: dev.Matchers}, dev}, "up env=dev", 2 * hours},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := retention.NewPolicy(tt.rules, 30*hours, nil, nil)
			got, want := hiddenUntil(p.Horizons("default", now), compacttest.ParseLabels(tt.series)), p.Cutoff(tt.want, now)
			if got != want {
				t.Errorf("hidden until %d, it should be %d", got, want)
			}
		})
	}
}

func TestThePlannerKnowsTheLongestRule(t *testing.T) {
	rule := func(tenant series.Tenant, keep time.Duration) retention.Rule {
		return retention.Rule{Tenant: tenant, Keep: keep}
	}
	p := retention.NewPolicy([]retention.Rule{rule("", 7*hours), rule("long", 90*hours), rule("law", 0), rule("law", 5*hours)},
		30*hours, map[series.Tenant]time.Duration{"brief": hours, "ever": 0}, nil)
	for tenant, want := range map[series.Tenant]time.Duration{"default": 30 * hours, "brief": 7 * hours, "ever": 0, "long": 90 * hours, "law": 0} {
		if got := p.Longest(tenant); got != want {
			t.Errorf("%s keeps %v", tenant, got)
		}
	}
}

// hiddenUntil is the last time that the horizons' tombstones hide of a series.
func hiddenUntil(hs []retention.Horizon, ls labels.Labels) int64 {
	maxT := int64(math.MinInt64)
	for _, h := range hs {
		if ts := h.Tombstone("default", "1", time.Time{}); ts.HidesSeries(ls) {
			maxT = max(maxT, ts.MaxT)
		}
	}
	return maxT
}

func TestCutoffIsNeverTooLateAndWholeBuckets(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		keep := time.Duration(1+r.Int64N(int64(3*365*hours)/1e6)) * time.Millisecond
		now := time.UnixMilli(r.Int64N(4e12) - 1e12)
		p := policyOf(Options{Rules: []plan.Rule{{Resolution: 5 * 60e3}, {Resolution: 90 * 60e3}, {Resolution: 3600e3}}})
		const step = 3 * 3600e3 // The least common multiple of the resolutions.
		maxT := p.Cutoff(keep, now)
		late := now.UnixMilli() - keep.Milliseconds() - maxT
		if late <= 0 || late > max(keep.Milliseconds()/100, 60e3)+step {
			t.Fatalf("seed %d: of %v at %v the last expired time is %d ms before the rule", seed, keep, now, late)
		}
		for _, resolution := range []int64{5 * 60e3, 90 * 60e3, 3600e3} {
			if maxT%resolution != 0 {
				t.Fatalf("seed %d: %d cuts a bucket of %d", seed, maxT, resolution)
			}
		}
	}
}

func TestExpireHidesOldRowsOfMatchingSeries(t *testing.T) {
	y := newTestNode(t, func(o *Options) {
		o.DefaultKeep = 30 * hours
		o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "env", "dev"), Keep: 7 * hours}}
	})
	f := y.add(y.on(20, 0))[0]
	y.must(y.Expire(t.Context(), y.now))
	visible := func(ls string, age time.Duration) bool {
		m := y.catalog.Snapshot().Mask(&f).Of(compacttest.ParseLabels(ls))
		at := y.now.Add(-age).UnixMilli()
		return !m.Covers(at, at)
	}
	for _, tt := range []struct {
		series string
		age    time.Duration
		want   bool
	}{
		{"up env=dev", 6 * hours, true}, {"up env=dev", 7 * hours, true}, {"up env=dev", 7*hours + 2*time.Hour, false},
		{"up env=dev", 19 * hours, false}, {"up", 19 * hours, true},
	} {
		if got := visible(tt.series, tt.age); got != tt.want {
			t.Errorf("%s of %v ago: visible %t", tt.series, tt.age, got)
		}
	}
}

func TestExpireKeepsTombstonesWhileTheyAreGood(t *testing.T) {
	y := newTestNode(t, func(o *Options) {
		o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "env", "dev"), Keep: 7 * hours}}
	})
	y.add(y.on(20, 0))
	edits := 0
	for range 24 * 6 {
		before := y.catalog.Snapshot().Version()
		y.must(y.Expire(t.Context(), y.now))
		edits += int(y.catalog.Snapshot().Version() - before)
		y.now = y.now.Add(10 * time.Minute)
		if n := len(y.catalog.Snapshot().Tombstones("default")); n != 1 {
			t.Fatalf("%d tombstones of one rule", n)
		}
	}
	if most := 16; edits > most { // A hundredth of 7 days is 101 minutes.
		t.Errorf("%d edits in a day, at most %d are needed", edits, most)
	}
}

func TestExpire(t *testing.T) {
	dev := func(o *Options) {
		o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "env", "dev"), Keep: 7 * hours}}
	}
	until := func(y *testNode) []int64 {
		var list []int64
		for _, ts := range y.catalog.Snapshot().Tombstones("default") {
			list = append(list, ts.MaxT)
		}
		return list
	}
	t.Run("nothing is hidden where nothing is old", func(t *testing.T) {
		y := newTestNode(t, dev)
		y.add(y.on(3, 0))
		y.must(y.Expire(t.Context(), y.now))
		if got := until(y); got != nil {
			t.Errorf("tombstones until %v", got)
		}
	})
	t.Run("what is written late is hidden by the next run", func(t *testing.T) {
		y := newTestNode(t, dev)
		y.add(y.on(20, 0))
		y.must(y.Expire(t.Context(), y.now))
		late := y.add(y.on(10, 9))[0]
		live := func() *catalog.File {
			for f := range y.catalog.Snapshot().All() {
				if f.ID == late.ID {
					return f
				}
			}
			return nil
		}
		if y.catalog.Snapshot().Mask(live()) != nil {
			t.Fatal("a tombstone hides what was written after it")
		}
		y.must(y.Expire(t.Context(), y.now))
		if y.catalog.Snapshot().Mask(live()) == nil {
			t.Error("late rows are still visible")
		}
		if n := len(until(y)); n != 1 {
			t.Errorf("%d tombstones", n)
		}
	})
	t.Run("a rule that is no more hides nothing any more", func(t *testing.T) {
		y := newTestNode(t, dev)
		y.add(y.on(20, 0))
		y.must(y.Expire(t.Context(), y.now))
		y.rebuild(nil)
		y.must(y.Expire(t.Context(), y.now))
		if got := until(y); got != nil {
			t.Errorf("tombstones until %v", got)
		}
	})
	t.Run("a rule that became longer shows again what was not purged", func(t *testing.T) {
		y := newTestNode(t, dev)
		y.add(y.on(20, 0))
		y.must(y.Expire(t.Context(), y.now))
		y.rebuild(func(o *Options) {
			o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "env", "dev"), Keep: 14 * hours}}
		})
		y.must(y.Expire(t.Context(), y.now))
		if diff := cmp.Diff([]int64{y.policy.Cutoff(14*hours, y.now)}, until(y)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("what goes as a whole needs no tombstone", func(t *testing.T) {
		y := newTestNode(t, func(o *Options) { o.DefaultKeep = 7 * hours })
		y.add(y.on(20, 15))
		y.must(y.Expire(t.Context(), y.now))
		if got := until(y); got != nil || len(y.live()) != 0 {
			t.Errorf("tombstones until %v, files %v", got, y.live())
		}
		y.add(nil) // The tenant is known again.
		y.must(y.Expire(t.Context(), y.now))
		if got := until(y); got != nil {
			t.Errorf("a tombstone until %v was left behind", got)
		}
	})
	t.Run("of two nodes' tombstones of one rule one stays", func(t *testing.T) {
		y := newTestNode(t, dev)
		y.add(y.on(20, 0))
		h := y.policy.Horizons("default", y.now)[0]
		for _, id := range []string{"1", "2"} {
			y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{h.Tombstone("default", id, y.now)}})
		}
		y.must(y.Expire(t.Context(), y.now))
		if list := y.catalog.Snapshot().Tombstones("default"); len(list) != 1 || list[0].ID != "2" {
			t.Errorf("tombstones are %v", list)
		}
	})
	t.Run("a new rule is an exception of the default", func(t *testing.T) {
		y := newTestNode(t, func(o *Options) { o.DefaultKeep = 7 * hours })
		f := y.add(y.on(20, 0))[0]
		y.must(y.Expire(t.Context(), y.now))
		y.rebuild(func(o *Options) {
			o.DefaultKeep = 7 * hours
			o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "env", "audit")}}
		})
		y.must(y.Expire(t.Context(), y.now))
		m := y.catalog.Snapshot().Mask(&f)
		if m.Of(compacttest.ParseLabels("up env=audit")) != nil || m.Of(compacttest.ParseLabels("up")) == nil {
			t.Error("the default holds where the rule does, or not where it should")
		}
	})
}

func TestExpireRemovesFilesThatAreOldAsAWhole(t *testing.T) {
	y := newTestNode(t, func(o *Options) {
		o.DefaultKeep = 30 * hours
		o.Retention = []retention.Rule{
			{Matchers: compacttest.Selector(t, "__name__", "audit"), Keep: 90 * hours},
			{Matchers: compacttest.Selector(t, "__name__", "law")},
		}
	})
	named := func(older, newer int, name string) func(*catalog.File) {
		return func(f *catalog.File) {
			y.on(older, newer)(f)
			f.MinName, f.MaxName = name, name
		}
	}
	files := y.add(named(60, 40, "up"), named(60, 20, "up"), named(60, 40, "audit"), named(200, 100, "audit"), named(900, 800, "law"),
		func(f *catalog.File) { y.on(60, 40)(f); f.Kind = catalog.Aggregates(300000) },
		func(f *catalog.File) {
			named(60, 40, "up")(f)
			f.Kind = catalog.Aggregates(300000)
		})
	y.must(y.Expire(t.Context(), y.now))
	want := []string{files[1].ID, files[2].ID, files[4].ID, files[5].ID} // The sixth may hold any name.
	if diff := cmp.Diff(want, y.live()); diff != "" {
		t.Errorf("wrong files live (-want +got):\n%s", diff)
	}
	if got := y.metric("herringbone_compactor_expired_files_total"); got != 3 {
		t.Errorf("%v files counted", got)
	}
}

func TestExpireRefusesToTakeAwayTooMuch(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.DefaultKeep, o.Collect.MinFiles = 30*hours, 5 })
	for range 6 {
		y.add(y.on(60, 40))
	}
	y.add(y.on(3, 0))
	before := y.live()
	err := y.Expire(t.Context(), y.now)
	if !errors.Is(err, plan.ErrRefused) || !strings.Contains(err.Error(), "retention.max_share") {
		t.Fatalf("expired: %v", err)
	}
	if diff := cmp.Diff(before, y.live()); diff != "" || len(y.catalog.Snapshot().Tombstones("default")) > 0 {
		t.Errorf("something was taken away all the same: %s", diff)
	}
	if y.metric("herringbone_compactor_refused_total") != 1 {
		t.Error("not counted")
	}
	y.rebuild(func(o *Options) { o.DefaultKeep, o.Collect.MinFiles, o.MaxExpireShare = 30*hours, 5, 1 })
	y.must(y.Expire(t.Context(), y.now))
	if n := len(y.live()); n != 1 {
		t.Errorf("%d files live", n)
	}
}

// A compacted store has few files; by default they are not all taken away at
// once without a word, neither from view nor from the disk.
func TestDefaultsRefuseToTakeAwayACompactedStore(t *testing.T) {
	y := newTestNode(t, nil)
	var files []catalog.File
	for d := 400; d > 0; d -= 10 {
		files = append(files, y.add(y.on(d, d-9))...)
	}
	y.rebuild(func(o *Options) { o.DefaultKeep = time.Hour })
	if err := y.Expire(t.Context(), y.now); !errors.Is(err, plan.ErrRefused) {
		t.Errorf("expired: %v", err)
	}
	if n := len(y.live()); n != len(files) {
		t.Errorf("%d files are left of %d", n, len(files))
	}
	y.remove(files...)
	if err := y.Collect(t.Context(), y.now.Add(2*hours)); !errors.Is(err, plan.ErrRefused) {
		t.Errorf("collected: %v", err)
	}
	if !y.has(files[0].Name) {
		t.Error("an object is deleted")
	}
}

// The last files of a tenant who writes no more go in their time, however many
// they are: their rows were hidden one after the other.
func TestExpireLetsAStoppedTenantGo(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.DefaultKeep = 30 * plan.WholeDay })
	for range 2 * y.opts.Collect.MinFiles {
		y.add(y.on(7, 1))
	}
	for range 40 {
		y.must(y.Expire(t.Context(), y.now))
		y.now = y.now.Add(plan.WholeDay)
	}
	if n := len(y.live()); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// What a rule kept is lost when the rule is no more, although the default's
// tombstone is old.
func TestExpireCountsWhatALongerRuleKept(t *testing.T) {
	keep := []retention.Rule{{Matchers: compacttest.Selector(t, "__name__", "a")}}
	y := newTestNode(t, func(o *Options) { o.DefaultKeep, o.Retention = 30*plan.WholeDay, keep })
	for range 2 * y.opts.Collect.MinFiles {
		y.add(y.on(40, 29))
	}
	y.must(y.Expire(t.Context(), y.now))
	y.now = y.now.Add(5 * plan.WholeDay)
	y.rebuild(func(o *Options) { o.DefaultKeep, o.MaxExpireShare = 30*plan.WholeDay, 0.5 })
	if err := y.Expire(t.Context(), y.now); !errors.Is(err, plan.ErrRefused) {
		t.Errorf("expired: %v", err)
	}
}

// Files go in batches; wherever that is cut off, what was hidden stays so.
func TestExpiredRowsStayHiddenBetweenBatches(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.DefaultKeep, o.MaxExpireShare = 30*plan.WholeDay, 1 })
	var changes []func(*catalog.File)
	for range 2*retention.ExpireBatch + 1 {
		changes = append(changes, y.on(31, 29))
	}
	hidden := y.now.Add(-31 * plan.WholeDay).UnixMilli()
	y.add(changes...)
	y.must(y.Expire(t.Context(), y.now))
	y.now = y.now.Add(3 * plan.WholeDay)
	e := y.policy.Expiry(y.catalog.Snapshot(), "default", y.now, retention.Guard{Share: 1})
	for left := 2*retention.ExpireBatch + 1; left > 0; {
		edits := e.Edits()
		y.commit(edits[0])
		s := y.catalog.Snapshot()
		left -= min(left, retention.ExpireBatch)
		if s.Len() != left {
			t.Fatalf("%d files are left, want %d", s.Len(), left)
		}
		for f := range s.All() {
			if !s.Mask(f).Covers(f.MinT, hidden) {
				t.Fatalf("with %d files left, rows are seen again", left)
			}
		}
		e = y.policy.Expiry(s, "default", y.now, retention.Guard{Share: 1}) // As after a restart.
	}
	y.must(y.Expire(t.Context(), y.now))
	if n := len(y.catalog.Snapshot().Tombstones("default")); n != 0 {
		t.Errorf("%d tombstones are left of nothing", n)
	}
}

// The rules say which row is visible; whatever was written and compacted when,
// after Expire the catalog says the same, to the roundness of cutoffs.
func TestExpireShowsWhatTheRulesSay(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	for range 10 {
		y := newTestNode(t, nil)
		rules := randomRules(t, r)
		keep := time.Duration(r.IntN(40)) * hours
		y.rebuild(func(o *Options) { o.Retention, o.DefaultKeep, o.MaxExpireShare = rules, keep, 1 })
		for range 6 {
			older := r.IntN(100)
			y.add(y.on(older, r.IntN(older+1)))
			if r.IntN(2) == 0 {
				y.must(y.Expire(t.Context(), y.now))
			}
			if r.IntN(2) == 0 {
				y.must(y.Settle(t.Context()))
			}
			y.now = y.now.Add(time.Duration(r.IntN(72)) * time.Hour)
		}
		y.must(y.Expire(t.Context(), y.now))
		version := y.catalog.Snapshot().Version()
		y.must(y.Expire(t.Context(), y.now))
		if v := y.catalog.Snapshot().Version(); v != version {
			t.Fatalf("seed %d: retention changed the catalog twice at one time, to version %d", seed, v)
		}
		for range 200 {
			ls := compacttest.ParseLabels(fmt.Sprintf("m%d env=e%d zone=z%d", r.IntN(3), r.IntN(3), r.IntN(3)))
			want := y.policy.Cutoff(definition(rules, keep, ls), y.now)
			for f := range y.catalog.Snapshot().All() {
				if f.Level > 0 {
					continue // Rows that a job has dropped are not this test's to know.
				}
				at := f.MinT + r.Int64N(f.MaxT-f.MinT+1)
				if hidden := y.catalog.Snapshot().Mask(f).Of(ls).Covers(at, at); hidden != (at <= want) {
					t.Fatalf("seed %d: %s at %d, rules %v, cutoff %d: hidden %t", seed, ls, at, rules, want, hidden)
				}
			}
		}
	}
}

func randomRules(t *testing.T, r *rand.Rand) []retention.Rule {
	var rules []retention.Rule
	for range r.IntN(4) {
		label := []string{"__name__", "env", "zone"}[r.IntN(3)]
		value := map[string]string{"__name__": "m", "env": "e", "zone": "z"}[label] + fmt.Sprint(r.IntN(3))
		rules = append(rules, retention.Rule{Matchers: compacttest.Selector(t, label, value), Keep: time.Duration(r.IntN(60)) * hours})
	}
	return rules
}

// definition is the rule in one sentence: the shortest of those that match, or
// else the default.
func definition(rules []retention.Rule, keep time.Duration, ls labels.Labels) time.Duration {
	shortest, found := time.Duration(0), false
	for _, rule := range rules {
		matches := true
		for _, m := range rule.Matchers {
			matches = matches && m.Matches(ls.Get(m.Name))
		}
		if matches && (!found || shortest == 0 || rule.Keep != 0 && rule.Keep < shortest) {
			shortest, found = rule.Keep, true
		}
	}
	if !found {
		return keep
	}
	return shortest
}

func policyOf(o Options) *retention.Policy {
	return retention.NewPolicy(o.Retention, o.DefaultKeep, o.TenantKeep, o.Rules)
}
