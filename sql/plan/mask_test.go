package plan

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
)

func ref(minT, maxT int64, pairs ...string) block.Ref {
	return block.Ref{Labels: labels.FromStrings(append([]string{"__name__", "m"}, pairs...)...), Rows: 1, MinT: minT, MaxT: maxT}
}

func tombstone(id string, minT, maxT int64, matchers ...*labels.Matcher) *catalog.Tombstone {
	return &catalog.Tombstone{ID: id, MinT: minT, MaxT: maxT, Matchers: matchers}
}

func TestConditionsOfTombstones(t *testing.T) {
	const first, last = math.MinInt64, math.MaxInt64
	is, isNot, like, unlike := labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp
	match := labels.MustNewMatcher
	refs := []block.Ref{ref(0, 1000, "job", "a"), ref(0, 1000, "job", "b"), ref(0, 1000)}
	except := tombstone("x", first, last, match(is, "__name__", "m"))
	except.Except = [][]*labels.Matcher{{match(is, "job", "a"), match(isNot, "env", "x")}, {match(is, "job", "b")}}
	tests := map[string]struct {
		mask catalog.Mask
		want []string
	}{
		"nothing of these series":                       {mask: catalog.Mask{tombstone("x", first, last, match(is, "job", "z"))}},
		"not in their time":                             {mask: catalog.Mask{tombstone("x", 1001, last, match(is, "job", "a"))}},
		"all series: labels need not be read":           {catalog.Mask{tombstone("x", 500, last, match(is, "__name__", "m"))}, []string{`NOT ("time" >= TIMESTAMPTZ '1970-01-01 00:00:00.500+00')`}},
		"a label that a series has not is empty":        {catalog.Mask{tombstone("x", first, last, match(is, "job", ""))}, []string{`NOT (COALESCE("job", '') = '')`}},
		"an expression is the values that it matches":   {catalog.Mask{tombstone("x", first, 10, match(like, "job", "(?i)A"))}, []string{`NOT (COALESCE("job", '') IN ('a') AND "time" <= TIMESTAMPTZ '1970-01-01 00:00:00.010+00')`}},
		"or those that it does not":                     {catalog.Mask{tombstone("x", first, last, match(unlike, "job", "a"))}, []string{`NOT (COALESCE("job", '') NOT IN ('a'))`}},
		"a label that only other metrics of files have": {catalog.Mask{tombstone("x", first, last, match(isNot, "job", "a"), match(is, "Job", ""))}, []string{`NOT (COALESCE("job", '') <> 'a' AND COALESCE(NULL::VARCHAR, '') = '')`}},
		"exceptions": {catalog.Mask{except}, []string{`NOT (COALESCE(__name__, '') = 'm' AND NOT (COALESCE("job", '') = 'a' AND COALESCE(NULL::VARCHAR, '') <> 'x') AND NOT (COALESCE("job", '') = 'b'))`}},
		"two":        {catalog.Mask{tombstone("x", first, last, match(is, "job", "a")), tombstone("y", first, last, match(is, "job", "b"))}, []string{`NOT (COALESCE("job", '') = 'a')`, `NOT (COALESCE("job", '') = 'b')`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := []*Source{{File: &catalog.File{MinT: 0, MaxT: 1000}, Columns: []string{"job"}, Masked: NewMasked(tt.mask, refs)}}
			if (files[0].Masked == nil) != (tt.want == nil) {
				t.Fatalf("masked: %+v", files[0].Masked)
			}
			within := func(minT, maxT int64) []string { return between(`"time"`, minT, maxT, files) }
			got, everywhere := shown(files, within)
			if diff := cmp.Diff(tt.want, got); diff != "" || !everywhere {
				t.Errorf("everywhere %v (-want +got):\n%s", everywhere, diff)
			}
		})
	}
}

// A file that was written after the tombstone, or that holds nothing of it, is
// not asked for its columns, and keeps its rows.
func TestTombstonesOfSomeFiles(t *testing.T) {
	refs := []block.Ref{ref(0, 1000, "job", "a"), ref(0, 1000)}
	hit := tombstone("x", math.MinInt64, math.MaxInt64, labels.MustNewMatcher(labels.MatchEqual, "job", "a"))
	file := &catalog.File{MinT: 0, MaxT: 1000}
	files := []*Source{{File: file}, {File: file, Columns: []string{"job"}, Masked: NewMasked(catalog.Mask{hit}, refs)}, {File: file}}
	got, everywhere := shown(files, func(int64, int64) []string { return nil })
	if diff := cmp.Diff([]string{`NOT (COALESCE("job", '') = 'a' AND file_index IN (1))`}, got); diff != "" || everywhere {
		t.Errorf("everywhere %v (-want +got):\n%s", everywhere, diff)
	}
	if parts := byMask(files); len(parts[0]) != 2 || len(parts[1]) != 1 {
		t.Errorf("%v", parts)
	}
}

func TestShownSeries(t *testing.T) {
	refs := []block.Ref{ref(0, 1000, "job", "a"), ref(0, 400, "job", "b"), ref(600, 1000)}
	m := NewMasked(catalog.Mask{
		tombstone("x", 0, 500, labels.MustNewMatcher(labels.MatchRegexp, "job", ".*")),
		tombstone("y", 501, 900, labels.MustNewMatcher(labels.MatchEqual, "job", "a")),
	}, refs)
	for _, tt := range []struct {
		minT, maxT int64
		want       []block.Ref
	}{
		{math.MinInt64, math.MaxInt64, []block.Ref{refs[0], refs[2]}},
		{0, 900, []block.Ref{refs[2]}},
		{300, 500, []block.Ref{refs[2]}},
	} {
		if diff := cmp.Diff(tt.want, m.Shown(refs, tt.minT, tt.maxT), cmp.Comparer(labels.Equal)); diff != "" {
			t.Errorf("%d to %d (-want +got):\n%s", tt.minT, tt.maxT, diff)
		}
	}
	if got := (*Masked)(nil).Shown(refs, 0, 1); len(got) != 3 {
		t.Errorf("no mask: %v", got)
	}
}

func TestAggregateColumns(t *testing.T) {
	table := AggregateTable(catalog.Table{Metric: "m", Labels: []string{"First", "job", "min", "value"}}, 300_000)
	var got []string
	for _, c := range table.Columns {
		got = append(got, c.Name+" "+c.Type())
	}
	want := []string{
		"time TIMESTAMPTZ", "count BIGINT", "min DOUBLE", "max DOUBLE", "sum DOUBLE", "first DOUBLE", "last DOUBLE", "first_time TIMESTAMPTZ",
		"last_time TIMESTAMPTZ", "increase DOUBLE", "job VARCHAR", "label_First VARCHAR", "label_min VARCHAR", "label_value VARCHAR",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
