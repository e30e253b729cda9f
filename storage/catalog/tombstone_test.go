package catalog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

func testMatcher(op labels.MatchType, name, value string) *labels.Matcher {
	return labels.MustNewMatcher(op, name, value)
}

func testTombstone(id string) Tombstone {
	return Tombstone{
		ID: id, Tenant: "t", Cause: Deleted, MinT: 10, MaxT: 20, Created: 1, Hidden: 100,
		Matchers: []*labels.Matcher{testMatcher(labels.MatchRegexp, "job", "x|y.*")},
		Except:   [][]*labels.Matcher{{testMatcher(labels.MatchEqual, "keep", "yes")}},
	}
}

// What sample leaves alive.
const (
	liveTombstone   = "tomb-11"
	sampleTombstone = `tomb-11 t deleted [job=~"x|y.*"] [[keep="yes"]] 10 20 12 100 0 0`
)

func tombstoneText(t *Tombstone) string {
	return fmt.Sprint(t.ID, " ", t.Tenant, " ", t.Cause, " ", t.Matchers, " ", t.Except, " ", t.MinT, " ", t.MaxT, " ", t.Seq, " ", t.Hidden, " ", t.Purged, " ", t.Done)
}

func TestHidesSeries(t *testing.T) {
	stone := Tombstone{
		Matchers: []*labels.Matcher{testMatcher(labels.MatchRegexp, "__name__", "debug_.*"), testMatcher(labels.MatchNotEqual, "zone", "eu")},
		Except:   [][]*labels.Matcher{{testMatcher(labels.MatchEqual, "job", "a"), testMatcher(labels.MatchEqual, "env", "prod")}, {testMatcher(labels.MatchEqual, "keep", "1")}},
	}
	tests := map[string]struct {
		series labels.Labels
		want   bool
	}{
		"it matches":                    {labels.FromStrings("__name__", "debug_x", "job", "a"), true},
		"one matcher does not match":    {labels.FromStrings("__name__", "debug_x", "zone", "eu"), false},
		"an exception matches in full":  {labels.FromStrings("__name__", "debug_x", "job", "a", "env", "prod"), false},
		"an exception matches in half":  {labels.FromStrings("__name__", "debug_x", "env", "prod"), true},
		"the other exception matches":   {labels.FromStrings("__name__", "debug_x", "keep", "1"), false},
		"an exception, but no matchers": {labels.FromStrings("__name__", "up", "keep", "1"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := stone.HidesSeries(tt.series); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if every := (&Tombstone{}); !every.HidesSeries(labels.FromStrings("__name__", "up")) {
		t.Error("a tombstone without matchers does not hide everything")
	}
}

// A tombstone may hide rows of a file from its first to its last millisecond.
func TestHidesFilesThatItMeets(t *testing.T) {
	f := testFile("a", 1)
	f.Seq = 3
	for _, tt := range []struct {
		minT, maxT int64
		want       bool
	}{
		{f.MinT - 10, f.MinT - 1, false},
		{f.MinT - 10, f.MinT, true},
		{f.MaxT, f.MaxT + 10, true},
		{f.MaxT + 1, f.MaxT + 10, false},
	} {
		stone := Tombstone{Tenant: f.Tenant, MinT: tt.minT, MaxT: tt.maxT, Seq: 4}
		if got := stone.Hides(&f); got != tt.want {
			t.Errorf("a tombstone of %d to %d hides rows of %d to %d: %t", tt.minT, tt.maxT, f.MinT, f.MaxT, got)
		}
	}
}

func TestMaskOf(t *testing.T) {
	hides := func(job string) *Tombstone {
		return &Tombstone{ID: job, Matchers: []*labels.Matcher{testMatcher(labels.MatchRegexp, "job", job)}}
	}
	mask := Mask{hides("a|b"), hides("b"), hides("a|b"), hides("c")}
	tests := map[string][]string{
		"a": {"a|b", "a|b"},
		"b": {"a|b", "b", "a|b"},
		"c": {"c"},
		"d": nil,
	}
	for job, want := range tests {
		var got []string
		for _, one := range mask.Of(labels.FromStrings("job", job)) {
			got = append(got, one.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of %s (-want +got):\n%s", job, diff)
		}
	}
	none, all := labels.FromStrings("job", "d"), labels.FromStrings("job", "b")
	if m := mask.Of(none); m != nil {
		t.Errorf("a mask that hides nothing is %#v", m)
	}
	some := mask[:3]
	if n := testing.AllocsPerRun(100, func() { mask.Of(none); some.Of(all); Mask(nil).Of(all) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNoTombstones: a tenant without tombstones pays nothing for its masks.
func TestNoTombstones(t *testing.T) {
	f := testFile("a", 1)
	other := testTombstone("x")
	s := (&Snapshot{}).apply(change{version: 2, add: []*File{&f}, tombstones: []*Tombstone{&other}})
	if n := testing.AllocsPerRun(100, func() {
		if s.Mask(&f) != nil {
			t.Error("a mask")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestMaskTimes compares a mask's answers about times with those of a model that
// looks at each.
func TestMaskTimes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		var m Mask
		for range r.IntN(5) {
			from := r.Int64N(20)
			m = append(m, &Tombstone{MinT: from, MaxT: from + r.Int64N(8)})
			if r.IntN(10) == 0 {
				m[len(m)-1].MinT = math.MinInt64
			}
			if r.IntN(10) == 0 {
				m[len(m)-1].MaxT = math.MaxInt64
			}
		}
		hides := func(at int64) bool {
			return slices.ContainsFunc(m, func(t *Tombstone) bool { return t.MinT <= at && at <= t.MaxT })
		}
		from := r.Int64N(20)
		to := from + r.Int64N(10)
		covers, meets := true, false
		var s, want series.Samples
		for at := from; at <= to; at++ {
			covers, meets = covers && hides(at), meets || hides(at)
			s.AppendFloat(at, float64(at), 0)
			if !hides(at) {
				want.AppendFloat(at, float64(at), 0)
			}
		}
		if got := m.Covers(from, to); got != covers {
			t.Fatalf("%v covers %d to %d: %v", tombstoneTimes(m), from, to, got)
		}
		if got := m.Meets(from, to); got != meets {
			t.Fatalf("%v meets %d to %d: %v", tombstoneTimes(m), from, to, got)
		}
		before := s.Len()
		if n := m.Cut(&s); n != before-s.Len() || !slices.Equal(s.Times, want.Times) || !slices.Equal(s.Values, want.Values) {
			t.Fatalf("%v leaves %v of %d to %d and says %d", tombstoneTimes(m), s.Times, from, to, n)
		}
	}
	whole := Mask{{MinT: 1, MaxT: math.MaxInt64}, {MinT: math.MinInt64, MaxT: 0}}
	if !whole.Covers(math.MinInt64, math.MaxInt64) || whole[:1].Covers(math.MinInt64, math.MaxInt64) {
		t.Error("all of time")
	}
}

func tombstoneTimes(m Mask) (list [][2]int64) {
	for _, t := range m {
		list = append(list, [2]int64{t.MinT, t.MaxT})
	}
	return list
}

// BenchmarkMask asks for the mask of a file, with none, some and very many
// tombstones of other metrics.
func BenchmarkMask(b *testing.B) {
	for _, n := range []int{0, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := testFile("a", 1)
			var laid []*Tombstone
			for i := range n {
				one := testTombstone(fmt.Sprint(i))
				one.Tenant, one.MaxT, one.Seq = series.DefaultTenant, math.MaxInt64, 9
				one.Matchers = []*labels.Matcher{testMatcher(labels.MatchEqual, "__name__", fmt.Sprint("zz", i))}
				laid = append(laid, &one)
			}
			s := (&Snapshot{}).apply(change{version: 10, add: []*File{&f}, tombstones: laid})
			b.ReportAllocs()
			for b.Loop() {
				if len(s.Mask(&f)) > 0 {
					b.Fatal("a mask")
				}
			}
		})
	}
}
