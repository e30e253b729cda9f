package block

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

func must(typ labels.MatchType, name, value string) *labels.Matcher {
	return labels.MustNewMatcher(typ, name, value)
}

func randomMatchers(rnd *rand.Rand) []*labels.Matcher {
	all := []*labels.Matcher{
		must(labels.MatchEqual, "__name__", "metric_2"), must(labels.MatchEqual, "__name__", "nothing"),
		must(labels.MatchNotEqual, "__name__", "metric_1"), must(labels.MatchRegexp, "__name__", "metric_[03]|x"),
		must(labels.MatchNotRegexp, "__name__", ".*4"), must(labels.MatchEqual, "id", "10"),
		must(labels.MatchRegexp, "id", "1.|2"), must(labels.MatchEqual, "foo", ""), must(labels.MatchNotEqual, "Foo", ""),
		must(labels.MatchRegexp, "time", ".*"), must(labels.MatchRegexp, "time", ".+"), must(labels.MatchEqual, "absent", ""),
		must(labels.MatchNotEqual, "absent", "x"), must(labels.MatchEqual, "absent", "x"), must(labels.MatchEqual, "größe.é 世界", "ü"),
	}
	rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all[:rnd.IntN(4)]
}

// TestSelectAndScan compares all questions to a file with a walk over what was
// written.
func TestSelectAndScan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := oddSeries(rnd, 70)
	f := write(t, Options{Labels: []string{"id"}, PageRows: 300, RowGroupRows: 1000}, all)
	r := f.open(t)
	for range 200 {
		matchers := randomMatchers(rnd)
		minT := start + rnd.Int64N(1<<rnd.IntN(50)+1)
		maxT := minT + rnd.Int64N(1<<rnd.IntN(50)+1)
		if rnd.IntN(4) == 0 {
			minT, maxT = minTime, maxTime
		}
		about := fmt.Sprintf("%v in %d … %d", matchers, minT, maxT)
		var want []one
		for _, x := range all {
			if series.Matches(x.ls, matchers) && x.s.Times[0] <= maxT && x.s.Times[x.s.Len()-1] >= minT {
				want = append(want, x)
			}
		}
		refs := r.Select(matchers, minT, maxT, 0)
		checkScan(t, r, refs, want, minT, maxT, about, rnd)
		if len(refs) > 0 {
			if n := 1 + rnd.IntN(len(refs)); len(r.Select(matchers, minT, maxT, n)) != n {
				t.Fatalf("%s: limit %d was not kept", about, n)
			}
		}
		checkLabels(t, r, want, matchers, minT, maxT, about)
	}
}

func checkScan(t *testing.T, r *Reader, refs []Ref, want []one, minT, maxT int64, about string, rnd *rand.Rand) {
	t.Helper()
	if len(refs) != len(want) {
		t.Fatalf("%s: %d series, want %d", about, len(refs), len(want))
	}
	s := r.Scan(minT, maxT)
	defer s.Close()
	order := rnd.Perm(len(refs))
	switch rnd.IntN(3) {
	case 0:
		slices.Sort(order)
	case 1:
		s.Prefetch(refs) // Some series are then asked for too late, or twice.
		slices.Sort(order)
		order = append(order[len(order)/2:], order...)
	}
	for _, i := range order {
		ref, x := refs[i], want[i]
		if !labels.Equal(ref.Labels, x.ls) || ref.Rows != int64(x.s.Len()) || ref.MinT != x.s.Times[0] || ref.MaxT != x.s.Times[x.s.Len()-1] {
			t.Fatalf("%s: ref %+v does not describe series %v", about, ref, x.ls)
		}
		wanted, got := &series.Samples{}, &series.Samples{}
		from, to := x.s.Range(minT, maxT)
		wanted.AppendFloat(1, 2, 0) // Read must append.
		got.AppendFloat(1, 2, 0)
		wanted.AppendRange(x.s, from, to)
		if err := s.Read(ref, got); err != nil {
			t.Fatal(err)
		}
		if d := diffSamples(wanted, got); d != "" {
			t.Fatalf("%s: %v (-want +got):\n%s", about, x.ls, d)
		}
	}
}

func checkLabels(t *testing.T, r *Reader, want []one, matchers []*labels.Matcher, minT, maxT int64, about string) {
	t.Helper()
	names, values := map[string]bool{}, map[string]bool{}
	for _, x := range want {
		x.ls.Range(func(l labels.Label) { names[l.Name] = true })
		if v := x.ls.Get("id"); v != "" {
			values[v] = true
		}
	}
	if d := cmp.Diff(sortedKeys(names), r.LabelNames(matchers, minT, maxT)); d != "" {
		t.Fatalf("%s: wrong names (-want +got):\n%s", about, d)
	}
	if d := cmp.Diff(sortedKeys(values), r.LabelValues("id", matchers, minT, maxT)); d != "" {
		t.Fatalf("%s: wrong values (-want +got):\n%s", about, d)
	}
}

func sortedKeys(m map[string]bool) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
