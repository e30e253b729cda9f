package sqlrows

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/sql/engine"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// model is what a store must show, kept the simplest way.
type model map[string]map[int64]point

func (m model) write(p point) {
	key := p.ls.String()
	if m[key] == nil {
		m[key] = map[int64]point{}
	}
	if old, ok := m[key][p.t]; !ok || series.Replaces(value.IsStaleNaN(old.v), value.IsStaleNaN(p.v)) {
		m[key][p.t] = p
	}
}

func (m model) hide(t catalog.Tombstone) {
	for _, points := range m {
		for at, p := range points {
			if t.HidesSeries(p.ls) && at >= t.MinT && at <= t.MaxT {
				delete(points, at)
			}
		}
	}
}

// rows are those of a table, sorted: time, value and labels.
func (m model) rows(metric string) []string {
	var list []point
	for _, points := range m {
		for _, p := range points {
			if p.ls.Get("__name__") == metric && !value.IsStaleNaN(p.v) {
				list = append(list, p)
			}
		}
	}
	slices.SortFunc(list, func(a, b point) int { return cmp.Or(cmp.Compare(a.t, b.t), series.Compare(a.ls, b.ls)) })
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = fmt.Sprintf("%d|%v|%s|%s", p.t, p.v, p.ls.Get("job"), p.ls.Get("Zone"))
	}
	slices.Sort(out)
	return out
}

// Histories of random writes, flushes and deletes: SQL shows what a model shows,
// in every way there is to read.
func TestSQLHidesWhatIsDeleted(t *testing.T) {
	for range 3 {
		seed := rand.Uint64()
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			history{rng: rand.New(rand.NewPCG(seed, 1)), rig: newRig(t, nil), model: model{}}.run()
		})
	}
}

type history struct {
	*rig
	rng   *rand.Rand
	model model
}

const day = series.DayMillis

var start = int64(20_454) * day // 2026-01-01.

func (h history) run() {
	for step := range 40 {
		switch n := h.rng.IntN(10); {
		case n < 5:
			var points []point
			for range 1 + h.rng.IntN(30) {
				p := h.point()
				points = append(points, p)
				h.model.write(p)
			}
			h.rig.write(points...)
		case n < 7:
			h.flush()
		default:
			tombstone := h.hide(h.tombstone())
			h.model.hide(tombstone)
		}
		if step%10 == 9 {
			h.check()
		}
	}
}

func (h history) point() point {
	b := labels.NewBuilder(labels.FromStrings("__name__", fmt.Sprintf("m%d", h.rng.IntN(2))))
	for _, l := range []struct {
		name   string
		values []string
	}{{"job", []string{"", "a", "b", "a\nb", "é"}}, {"Zone", []string{"", "x", "y.z"}}} {
		if v := l.values[h.rng.IntN(len(l.values))]; v != "" {
			b.Set(l.name, v)
		}
	}
	p := point{ls: b.Labels(), t: start + h.rng.Int64N(40)*day/20, v: float64(h.rng.IntN(1000))}
	if h.rng.IntN(8) == 0 {
		p.v = math.Float64frombits(value.StaleNaN)
	}
	return p
}

func (h history) tombstone() catalog.Tombstone {
	pick := func(list ...string) string { return list[h.rng.IntN(len(list))] }
	one := func() *labels.Matcher {
		if h.rng.IntN(3) == 0 {
			return matcher(labels.MatchType(h.rng.IntN(2)), "Zone", pick("", "x", "y.z"))
		}
		if h.rng.IntN(2) == 0 {
			return matcher(labels.MatchType(h.rng.IntN(2)), pick("job", "other"), pick("", "a", "b"))
		}
		return matcher(labels.MatchRegexp+labels.MatchType(h.rng.IntN(2)), pick("job", "Zone", "__name__"), pick("a.b", "a|b", ".+", "", "m0", "y.z", "é|", ".*"))
	}
	t := catalog.Tombstone{MinT: math.MinInt64, MaxT: math.MaxInt64, Matchers: []*labels.Matcher{one()}}
	for h.rng.IntN(2) == 0 {
		t.Matchers = append(t.Matchers, one())
	}
	if h.rng.IntN(3) == 0 {
		t.Except = append(t.Except, []*labels.Matcher{one()})
	}
	if h.rng.IntN(4) > 0 {
		t.MinT = start + h.rng.Int64N(40)*day/20
		t.MaxT = t.MinT + h.rng.Int64N(20)*day/20
	}
	return t
}

// check compares every way to read with the model.
func (h history) check() {
	h.t.Helper()
	for _, metric := range []string{"m0", "m1"} {
		if _, ok, err := h.store.Table(tenant, metric); !ok || err != nil {
			continue
		}
		want := h.model.rows(metric)
		for _, q := range []engine.Request{{Scan: true, Whole: true}, {Scan: true}, {}} {
			for _, from := range []string{metric, "samples WHERE __name__ = '" + metric + "'"} {
				q.SQL = "SELECT epoch_ms(time), value, coalesce(job, ''), coalesce(Zone, '') FROM " + from
				if strings.Contains(from, "samples") && !q.Scan {
					continue
				}
				h.same(q, want)
				q.SQL += " ORDER BY time DESC LIMIT 1000"
				h.same(q, want)
			}
			n := len(want)
			q.SQL = "SELECT count(*), count(value) FROM " + metric
			h.same(q, []string{fmt.Sprintf("%d|%d", n, n)})
			q.SQL = "SELECT epoch_ms(time) FROM " + metric + " ORDER BY time DESC LIMIT 3"
			h.same(q, newest(want, 3))
		}
	}
}

// newest are the times of the n newest rows.
func newest(rows []string, n int) []string {
	times := make([]string, len(rows))
	for i, r := range rows {
		times[i], _, _ = strings.Cut(r, "|")
	}
	slices.Sort(times)
	return times[max(0, len(times)-n):]
}

func (h history) same(q engine.Request, want []string) {
	h.t.Helper()
	got := h.mustAsk(q)
	slices.Sort(got)
	if diff := gocmp.Diff(want, got, equateEmpty); diff != "" {
		h.t.Fatalf("%s (scan %v, whole %v) (-want +got):\n%s\n%v", q.SQL, q.Scan, q.Whole, diff, h.store.Snapshot().Tombstones(tenant))
	}
}

var equateEmpty = gocmp.Transformer("empty", func(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
})
