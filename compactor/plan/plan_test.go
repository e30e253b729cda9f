package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// scenario is a catalog as text, and what Plan makes of it.
type scenario struct {
	now    string   // "d3 12:00"
	files  []string // See parseFile.
	levels func(*Levels)
	rules  []Rule
	keep   time.Duration
	stones []*catalog.Tombstone
	bad    []string
	all    bool     // CleanAll.
	want   []string // See describe.
}

func (s scenario) input(t *testing.T) (State, []*catalog.File) {
	t.Helper()
	now := parseTime(t, s.now)
	files := make([]*catalog.File, 0, len(s.files))
	for _, text := range s.files {
		files = append(files, parseFile(t, text, now))
	}
	m := &model{stones: s.stones}
	in := State{Mask: m.mask, Quarantined: map[string]bool{}, Now: now, Levels: DefaultLevels(), Rules: s.rules, CleanAll: s.all}
	in.Keep = func(series.Tenant) time.Duration { return s.keep }
	for _, id := range s.bad {
		in.Quarantined[id] = true
	}
	if s.levels != nil {
		s.levels(&in.Levels)
	}
	return in, files
}

// runScenarios also checks that the order of files does not matter, since the
// catalog promises none.
func runScenarios(t *testing.T, tests map[string]scenario) {
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in, files := tt.input(t)
			in.Files = slices.Values(files)
			got := describe(Make(in))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wrong jobs (-want +got):\n%s", diff)
			}
			for seed := range uint64(5) {
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
				if diff := cmp.Diff(got, describe(Make(in))); diff != "" {
					t.Errorf("plan depends on the order of files (-first +shuffled %d):\n%s", seed, diff)
				}
			}
		})
	}
}

// several is n files of one text, which has a verb for a number.
func several(n int, format string) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(format, i)
	}
	return texts
}

