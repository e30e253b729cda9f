package catalogtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// held is a file and the series in it, each with a time.
type held struct {
	file   catalog.File
	series []labels.Labels
	times  []int64
}

func randomSeries(r *rand.Rand) labels.Labels {
	names := []string{"up", "Up", "node_cpu", "node_cpu_seconds", "node_memory", "go_gc", "http_requests", "ü"}
	b := labels.NewScratchBuilder(3)
	b.Add(labels.MetricName, names[r.IntN(len(names))])
	if zone := r.IntN(4); zone > 0 {
		b.Add("zone", []string{"", "eu,1", "a=b~c", "us"}[zone])
	}
	b.Add("job", fmt.Sprint(r.IntN(3)))
	b.Sort()
	return b.Labels()
}

func randomHeld(r *rand.Rand, id string) held {
	templates := []series.Template{
		series.DefaultTemplate(),
		{{Label: labels.MetricName, Buckets: 3}, {Label: "zone"}},
		{{Label: "zone", Buckets: 2}, {Label: "job"}},
		{},
	}
	template := templates[r.IntN(len(templates))]
	h := held{file: randomFile(r, id)}
	f := &h.file
	f.Tenant, f.Kind, f.SamplesDropped, f.MinT, f.MaxT = series.DefaultTenant, catalog.Samples, false, 1<<62, -1<<62
	for len(h.series) < 1+r.IntN(3) {
		ls := randomSeries(r)
		if len(h.series) == 0 {
			f.Partition, f.MinName, f.MaxName = template.Key(ls), ls.Get(labels.MetricName), ls.Get(labels.MetricName)
		}
		if template.Key(ls) != f.Partition {
			continue
		}
		t := f.Day*series.DayMillis + r.Int64N(int64(f.Days)*series.DayMillis)
		h.series, h.times = append(h.series, ls), append(h.times, t)
		f.MinT, f.MaxT = min(f.MinT, t), max(f.MaxT, t)
		f.MinName, f.MaxName = min(f.MinName, ls.Get(labels.MetricName)), max(f.MaxName, ls.Get(labels.MetricName))
	}
	return h
}

func randomMatchers(r *rand.Rand) []*labels.Matcher {
	values := map[string][]string{
		labels.MetricName: {"up", "node_cpu", "node_.*", "node_cpu|up", "(?i)UP", "", ".*", "go_.+|up", "ü", "absent", "node_cpu_?.*", "[nu].*"},
		"zone":            {"", "eu,1", "a=b~c", "eu.*", "us|", "us|eu,1", ".+", "absent"},
		"job":             {"", "0", "0|1", "[12]"},
		"other":           {"", "x"},
	}
	var matchers []*labels.Matcher
	for _, name := range []string{labels.MetricName, "zone", "job", "other"} {
		if r.IntN(2) == 0 {
			value := values[name][r.IntN(len(values[name]))]
			matchers = append(matchers, labels.MustNewMatcher(labels.MatchType(r.IntN(4)), name, value))
		}
	}
	return matchers
}

func pruning(t *testing.T, open Open) {
	r := random(t)
	c := open(t, catalog.DefaultOptions())
	e := catalog.Edit{Token: "1"}
	holds := make([]held, 400)
	for i := range holds {
		holds[i] = randomHeld(r, number("", i))
		e.Add = append(e.Add, holds[i].file)
	}
	s := commit(t, c, e)
	kept, needed := 0, 0
	for range 1000 {
		matchers := randomMatchers(r)
		question := randomFile(r, "question")
		found := ids(s.Files(series.DefaultTenant, catalog.Samples, question.MinT, question.MaxT, matchers...))
		kept += len(found)
		p := s.Explain(series.DefaultTenant, catalog.Samples, question.MinT, question.MaxT, matchers...)
		if p.Left != len(found) || p.Known != len(holds) || p.Time+p.Tags+p.Names+p.Left != p.Known {
			t.Fatalf("%v in %d … %d: %d files are left; explained by %+v", matchers, question.MinT, question.MaxT, len(found), p)
		}
		stone := catalog.Tombstone{Tenant: series.DefaultTenant, Matchers: matchers, MinT: question.MinT, MaxT: question.MaxT, Seq: s.Version() + 1}
		for _, h := range holds {
			if stone.Hides(&h.file) != slices.Contains(found, h.file.ID) {
				t.Fatalf("%v in %d … %d: %+v is found, but hidden by no tombstone, or the other way", matchers, question.MinT, question.MaxT, h.file)
			}
			if !h.answers(question.MinT, question.MaxT, matchers) {
				continue
			}
			needed++
			if _, ok := slices.BinarySearch(found, h.file.ID); !ok {
				t.Fatalf("%v in %d … %d: %+v with %v at %v is left out", matchers, question.MinT, question.MaxT, h.file, h.series, h.times)
			}
		}
	}
	t.Logf("%d files kept, %d needed", kept, needed)
	if kept > 4*needed {
		t.Errorf("%d files kept for %d needed: pruning does too little", kept, needed)
	}
}

