package plan

import (
	"slices"
	"testing"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Files of one level would otherwise overlap, or the order of writing be lost.
func TestPlanSeesOneNameInCommon(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"late data joins by its first name": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 512MB names a-f", "a L0 d3 00:00-01:00 seq 2 names f-l age 24h"},
			want: []string{"L4 d0+31: m a (late for its month)"},
		},
		"late data joins by its last name": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 512MB names f-l", "a L0 d3 00:00-01:00 seq 2 names a-f age 24h"},
			want: []string{"L4 d0+31: m a (late for its month)"},
		},
		"what lies between files of one name is in the way": {
			now:   "d4 04:00",
			files: []string{"a L0 d3 00:00-02:00 seq 1 names a-a", "x L0 d3 01:00-02:00 seq 3 key __name__~3=1 names a-a", "c L0 d3 01:00-03:00 seq 4 names a-a"},
		},
	})
}

// The job would otherwise fail by the damaged file again and again.
func TestPlanMergesNothingWithADamagedUnit(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"late data stays beside a damaged month": {
			now: "d40 00:00", bad: []string{"m"}, files: []string{"m L4 d0 seq 1 100MB", "a L0 d3 00:00-01:00 seq 2 1MB age 24h"},
		},
		"so do small files of the unit": {
			now: "d40 00:00", bad: []string{"b"}, files: []string{"a L4 d0 names a-b", "b L4 d0 names c-d", "c L4 d0 names e-f", "d L4 d0 names g-h"},
		},
	})
}

// A rule that was made to wait longer would otherwise lose its samples at once,
// because its aggregates are there from before.
func TestSamplesDoNotGoBeforeTheirRuleIsDue(t *testing.T) {
	drop := Rule{Tenant: "default", Resolution: 300_000, After: 60 * series.DayMillis}
	keep := Rule{Tenant: "default", Resolution: 3_600_000, After: 30 * series.DayMillis, KeepSamples: true}
	files := []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 24h", "y L4 d0 seq 3 rows aggregates-1h age 24h"}
	runScenarios(t, map[string]scenario{
		"a minute before": {now: "d90 23:59", files: files, rules: []Rule{drop, keep}},
		"on the day": {
			now: "d91 00:00", files: files, rules: []Rule{drop, keep},
			want: []string{"drop_samples L4 d0+31: m x +5m (aggregates-5m are kept instead)"},
		},
	})
}

// A month would otherwise get no aggregates once its neighbour's samples are dropped.
func TestMonthsThatBorderDoNotMeet(t *testing.T) {
	drop := []Rule{{Tenant: "default", Resolution: 300_000, After: 30 * series.DayMillis}}
	runScenarios(t, map[string]scenario{
		"the next month's samples are dropped": {
			now: "d95 00:00", rules: drop, files: []string{"m L4 d0 seq 3", "x L4 d31 seq 3 rows aggregates-5m dropped"},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] +5m (aggregates-5m due)"},
		},
		"those of the month before are": {
			now: "d95 00:00", rules: drop, files: []string{"x L4 d0 seq 3 rows aggregates-5m dropped", "m L4 d31 seq 3"},
			want: []string{"downsample aggregates-5m L4 d31+28: [m] +5m (aggregates-5m due)"},
		},
	})
}

// An old sample would otherwise win over another template's newer one of its time.
func TestOneMillisecondInCommonKeepsTheOrderOfWriting(t *testing.T) {
	file := func(id, key string, seq, minT, maxT int64) *catalog.File {
		return &catalog.File{ID: id, Tenant: "default", Kind: catalog.Samples, Partition: key, Seq: seq, Days: 1, MinT: minT, MaxT: maxT, MinName: "a", MaxName: "z"}
	}
	a, c := file("a", "k~2=0", 1, 100, 200), file("c", "k~2=0", 4, 100, 200)
	f := func(minT, maxT int64, want int) {
		t.Helper()
		x := file("x", "k~3=0", 3, minT, maxT)
		p := newPlanner(State{Files: slices.Values([]*catalog.File{a, x, c})})
		sh := p.byKey[partitionKey{"default", catalog.Samples, "k~2=0"}]
		if got := p.between(sh, []*catalog.File{a, c}); len(got) != want {
			t.Errorf("a file of %d to %d: %d are in the way, want %d", minT, maxT, len(got), want)
		}
	}
	f(0, 99, 0)
	f(0, 100, 1)
	f(200, 300, 1)
	f(201, 300, 0)
}