func TestPlanWindows(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"an empty catalog has nothing to do": {now: "d3 12:00"},
		"a few young L0 wait for more": {
			now: "d3 03:00", files: []string{"a L0 d3 00:00-01:00 age 100m", "b L0 d3 01:00-02:00 age 1h", "c L0 d3 02:00-03:00 age 1m"},
		},
		"several L0 merge in the order of writing": {
			now: "d3 04:00",
			files: []string{
				"a L0 d3 00:00-01:00 seq 4 age 1h", "b L0 d3 01:00-02:00 seq 3 age 1h",
				"c L0 d3 02:00-03:00 seq 2 age 1h", "d L0 d3 03:00-04:00 seq 1 age 1m",
			},
			want: []string{"L1 d3: d c b a (several L0)"},
		},
		"an old L0 merges with another": {
			now: "d3 04:00", files: []string{"a L0 d3 00:00-01:00 age 3h seq 1", "b L0 d3 01:00-02:00 age 1m seq 2"},
			want: []string{"L1 d3: a b (old L0)"},
		},
		"an old L0 merges with the file of its window": {
			now: "d3 08:00", files: []string{"a L1 d3 00:00-05:00 seq 1", "b L0 d3 04:00-05:00 seq 2 age 3h"},
			want: []string{"L1 d3: a b (old L0)"},
		},
		"a lone L0 has nothing to merge with": {
			now: "d3 12:00", files: []string{"a L0 d3 00:00-01:00 age 11h"},
		},
		"files of other windows are left alone": {
			now: "d3 14:00", files: []string{"w L1 d3 00:00-06:00 seq 1", "x L1 d3 06:00-12:00 seq 2", "b L0 d3 07:00-08:00 seq 3 age 3h"},
			want: []string{"L1 d3: x b (old L0)"},
		},
		"an L0 across two windows takes both": {
			now: "d3 14:00", files: []string{"w L1 d3 00:00-06:00 seq 1", "x L1 d3 06:00-12:00 seq 2", "y L1 d3 12:00-13:00 seq 3", "b L0 d3 05:00-07:00 seq 4 age 3h"},
			want: []string{"L1 d3: w x b (old L0)"},
		},
		"a file of a window with other names is left alone": {
			now: "d3 08:00", files: []string{"w L1 d3 00:00-06:00 seq 1 names a-f", "x L1 d3 00:00-06:00 seq 1 names g-k", "b L0 d3 05:00-06:00 names h-z seq 4 age 3h"},
			want: []string{"L1 d3: x b (old L0)"},
		},
		"a window of another length takes all it lies in": {
			now:    "d3 14:00",
			files:  []string{"v L1 d3 00:00-12:00 seq 1 names a-c", "w L1 d3 00:00-06:00 seq 1 names k-l", "x L1 d3 12:00-13:00 seq 1", "b L0 d3 07:00-08:00 names b-b seq 4 age 3h"},
			levels: func(l *Levels) { l.Window = 6 * time.Hour },
			want:   []string{"L1 d3: v w b (old L0)"},
		},
		"days, keys, tenants do not mix, and what has most L0 goes first": {
			now: "d3 04:00",
			files: slices.Concat(several(4, "a%d L0 d3 00:00-01:00 age 1h key k=1"), several(5, "b%d L0 d3 00:00-01:00 age 1h key k=2"),
				several(4, "c%d L0 d2 00:00-01:00 age 1m key k=2"), several(4, "d%d L0 d3 00:00-01:00 age 1h key k=1 tenant t")),
			want: []string{
				"L1 d3: b0 b1 b2 b3 b4 (several L0)", "L1 d2: c0 c1 c2 c3 (several L0)",
				"L1 d3: a0 a1 a2 a3 (several L0)", "L1 d3: d0 d1 d2 d3 (several L0)",
			},
		},
		"no more than MaxInputs, the oldest writes": {
			now: "d3 04:00", files: several(9, "a%[1]d L0 d3 00:00-01:00 seq %[1]d age 1h"),
			levels: func(l *Levels) { l.MaxInputs = 6 },
			want:   []string{"L1 d3: a0 a1 a2 a3 a4 a5 (several L0)"},
		},
		"a damaged file is left out, and its window is not merged around it": {
			now: "d3 14:00", bad: []string{"w", "a0"},
			files: slices.Concat([]string{"w L1 d3 00:00-06:00 seq 1"}, several(6, "a%[1]d L0 d3 06:00-07:00 seq 1%[1]d age 3h"), []string{"c L0 d3 04:00-05:00 seq 30 age 3h key k=2", "d L1 d3 04:00-05:00 seq 30 age 3h key k=2"}),
			want:  []string{"L1 d3: a1 a2 a3 a4 a5 (several L0)", "L1 d3: c d (old L0)"},
		},
		"nothing goes to a window that a damaged file is in": {
			now: "d3 14:00", bad: []string{"w"}, files: append(several(4, "a%[1]d L0 d3 00:00-01:00 seq 1%[1]d age 3h"), "w L1 d3 00:00-06:00 seq 1"),
		},
		"what touches a damaged window does not hold up the others": {
			now: "d3 20:00", files: []string{
				"w L1 d3 00:00-06:00 seq 1", "a L0 d3 00:00-01:00 seq 2", "b L0 d3 07:00-08:00 seq 3", "c L0 d3 08:00-09:00 seq 4", "d L0 d3 09:00-10:00 seq 5",
			}, bad: []string{"w"},
			want: []string{"L1 d3: b c d (several L0)"},
		},
		"an L0 that has nothing to merge with does not hold up those that need more memory together": {
			now: "d3 20:00", files: []string{
				"w L1 d3 00:00-06:00 seq 1", "a L0 d3 06:00-07:00 seq 2", "b L0 d3 05:00-12:00 seq 3", "c L0 d3 05:00-12:00 seq 4", "d L0 d3 05:00-12:00 seq 5",
			}, levels: func(l *Levels) { l.MemoryBytes = 2 * openInputMemory },
			want: []string{"L1 d3: w b (several L0)"},
		},
		"unless what it is in the way of would be in a wrong order": {
			now: "d3 20:00", files: []string{
				"w L1 d3 00:00-06:00 seq 2", "a L0 d3 06:00-07:00 seq 3", "b L0 d3 05:00-12:00 seq 4", "c L0 d3 05:00-12:00 seq 5", "d L0 d3 05:00-12:00 seq 6",
				"x L0 d3 05:00-06:00 seq 3 key __name__~3=0",
			}, levels: func(l *Levels) { l.MemoryBytes = 2 * openInputMemory },
		},
		"few L0 of a closed day wait for the day": {
			now: "d4 02:30", files: []string{"a L1 d3 18:00-23:00 seq 1 age 70m", "b L0 d3 22:00-24:00 seq 2 age 2h", "c L0 d3 23:00-24:00 seq 3 age 20m"},
		},
		"exemplars have no windows": {
			now: "d3 12:00", files: several(9, "a%d L0 d3 00:00-01:00 rows exemplars"),
		},
	})
}