func (h held) answers(minT, maxT int64, matchers []*labels.Matcher) bool {
	for i, ls := range h.series {
		if h.times[i] >= minT && h.times[i] <= maxT && series.Matches(ls, matchers) {
			return true
		}
	}
	return false
}

func pruned(t *testing.T, open Open) {
	c := open(t, catalog.DefaultOptions())
	named := func(id, minName, maxName string) catalog.File {
		f := file(id, 0)
		f.MinName, f.MaxName = minName, maxName
		return f
	}
	bucketed := file("bucket", 0)
	bucketed.Partition = series.DefaultTemplate().Key(labels.FromStrings(labels.MetricName, "up"))
	zoned := file("zone", 0)
	zoned.Partition = "zone=eu"
	week := file("week", 7)
	week.Days = 7
	week.MaxT = 14*series.DayMillis - 1
	unnamed := named("unnamed", "", "")
	c2 := commit(t, c, add("1", named("go", "go_a", "go_z"), named("node", "node_a", "node_z"), named("one", "up", "up"),
		bucketed, zoned, week, file("later", 14), unnamed))
	const day = series.DayMillis
	regexp := func(name, value string) *labels.Matcher {
		return labels.MustNewMatcher(labels.MatchRegexp, name, value)
	}
	not := labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, "up")
	tests := map[string]struct {
		minT, maxT int64
		matchers   []*labels.Matcher
		want       []string
	}{
		"no matcher":             {0, day - 1, nil, []string{"bucket", "go", "node", "one", "unnamed", "zone"}},
		"a metric":               {0, 0, []*labels.Matcher{equal(labels.MetricName, "up")}, []string{"bucket", "one", "unnamed", "zone"}},
		"a metric of a range":    {0, 0, []*labels.Matcher{equal(labels.MetricName, "node_load1"), equal("zone", "eu")}, []string{"node", "unnamed", "zone"}},
		"a prefix":               {0, 0, []*labels.Matcher{regexp(labels.MetricName, "node_.*"), equal("zone", "us")}, []string{"bucket", "node", "unnamed"}},
		"some metrics":           {0, 0, []*labels.Matcher{regexp(labels.MetricName, "go_b|up"), equal("zone", "us")}, []string{"bucket", "go", "one", "unnamed"}},
		"not a metric":           {0, 0, []*labels.Matcher{not, equal("zone", "us")}, []string{"bucket", "go", "node", "unnamed"}},
		"a day inside a week":    {9 * day, 9*day + 1, nil, []string{"week"}},
		"a week's last moment":   {14*day - 1, 14*day - 1, nil, []string{"week"}},
		"the moment after":       {14 * day, 14 * day, nil, []string{"later"}},
		"a range without a file": {day, 7*day - 1, nil, []string{}},
		"a range that is empty":  {5, 4, nil, []string{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			same(t, "files", tt.want, ids(c2.Files(series.DefaultTenant, catalog.Samples, tt.minT, tt.maxT, tt.matchers...)))
		})
	}
	up := []*labels.Matcher{equal(labels.MetricName, "up"), equal("zone", "eu")}
	same(t, "explained", catalog.Pruning{Known: 8, Time: 2, Names: 2, Left: 4}, c2.Explain(series.DefaultTenant, catalog.Samples, 0, 0, up...))
	up[1] = equal("zone", "us")
	same(t, "explained", catalog.Pruning{Known: 8, Time: 2, Tags: 1, Names: 2, Left: 3}, c2.Explain(series.DefaultTenant, catalog.Samples, 0, 0, up...))
	same(t, "of another tenant", 0, len(c2.Files("other", catalog.Samples, 0, day)))
	same(t, "of another kind", 0, len(c2.Files(series.DefaultTenant, catalog.Exemplars, 0, day)))
}
