package compactor

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// lifetime is a compactor over real files, beside a flat model of what must be
// visible.
type lifetime struct {
	*Compactor
	rig   *compacttest.Rig
	rng   *rand.Rand
	now   time.Time
	model compacttest.Flat
	keeps []retention.Rule
	keep  time.Duration
	n     int // Of samples; each has its own value.
}

func newLifetime(t *testing.T, rng *rand.Rand) *lifetime {
	l := &lifetime{rig: compacttest.New(t, fsys.OS, filepath.Join(compacttest.Scratch(t), "objects")), rng: rng, model: compacttest.Flat{}, keep: 60 * hours}
	l.now = time.UnixMilli(compacttest.Day*series.DayMillis + 1).UTC()
	l.keeps = []retention.Rule{
		{Matchers: compacttest.Selector(t, "a", "0"), Keep: 9 * hours},
		{Matchers: compacttest.Selector(t, "b", "1"), Keep: 25 * hours},
		{Matchers: compacttest.Selector(t, "a", "2")},
	}
	l.Compactor = l.node(t, l.rig.Catalog, "n", nil)
	return l
}

// node makes a compactor of the lifetime's catalog and bucket.
func (l *lifetime) node(t *testing.T, c *catalog.Catalog, name string, rules []plan.Rule) *Compactor {
	o := DefaultOptions()
	o.Catalog, o.Bucket, o.Node, o.Concurrency, o.Rules = c, l.rig.Bucket, name, 2, rules
	o.Log = slog.New(slog.DiscardHandler)
	o.Retention, o.DefaultKeep, o.MaxExpireShare, o.Collect.MaxShare = l.keeps, l.keep, 1, 1
	o.Now = func() time.Time { return l.now }
	made, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// write flushes a file of a recent day, or of an old one.
func (l *lifetime) write() {
	age := l.rng.IntN(3)
	if l.rng.IntN(4) == 0 {
		age = l.rng.IntN(70)
	}
	day := series.Day(l.now.UnixMilli()) - int64(age)
	var all []compacttest.Series
	for i := range 9 {
		if l.rng.IntN(2) == 0 {
			continue
		}
		ls := labels.FromStrings(labels.MetricName, fmt.Sprintf("m%d", i%2), "a", fmt.Sprint(i%3), "b", fmt.Sprint(i/3))
		s := &series.Samples{}
		for at := day*series.DayMillis + l.rng.Int64N(4)*3600e3; at < (day+1)*series.DayMillis && s.Len() < 9; at += 3600e3 * (1 + l.rng.Int64N(3)) {
			l.n++
			s.Times, s.Values = append(s.Times, at), append(s.Values, float64(l.n))
			l.put(ls, at, compacttest.Text(s, s.Len()-1))
		}
		all = append(all, compacttest.Series{Labels: ls, Samples: s})
	}
	if len(all) > 0 {
		l.rig.Add(plan.Unit{Day: day, Days: 1}, 0, all)
	}
}

func (l *lifetime) put(ls labels.Labels, at int64, sample string) {
	key := ls.String()
	if l.model[key] == nil {
		l.model[key] = map[int64]string{}
	}
	l.model[key][at] = sample
}

// drop removes what a function says from the model.
func (l *lifetime) drop(hidden func(ls labels.Labels, at int64) bool) {
	for i := range 9 {
		ls := labels.FromStrings(labels.MetricName, fmt.Sprintf("m%d", i%2), "a", fmt.Sprint(i%3), "b", fmt.Sprint(i/3))
		key := ls.String()
		for at := range l.model[key] {
			if hidden(ls, at) {
				delete(l.model[key], at)
			}
		}
		if len(l.model[key]) == 0 {
			delete(l.model, key)
		}
	}
}

func (l *lifetime) remove(t *testing.T) {
	m := compacttest.Selector(t, "b", fmt.Sprint(l.rng.IntN(3)))
	minT := l.now.Add(-time.Duration(l.rng.IntN(40)) * hours).UnixMilli()
	maxT := minT + l.rng.Int64N(20*series.DayMillis)
	l.rig.AddTombstone(minT, maxT, m...)
	l.drop(func(ls labels.Labels, at int64) bool { return series.Matches(ls, m) && minT <= at && at <= maxT })
}

func (l *lifetime) expire() error {
	l.drop(func(ls labels.Labels, at int64) bool {
		return at <= l.policy.Cutoff(definition(l.keeps, l.keep, ls), l.now)
	})
	return l.Expire(l.rig.T.Context(), l.now)
}

// step does something; what is visible must be what the model says after each.
func (l *lifetime) step(t *testing.T) (string, error) {
	switch l.rng.IntN(12) {
	case 0:
		l.remove(t)
		return "delete", nil
	case 1, 2:
		return "expire", l.expire()
	case 3, 4:
		return "compact", l.RunOnce(t.Context(), OnceOptions{Compact: true})
	case 5:
		return "clean", l.CleanTombstones(t.Context())
	case 6:
		return "collect", l.Collect(t.Context(), time.Now().Add(2*time.Hour)) // The catalog's clock goes right.
	case 7:
		l.now = l.now.Add(time.Duration(l.rng.IntN(9*24)) * time.Hour)
		return "wait", nil
	default:
		l.write()
		return "write", nil
	}
}

// Whatever is written, deleted, expired, compacted and collected when, what is
// visible is what a flat model of the same says.
func TestLifeKeepsAndHidesTheRightRows(t *testing.T) {
	t.Parallel()
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	for life := range 6 {
		l := newLifetime(t, rng)
		var did []string
		for range 60 {
			what, err := l.step(t)
			did = append(did, what)
			if err != nil {
				t.Fatalf("life %d, %v: %v", life, did, err)
			}
			if diff := cmp.Diff(l.model, l.rig.Visible()); diff != "" {
				t.Fatalf("life %d, %v: wrong rows are visible (-want +got):\n%.3000s", life, did, diff)
			}
		}
		l.end(t)
	}
}

// end brings everything to rest: no delete hides anything any more, and nothing
// is in the bucket that is not live.
func (l *lifetime) end(t *testing.T) {
	t.Helper()
	l.now = l.now.Add(3 * hours)
	if err := l.expire(); err != nil {
		t.Fatal(err)
	}
	if err := l.CleanTombstones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.RunOnce(t.Context(), OnceOptions{Now: time.Now().Add(2 * time.Hour), Collect: true, Scrub: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l.model, l.rig.Visible()); diff != "" {
		t.Fatalf("at rest wrong rows are visible (-want +got):\n%.3000s", diff)
	}
	if live, objects := l.rig.Catalog.Snapshot().Len(), l.rig.Objects(); live != objects {
		t.Errorf("%d live files, %d objects", live, objects)
	}
	receipts, err := l.rig.Catalog.Receipts(t.Context(), math.MaxInt32)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range receipts {
		if r.Cause == catalog.Deleted && r.Done == 0 {
			t.Errorf("delete %s of %s still hides rows", r.ID, retention.SelectorText(r.Matchers))
		}
	}
}