func TestPlanUnits(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"a closed day merges at once": {
			now: "d4 04:00", files: []string{"a L1 d3 00:00-06:00 seq 1", "b L0 d3 00:00-01:00 seq 2", "c L0 d3 22:00-23:00 seq 3 age 2h"},
			want: []string{"L2 d3: a b c (closed day)"},
		},
		"a day is closed only after its lateness": {
			now: "d4 01:59", files: []string{"a L1 d3 00:00-06:00 seq 1", "c L1 d3 18:00-23:00 seq 3 age 23h"},
		},
		"a closed day waits until it settles": {
			now: "d4 04:00", files: []string{"a L1 d3 00:00-06:00 seq 1 age 22h", "b L0 d3 00:00-01:00 seq 2 age 59m"},
		},
		"but not for ever": {
			now: "d5 04:00", files: []string{"a L1 d3 00:00-06:00 seq 1 age 25h", "b L0 d3 00:00-01:00 seq 2 age 1m"},
			want: []string{"L2 d3: a b (closed day)"},
		},
		"a lone file stays where it is": {
			now: "d400 00:00", files: []string{"a L0 d3 00:00-01:00"},
		},
		"lone files of a week merge": {
			now: "d7 04:00", files: []string{"a L0 d3 00:00-01:00 seq 1", "b L1 d5 00:00-01:00 seq 2"},
			want: []string{"L3 d0+7: a b (closed week)"},
		},
		"the last day of a week goes into the week at once": {
			now: "d7 04:00", files: []string{"a L2 d0 seq 1", "b L2 d1 seq 2", "c L1 d6 00:00-06:00 seq 3", "d L0 d6 05:00-06:00 seq 4"},
			want: []string{"L3 d0+7: a b c d (closed week)"},
		},
		"the last week of a month goes into the month at once": {
			now: "d31 04:00", files: []string{"a L3 d0 seq 1", "b L3 d7 seq 2", "c L3 d14 seq 3", "d L2 d30 seq 4"},
			want: []string{"L4 d0+31: a b c d (closed month)"},
		},
		"months make a year": {
			now: "d365 04:00", files: []string{"a L4 d0 seq 1", "b L4 d40 seq 2", "c L0 d364 00:00-01:00 seq 3"},
			want: []string{"L5 d0+365: a b c (closed year)"},
		},
		"without years it stays with months": {
			now: "d400 04:00", files: []string{"a L4 d0 seq 1", "b L4 d40 seq 2"}, levels: func(l *Levels) { l.Year = false },
		},
		"without weeks the month takes days": {
			now: "d31 04:00", files: []string{"a L2 d0 seq 1", "b L2 d1 seq 2", "c L3 d7 seq 3"}, levels: func(l *Levels) { l.Week = false },
			want: []string{"L4 d0+31: a b c (closed month)"},
		},
		"units longer than a quarter of what is kept are not used": {
			now: "d31 04:00", files: []string{"a L2 d0 seq 1", "b L2 d1 seq 2", "c L2 d7 seq 3"}, keep: 30 * WholeDay,
			want: []string{"L3 d0+7: a b (closed week)"},
		},
		"files that are full are not written again": {
			now: "d31 04:00", files: []string{"a L3 d0 seq 1 500MB", "b L3 d7 seq 2 500MB", "c L3 d14 seq 3 500MB", "d L3 d21 seq 4 9MB"},
		},
		"with full files in the month, days still make weeks": {
			now: "d31 04:00", files: []string{"a L3 d0 seq 1 500MB", "b L3 d7 seq 2 500MB", "c L3 d14 seq 3 500MB", "d L2 d21 seq 4 9MB", "e L2 d22 seq 5 9MB"},
			want: []string{"L3 d21+10: d e (closed week)"},
		},
		"too many files for a year go month by month": {
			now: "d365 04:00", files: []string{"a L0 d0 00:00-01:00 seq 1", "b L0 d1 00:00-01:00 seq 2", "c L0 d2 00:00-01:00 seq 3", "d L0 d40 00:00-01:00 seq 4", "e L0 d41 00:00-01:00 seq 5"},
			levels: func(l *Levels) { l.MaxInputs = 4 },
			want:   []string{"L4 d0+31: a b c (closed month)", "L4 d31+28: d e (closed month)"},
		},
		"too many files for a day go to windows": {
			now: "d4 04:00", files: several(7, "a%[1]d L0 d3 00:00-01:00 seq %[1]d"), levels: func(l *Levels) { l.MaxInputs = 4 },
			want: []string{"L1 d3: a0 a1 a2 a3 (several L0)"},
		},
		"a day of exemplars merges": {
			now: "d40 00:00", files: append(several(3, "a%[1]d L0 d3 00:00-01:00 seq %[1]d rows exemplars"), "b L2 d4 rows exemplars"),
			want: []string{"exemplars L2 d3: a0 a1 a2 (closed day)"},
		},
		"far too many small files of a unit merge": {
			now: "d40 00:00", files: []string{"a L4 d0 names a-b", "b L4 d0 names c-d", "c L4 d0 names e-f", "d L4 d0 names g-h"},
			want: []string{"L4 d0+31: a b c d (small files)"},
		},
	})
}

