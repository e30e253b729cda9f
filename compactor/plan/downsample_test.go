package plan

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

func TestPlanClean(t *testing.T) {
	tombstones := func(cause catalog.Cause, age time.Duration, at string) []*catalog.Tombstone {
		return []*catalog.Tombstone{{
			ID: "t", Tenant: "default", Cause: cause, Seq: 50, Created: parseTime(t, at) - age.Milliseconds(),
			MinT: parseTime(t, "d0 00:00"), MaxT: parseTime(t, "d3 12:00"),
			Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "a", "b")},
		}}
	}
	runScenarios(t, map[string]scenario{
		"a delete waits for a merge": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1"}, stones: tombstones(catalog.Deleted, 23*time.Hour, "d40 00:00"),
		},
		"but not for ever": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1", "n L4 d32 seq 1", "o L4 d0 seq 1 clean 50 key k=1", "p L0 d3 06:00-07:00 seq 51 key k=2"},
			stones: tombstones(catalog.Deleted, 25*time.Hour, "d40 00:00"),
			want:   []string{"clean L4 d0+31: m (delete)"},
		},
		"or until somebody asks for it": {
			now: "d3 13:00", files: []string{"m L1 d3 00:00-06:00 seq 1", "n L0 d3 07:00-08:00 seq 2 age 1m"}, all: true,
			stones: tombstones(catalog.Deleted, 0, "d3 13:00"),
			want:   []string{"clean L0 d3: n (delete)", "clean L1 d3: m (delete)"},
		},
		"a merge does it on the way": {
			now: "d4 13:00", files: []string{"m L1 d3 00:00-06:00 seq 1", "n L0 d3 07:00-08:00 seq 2"}, all: true,
			stones: tombstones(catalog.Deleted, 0, "d4 13:00"),
			want:   []string{"L2 d3: m n (closed day)"},
		},
		"what retention hides waits": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1"}, stones: tombstones(catalog.Expired, 90*WholeDay, "d40 00:00"), all: true,
		},
		"a damaged file is not cleaned": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1"}, stones: tombstones(catalog.Deleted, 90*WholeDay, "d40 00:00"), bad: []string{"m"},
		},
		"aggregates go where there are samples, and are cleaned where there are none": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 rows aggregates-5m", "n L4 d0 seq 1 rows aggregates-1h dropped"},
			stones: tombstones(catalog.Deleted, 25*time.Hour, "d40 00:00"),
			want:   []string{"clean aggregates-1h L4 d0+31: n (delete)", "L4 d0+31: m (delete)"},
		},
	})
}

