package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
)

func TestLabelColumns(t *testing.T) {
	tests := map[string]struct{ labels, want string }{
		"plain":                           {"host job", "host job"},
		"a reserved name":                 {"count time", "label_count=count label_time=time"},
		"in another letter case":          {"Value", "label_Value=Value"},
		"two that differ by case":         {"Host host", "Host label_host=host"},
		"both cases of a reserved name":   {"Value value", "label_Value=Value label_label_value=value"},
		"the escape is a label as well":   {"label_time time", "label_label_time=time label_time"},
		"the name of a column not in use": {"start_time", "label_start_time=start_time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range labelColumns(strings.Fields(tt.labels), reserved) {
				if c.Name == c.Label {
					got = append(got, c.Name)
				} else {
					got = append(got, c.Name+"="+c.Label)
				}
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("columns are %q, want %q", s, tt.want)
			}
		})
	}
}

// sources reads "a:0-10,b:5-7 c:3-4": two sources and their series' times.
func sources(text string) []*Source {
	var out []*Source
	for i, field := range strings.Fields(text) {
		s := &Source{File: &catalog.File{ID: fmt.Sprint(i), Partition: "p"}, MinT: MaxTime, MaxT: MinTime}
		var refs []block.Ref
		for part := range strings.SplitSeq(field, ",") {
			var from, to int64
			name, span, _ := strings.Cut(part, ":")
			if _, err := fmt.Sscanf(span, "%d-%d", &from, &to); err != nil {
				panic(err)
			}
			refs = append(refs, block.Ref{Labels: labels.FromStrings("__name__", "m", "s", name), MinT: from, MaxT: to})
			s.MinT, s.MaxT = min(s.MinT, from), max(s.MaxT, to)
		}
		s.Refs = func(minT, maxT int64) []block.Ref {
			return slices.DeleteFunc(slices.Clone(refs), func(r block.Ref) bool { return r.MinT > maxT || r.MaxT < minT })
		}
		out = append(out, s)
	}
	return out
}

func TestGroups(t *testing.T) {
	tests := map[string]struct {
		sources string
		want    []Group
	}{
		"none":                                     {"", nil},
		"disjoint":                                 {"a:0-10 a:11-20", nil},
		"files overlap and no series does":         {"a:0-10,b:0-12 a:11-20,b:13-20", nil},
		"different series":                         {"a:0-10 b:0-10", nil},
		"one series, its shared time":              {"a:0-10,b:0-12 a:8-20,b:13-20", []Group{{[]int{0, 1}, 8, 10}}},
		"a millisecond":                            {"a:0-10 a:10-20", []Group{{[]int{0, 1}, 10, 10}}},
		"a chain is one group":                     {"a:0-10 a:9-20 a:19-30", []Group{{[]int{0, 1, 2}, 9, 20}}},
		"two groups and one alone":                 {"a:0-10 a:5-10 b:20-30 c:40-50 c:45-46", []Group{{[]int{0, 1}, 5, 10}, {[]int{3, 4}, 45, 46}}},
		"linked by a later one":                    {"a:0-10 b:0-10 a:3-4,b:5-6", []Group{{[]int{0, 1, 2}, 3, 6}}},
		"the older in time was written later":      {"a:8-20 a:0-10", []Group{{[]int{0, 1}, 8, 10}}},
		"a file inside another":                    {"a:0-100 a:40-50", []Group{{[]int{0, 1}, 40, 50}}},
		"the same time twice, another series once": {"a:5-5,b:0-1 a:5-5", []Group{{[]int{0, 1}, 5, 5}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Groups(sources(tt.sources), nil)
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wrong groups (-want +got):\n%s", diff)
			}
		})
	}
}

// Sources of one template's different buckets hold different series, whatever
// their times: they are not even compared.
func TestGroupsOfBuckets(t *testing.T) {
	list := sources("a:0-10 a:0-10")
	list[0].File.Partition, list[1].File.Partition = "__name__~8=1", "__name__~8=2"
	Groups(list, func(i, j int) Overlap {
		t.Errorf("sources %d and %d are compared", i, j)
		return Overlap{}
	})
	list[1].File.Partition = "host~8=2"
	if len(Groups(list, nil)) != 1 {
		t.Error("different templates are taken for different series")
	}
}

// TestSteps: whatever the sources, the first Count of each step hold every row on
// the near side of its cut, the last step holds all, and each step at most
// doubles the sources (times that are equal aside).
func TestSteps(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var list []*Source
		for range 1 + rng.IntN(12) {
			from := rng.Int64N(30)
			list = append(list, &Source{MinT: from, MaxT: from + rng.Int64N(8)})
		}
		desc := rng.IntN(2) == 0
		ordered := Order(list, desc)
		steps := Steps(ordered, desc)
		for i, s := range steps {
			for k, source := range ordered {
				outside := k >= s.Count
				if desc && outside && source.MaxT >= s.Cut || !desc && outside && source.MinT <= s.Cut {
					t.Fatalf("step %d of %+v (descending: %v) leaves out source %d, %+v, that reaches its cut", i, steps, desc, k, *source)
				}
			}
			if i > 0 && s.Count <= steps[i-1].Count {
				t.Fatalf("step %d of %+v adds nothing", i, steps)
			}
		}
		if last := steps[len(steps)-1]; last.Count != len(list) || last.Cut != MinTime && last.Cut != MaxTime {
			t.Fatalf("the last step of %+v is not everything", steps)
		}
	}
	list := sources("a:0-9 a:10-19 a:20-29 a:30-39 a:40-49 a:50-59 a:60-69 a:70-79 a:80-89")
	want := []Step{{1, 80}, {2, 70}, {4, 50}, {8, 10}, {9, MinTime}}
	if diff := cmp.Diff(want, Steps(Order(list, true), true)); diff != "" {
		t.Errorf("wrong steps (-want +got):\n%s", diff)
	}
}

func TestQuoting(t *testing.T) {
	if got := Quote(`a"; DROP`); got != `"a""; DROP"` {
		t.Errorf("identifier is %s", got)
	}
	if got := Text(`o'clock`); got != `'o''clock'` {
		t.Errorf("text is %s", got)
	}
}

// TestLists: columns that differ by letter case alone are never in one scan.
func TestLists(t *testing.T) {
	a, b := sources("a:0-1 a:2-3 a:4-5 a:6-7"), &View{}
	a[0].Columns, a[1].Columns, a[2].Columns, a[3].Columns = []string{"host"}, []string{"host", "job"}, []string{"Host"}, []string{"job"}
	got := b.lists(append(a, &Source{Path: "memory"}))
	var sizes []int
	for _, l := range got {
		sizes = append(sizes, len(l))
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Errorf("wrong scans (-want +got):\n%s", diff)
	}
}
