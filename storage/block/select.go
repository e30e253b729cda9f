package block

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

const (
	minTime = math.MinInt64
	maxTime = math.MaxInt64
)

// Ref is one series of a file and where its rows are.
type Ref struct {
	Labels     labels.Labels
	FirstRow   int64
	Rows       int64
	MinT, MaxT int64 // Milliseconds; of the first and last sample.
}

// Select returns the series that match all matchers and whose time range (first
// to last sample) meets minT … maxT, in the order of series.Compare. limit is
// the greatest number of them; 0 is all. It reads nothing from the file.
func (r *Reader) Select(matchers []*labels.Matcher, minT, maxT int64, limit int) []Ref {
	var refs []Ref
	r.each(matchers, minT, maxT, func(i int) bool {
		refs = append(refs, r.ref(i))
		return limit <= 0 || len(refs) < limit
	})
	return refs
}

// LabelNames returns the sorted names of labels of the series that Select
// returns.
func (r *Reader) LabelNames(matchers []*labels.Matcher, minT, maxT int64) []string {
	x := r.index
	seen := make([]bool, len(x.shapes))
	r.each(matchers, minT, maxT, func(i int) bool {
		seen[x.shape[i]] = true
		return true
	})
	var names []string
	for shape, used := range seen {
		if used {
			for _, n := range x.shapes[shape] {
				names = append(names, x.symbols[n])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// LabelValues returns the sorted values of one label in the series that Select
// returns.
func (r *Reader) LabelValues(name string, matchers []*labels.Matcher, minT, maxT int64) []string {
	x := r.index
	at := newPositions(x, name)
	seen := make([]bool, len(x.symbols))
	var values []string
	r.each(matchers, minT, maxT, func(i int) bool {
		if k := at.of(i); k >= 0 {
			if v := x.values[int(x.firstVal[i])+k]; !seen[v] {
				seen[v] = true
				values = append(values, x.symbols[v])
			}
		}
		return true
	})
	slices.Sort(values)
	return values
}

// each calls fn with every matching series until it returns false.
func (r *Reader) each(matchers []*labels.Matcher, minT, maxT int64, fn func(i int) bool) {
	var names []*labels.Matcher
	var tests []*test
	for _, m := range matchers {
		if m.Name == labels.MetricName {
			names = append(names, m)
		} else {
			tests = append(tests, newTest(r.index, m))
		}
	}
	for _, m := range r.metricsBetween(names) {
		if !matchesAll(names, m.name) {
			continue
		}
		for i := m.first; i < m.last; i++ {
			if r.index.minT[i] <= maxT && r.index.maxT[i] >= minT && passes(tests, i) && !fn(i) {
				return
			}
		}
	}
}

// metricsBetween narrows the metrics by the first equality matcher.
func (r *Reader) metricsBetween(names []*labels.Matcher) []metric {
	for _, m := range names {
		if m.Type == labels.MatchEqual {
			i, ok := sort.Find(len(r.metrics), func(i int) int { return strings.Compare(m.Value, r.metrics[i].name) })
			if !ok {
				return nil
			}
			return r.metrics[i : i+1]
		}
	}
	return r.metrics
}

func matchesAll(matchers []*labels.Matcher, value string) bool {
	for _, m := range matchers {
		if !m.Matches(value) {
			return false
		}
	}
	return true
}

func passes(tests []*test, i int) bool {
	for _, t := range tests {
		if !t.passes(i) {
			return false
		}
	}
	return true
}

// test is one matcher over the series of an index. It asks the matcher once for
// each different value.
type test struct {
	positions
	matcher *labels.Matcher
	absent  bool    // The matcher's answer for a series without the label.
	answers []uint8 // By symbol: 0 not asked yet, 1 no, 2 yes.
}

func newTest(x *index, m *labels.Matcher) *test {
	return &test{positions: newPositions(x, m.Name), matcher: m, absent: m.Matches(""), answers: make([]uint8, len(x.symbols))}
}

func (t *test) passes(i int) bool {
	k := t.of(i)
	if k < 0 {
		return t.absent
	}
	v := t.index.values[int(t.index.firstVal[i])+k]
	if t.answers[v] == 0 {
		t.answers[v] = 1
		if t.matcher.Matches(t.index.symbols[v]) {
			t.answers[v] = 2
		}
	}
	return t.answers[v] == 2
}

// positions says where among a series' labels one name is.
type positions struct {
	index *index
	at    []int // By shape; -1: not there.
}

func newPositions(x *index, name string) positions {
	p := positions{x, make([]int, len(x.shapes))}
	for shape, names := range x.shapes {
		p.at[shape] = x.position(names, name)
	}
	return p
}

func (p positions) of(i int) int { return p.at[p.index.shape[i]] }

// position is where name is in a shape, -1 if it is not.
func (x *index) position(names []uint32, name string) int {
	for k, n := range names {
		if x.symbols[n] == name {
			return k
		}
	}
	return -1
}

func (x *index) nameAt(shape uint32) int { return x.position(x.shapes[shape], labels.MetricName) }

func (x *index) metricName(i int) string {
	return x.symbols[x.values[int(x.firstVal[i])+x.nameAt(x.shape[i])]]
}

// ref makes the Ref of series i. Its labels are made once and then kept.
func (r *Reader) ref(i int) Ref {
	x := r.index
	ls := r.labels[i].Load()
	if ls == nil {
		made := x.makeLabels(i)
		ls = &made
		r.labels[i].Store(ls)
	}
	return Ref{*ls, x.firstRow[i], x.firstRow[i+1] - x.firstRow[i], x.minT[i], x.maxT[i]}
}

func (x *index) makeLabels(i int) labels.Labels {
	names := x.shapes[x.shape[i]]
	b := labels.NewScratchBuilder(len(names))
	for k, n := range names {
		b.Add(x.symbols[n], x.symbols[x.values[int(x.firstVal[i])+k]])
	}
	return b.Labels()
}

// sizeBytes estimates the memory of x and of all label sets made from it.
func (x *index) sizeBytes() int64 {
	n := int64(len(x.shape)*(4+4+8+8+8+8+16) + len(x.values)*4 + len(x.groups)*(56+len(x.form.read)*24))
	for _, s := range x.symbols {
		n += int64(len(s)) + 16
	}
	for i := range x.series() {
		for k, name := range x.shapes[x.shape[i]] {
			n += int64(2 + len(x.symbols[name]) + len(x.symbols[x.values[int(x.firstVal[i])+k]]))
		}
	}
	return n
}