func TestPlanLateData(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"little late data waits": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 100MB", "a L0 d3 00:00-01:00 seq 2 1MB age 3h", "b L0 d3 00:00-01:00 seq 2 1MB age 2h"},
		},
		"much late data does not": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 100MB", "a L0 d3 00:00-01:00 seq 2 9MB age 3h", "b L0 d4 00:00-01:00 seq 2 1MB age 2h"},
			want: []string{"L4 d0+31: m a b (late for its month)"},
		},
		"unless more of it comes": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 100MB", "a L0 d3 00:00-01:00 seq 2 9MB age 3h", "b L0 d4 00:00-01:00 seq 2 1MB age 2m"},
		},
		"old late data does not wait": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 100MB", "a L0 d3 00:00-01:00 seq 2 1MB age 24h"},
			want: []string{"L4 d0+31: m a (late for its month)"},
		},
		"several L0 that wait become one": {
			now: "d40 00:00", files: append(several(4, "a%[1]d L0 d3 00:00-01:00 seq 1%[1]d age 2h"), "m L4 d0 seq 1 100MB"),
			want: []string{"L1 d3: a0 a1 a2 a3 (several L0)"},
		},
		"only files with the names of late data are written again": {
			now: "d40 00:00", files: []string{"l L4 d0 seq 1 500MB names a-f", "m L4 d0 seq 1 500MB names f-m", "n L4 d0 seq 1 500MB names n-z", "a L0 d3 00:00-01:00 seq 2 names k-l"},
			want: []string{"L4 d0+31: m a (late for its month)"},
		},
		"small ones of its unit join": {
			now: "d40 00:00", files: []string{"l L4 d0 seq 1 5MB names a-f", "m L4 d0 seq 1 5MB names f-m", "a L0 d3 00:00-01:00 seq 2 names k-l"},
			want: []string{"L4 d0+31: l m a (late for its month)"},
		},
		"with names of its own a lone late file stays": {
			now: "d40 00:00", files: []string{"m L4 d0 seq 1 512MB names a-f", "a L0 d3 00:00-01:00 seq 2 names k-l"},
		},
		"a unit that is not used any more takes what belongs to it": {
			now: "d40 00:00", keep: 10 * WholeDay, files: []string{"m L4 d0 seq 1", "a L0 d3 00:00-01:00 seq 2"},
			want: []string{"L4 d0+31: m a (late for its month)"},
		},
	})
}