func TestPlanAggregates(t *testing.T) {
	five := Rule{Tenant: "default", Resolution: 300_000, After: 30 * series.DayMillis, KeepSamples: true}
	early := Rule{Tenant: "default", Resolution: 300_000, After: 0, KeepSamples: true, Matchers: Selector{labels.MustNewMatcher(labels.MatchEqual, "a", "b")}}
	hour := Rule{Tenant: "default", Resolution: 3_600_000, After: 60 * series.DayMillis, KeepSamples: true}
	drop := five
	drop.KeepSamples = false
	other := five
	other.Tenant = "other"
	foreign := five
	foreign.Matchers = Selector{labels.MustNewMatcher(labels.MatchEqual, "k", "2")}
	runScenarios(t, map[string]scenario{
		"a unit is not old enough": {
			now: "d60 00:00", files: []string{"m L4 d0"}, rules: []Rule{five, hour},
		},
		"a rule is due": {
			now: "d62 00:00", files: []string{"m L4 d0", "n L4 d0"}, rules: []Rule{five, hour},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] [n] +5m (aggregates-5m due)"},
		},
		"a rule of another tenant or partition key is not for it": {
			now: "d62 00:00", files: []string{"m L4 d0 key k=1"}, rules: []Rule{other, foreign},
		},
		"a file that was left alone counts as its day's": {
			now: "d62 00:00", files: []string{"m L0 d3 00:00-01:00"}, rules: []Rule{five},
			want: []string{"downsample aggregates-5m L2 d3: [m] +5m (aggregates-5m due)"},
		},
		"aggregates as new as the samples are enough": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h"}, rules: []Rule{five},
		},
		"older aggregates are made again": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 2 rows aggregates-5m age 1h"}, rules: []Rule{five},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] x +5m (aggregates-5m due)"},
		},
		"aggregates of parts of the unit are replaced": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L3 d0 seq 3 rows aggregates-5m age 1h", "y L3 d7 seq 3 rows aggregates-5m age 1h"}, rules: []Rule{five},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] x y +5m (aggregates-5m due)"},
		},
		"aggregates that were made before another rule was due are made again": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 48h"}, rules: []Rule{five, early},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] x +5m +5m (aggregates-5m due)"},
		},
		"damaged aggregates are replaced, of damaged samples none are made": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h", "n L4 d0 seq 3 key k=2"}, rules: []Rule{five}, bad: []string{"x", "n"},
			want: []string{"downsample aggregates-5m L4 d0+31: [m] x +5m (aggregates-5m due)"},
		},
		"late data that waits for its merge is not aggregated before": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3 100MB", "x L4 d0 seq 3 rows aggregates-5m age 1h", "a L0 d3 00:00-01:00 seq 9 age 3h"}, rules: []Rule{five},
		},
		"a merge of old samples makes aggregates on the way, of all files of the unit": {
			now:   "d62 00:00",
			files: []string{"l L4 d0 seq 3 names a-f 500MB", "m L4 d0 seq 3 500MB names g-k", "x L4 d0 seq 3 rows aggregates-5m age 1h", "a L0 d3 00:00-01:00 seq 9 names g-g"}, rules: []Rule{five, hour},
			want: []string{"L4 d0+31: l m a x +5m (late for its month)"},
		},
		"a merge keeps up aggregates that it would make look old": {
			now: "d365 04:00", files: []string{"a L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h", "b L4 d31 seq 4"}, rules: []Rule{five, hour},
			want: []string{"L5 d0+365: a b x +5m (closed year)"},
		},
		"a merge of less than a unit makes none": {
			now: "d62 00:00", files: []string{"a L0 d0 00:00-01:00 seq 3", "b L0 d0 00:00-01:00 seq 4", "c L0 d0 00:00-01:00 seq 5 age 1h"}, rules: []Rule{five}, bad: []string{"c"},
			want: []string{"L4 d0+31: a b (closed month)"},
		},
		"samples go when their aggregates have settled": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h"}, rules: []Rule{drop},
			want: []string{"drop_samples L4 d0+31: m x +5m (aggregates-5m are kept instead)"},
		},
		"not before": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 59m"}, rules: []Rule{drop},
		},
		"not where another rule of the resolution keeps them": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h"}, rules: []Rule{drop, early},
		},
		"not before all aggregates are made": {
			now: "d100 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 24h"}, rules: []Rule{drop, hour},
			want: []string{"downsample aggregates-1h L4 d0+31: [m] +1h (aggregates-1h due)"},
		},
		"not where a series may be in files of another template": {
			now: "d62 00:00", files: []string{"m L4 d0 seq 3", "x L4 d0 seq 3 rows aggregates-5m age 1h", "n L4 d0 key k=1", "y L4 d0 seq 3 rows aggregates-5m age 1h key k=1"}, rules: []Rule{drop},
		},
		"samples that will go are not merged into years": {
			now: "d365 04:00", files: []string{"a L4 d300 seq 3", "b L4 d334 seq 4"}, rules: []Rule{{Tenant: "default", Resolution: 300_000, After: 900 * series.DayMillis}},
		},
		"nothing is made of what came too late": {
			now: "d62 00:00", files: []string{"a L0 d3 00:00-01:00 seq 9", "x L4 d0 seq 3 rows aggregates-5m dropped"}, rules: []Rule{drop},
		},
		"aggregates that are all that is left merge": {
			now: "d365 04:00", files: []string{"x L4 d0 seq 3 rows aggregates-5m dropped", "y L4 d31 seq 4 rows aggregates-5m dropped"}, rules: []Rule{drop},
			want: []string{"aggregates-5m L5 d0+365: x y (closed year)"},
		},
		"not over days that still have samples": {
			now: "d365 04:00", files: []string{"x L4 d0 seq 3 rows aggregates-5m dropped", "y L4 d31 seq 4 rows aggregates-5m dropped", "a L4 d334 seq 9"}, rules: []Rule{drop},
		},
		"samples are not merged with those of days that have none": {
			now: "d32 00:00", files: []string{"a L2 d0 seq 1", "b L2 d1 seq 1", "c L2 d8 seq 2", "x L3 d0 seq 3 rows aggregates-5m dropped"}, rules: []Rule{drop},
			want: []string{"L3 d0+7: a b (closed week)"},
		},
		"coarser aggregates are made of finer ones where samples are dropped": {
			now: "d100 00:00", files: []string{"x L4 d0 seq 3 rows aggregates-5m dropped", "y L3 d0 seq 3 rows aggregates-1h age 1h"}, rules: []Rule{drop, hour},
			want: []string{"coarsen aggregates-1h L4 d0+31: [x] y +1h (aggregates-1h due, samples dropped)"},
		},
		"once": {
			now: "d100 00:00", files: []string{"x L4 d0 seq 3 rows aggregates-5m dropped", "y L4 d0 seq 3 rows aggregates-1h age 1h"}, rules: []Rule{drop, hour},
		},
	})
}
