package compactor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// Two nodes compact one catalog and one bucket at once, and neither knows of the
// other, while things are written and deleted: what is visible stays what a flat
// model says, and one of two that do the same loses.
func TestTwoNodesDoNoHarm(t *testing.T) {
	t.Parallel()
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	lost := 0.0
	for range 3 {
		lost += twoNodes(t, rng)
	}
	if lost == 0 {
		t.Error("no race was lost: the test proves little")
	}
	t.Logf("%v races were lost", lost)
}

const hourMillis = int64(3_600_000)

func twoNodes(t *testing.T, rng *rand.Rand) (lost float64) {
	l := newLifetime(t, rng)
	rules := []plan.Rule{{Tenant: compacttest.Tenant, Resolution: hourMillis, After: 2 * series.DayMillis, KeepSamples: true}}
	other, err := catalog.Open(t.Context(), l.rig.Path, catalog.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	l.Compactor = l.node(t, l.rig.Catalog, "one", rules)
	nodes := []*Compactor{l.Compactor, l.node(t, other, "two", rules)}
	for range 25 {
		l.now = l.now.Add(time.Duration(rng.IntN(3*24)) * time.Hour)
		l.beside(t, nodes)
		if diff := cmp.Diff(l.model, l.rig.Visible()); diff != "" {
			t.Fatalf("wrong rows are visible (-want +got):\n%.3000s", diff)
		}
		l.checkAggregates(t, hourMillis)
	}
	for _, c := range nodes {
		lost += testutil.ToFloat64(c.metrics.lostRaces)
	}
	l.end(t)
	if found, err := other.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the catalog is not sound: %v, %v", found, err)
	}
	return lost
}

// beside lets both nodes work while things happen, and then waits for them.
func (l *lifetime) beside(t *testing.T, nodes []*Compactor) {
	t.Helper()
	var g errgroup.Group
	for _, c := range nodes {
		clean, expire := l.rng.IntN(3) == 0, l.rng.IntN(3) == 0
		g.Go(func() error {
			if clean {
				return c.CleanTombstones(t.Context())
			}
			return c.RunOnce(t.Context(), OnceOptions{Expire: expire, Compact: true})
		})
	}
	for range l.rng.IntN(6) {
		if l.rng.IntN(6) == 0 {
			l.remove(t)
		} else {
			l.write()
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := l.expire(); err != nil {
		t.Fatal(err)
	}
}

// checkAggregates: where nothing is newer, the aggregates of a series are of all
// its visible samples, and there are none of the same twice.
func (l *lifetime) checkAggregates(t *testing.T, resolution int64) {
	t.Helper()
	files := l.rig.Live(catalog.Aggregates(resolution))
	for i, f := range files {
		for _, o := range files[:i] {
			if plan.Overlap(plan.UnitOfFile(f), plan.UnitOfFile(o)) {
				t.Fatalf("there are two files of aggregates of %v", plan.UnitOfFile(f))
			}
		}
		if len(l.rig.Catalog.Snapshot().Mask(f)) > 0 || l.newer(f) {
			continue
		}
		for key, a := range l.rig.ReadBuckets(f) {
			got, want := int64(0), int64(0)
			for _, n := range a.Counts {
				got += n
			}
			for at := range l.model[key] {
				if d := series.Day(at); f.Day <= d && d < f.Day+int64(f.Days) {
					want++
				}
			}
			if got != want {
				t.Fatalf("aggregates of %s in %v are of %d samples, %d are visible", key, plan.UnitOfFile(f), got, want)
			}
		}
	}
}

// newer reports whether samples came to a file's days after its aggregates.
func (l *lifetime) newer(f *catalog.File) bool {
	return slices.ContainsFunc(l.rig.Live(catalog.Samples), func(o *catalog.File) bool {
		return o.Seq > f.Seq && plan.Overlap(plan.UnitOfFile(o), plan.UnitOfFile(f))
	})
}