func TestPlanKeepsTheOrderOfWriting(t *testing.T) {
	runScenarios(t, map[string]scenario{
		"a file of another template lies between: the older side merges": {
			now: "d4 04:00",
			files: []string{
				"a L0 d3 00:00-02:00 seq 1", "b L0 d3 01:00-03:00 seq 2", "x L0 d3 01:00-02:00 seq 3 key __name__~3=1",
				"c L0 d3 01:00-03:00 seq 4", "d L0 d3 01:00-03:00 seq 5",
			},
			want: []string{"L2 d3: a b (closed day)", "L1 d3: c d (old L0)"},
		},
		"the newer side cannot join a day that is older than what lies between": {
			now:   "d4 04:00",
			files: []string{"a L2 d3 seq 2", "x L0 d3 01:00-02:00 seq 3 key __name__~3=1", "c L0 d3 01:00-03:00 seq 4", "d L0 d3 01:00-03:00 seq 5"},
			want:  []string{"L1 d3: c d (old L0)"},
		},
		"a file of another template at other times does not matter": {
			now:   "d4 04:00",
			files: []string{"a L0 d3 00:00-02:00 seq 1", "x L0 d3 04:00-05:00 seq 3 key __name__~3=1", "c L0 d3 01:00-03:00 seq 4"},
			want:  []string{"L2 d3: a c (closed day)"},
		},
		"nor one with other names": {
			now:   "d4 04:00",
			files: []string{"a L0 d3 00:00-02:00 seq 1 names a-c", "x L0 d3 01:00-02:00 seq 3 key __name__~3=1 names d-e", "c L0 d3 01:00-03:00 seq 4"},
			want:  []string{"L2 d3: a c (closed day)"},
		},
		"nor one of another value of the same template": {
			now:   "d4 04:00",
			files: []string{"a L0 d3 00:00-02:00 seq 1", "x L0 d3 01:00-02:00 seq 3 key __name__~2=1", "c L0 d3 01:00-03:00 seq 4"},
			want:  []string{"L2 d3: a c (closed day)"},
		},
		"nor one that was written before or after": {
			now: "d4 04:00",
			files: []string{
				"w L0 d3 00:00-02:00 seq 1 key __name__~3=1", "a L0 d3 00:00-02:00 seq 2", "c L0 d3 01:00-03:00 seq 4",
				"x L0 d3 01:00-02:00 seq 5 key __name__~4=1",
			},
			want: []string{"L2 d3: a c (closed day)"},
		},
		"a damaged file lies between": {
			now: "d4 04:00", bad: []string{"b"},
			files: []string{"a L0 d3 00:00-02:00 seq 1", "b L0 d3 01:00-03:00 seq 2", "c L0 d3 01:00-03:00 seq 4", "d L0 d3 01:00-03:00 seq 5"},
			want:  []string{"L2 d3: c d (closed day)"},
		},
		"a week that was made without a file lies between": {
			now: "d7 04:00", levels: func(l *Levels) { l.MaxInputs = 4 },
			files: []string{"a L0 d3 00:00-02:00 seq 1", "w L3 d0 seq 3", "v L3 d0 seq 3", "c L0 d3 01:00-03:00 seq 4", "d L0 d3 01:00-03:00 seq 5"},
			want:  []string{"L2 d3: c d (closed day)"},
		},
	})
}

// TestPlanYear: a year of steady writes ends as one file a partition key, and
// every month is few files long before.
func TestPlanYear(t *testing.T) {
	m := newModel(t, rand.New(rand.NewPCG(1, 1)), DefaultLevels())
	for range 365 * 4 {
		m.wait(6 * time.Hour)
		var rows []row
		for s := range 6 {
			rows = append(rows, row{series: s, t: m.now - 3_600_000})
		}
		m.write("default", 1, rows)
		m.settle()
		if n := len(m.live); n > 8+7+4+12 {
			t.Fatalf("%d files at %v", n, time.UnixMilli(m.now).UTC())
		}
	}
	m.wait(WholeDay)
	m.settle()
	m.check()
	if len(m.live) != 1 {
		t.Errorf("%d files at the end of the year", len(m.live))
	}
}
