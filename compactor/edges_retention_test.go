package compactor

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/storage/catalog"
)

// addTombstone deletes the series of a name, at all times.
func (y *testNode) addTombstone(name string) {
	y.t.Helper()
	y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
		ID: ulid.Make().String(), Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(y.t, "__name__", name),
		MinT: math.MinInt64, MaxT: math.MaxInt64, Created: 1,
	}}})
}

// everyKind is one of each that the catalog knows.
var everyKind = []catalog.Kind{catalog.Samples, catalog.Exemplars, catalog.Aggregates(300_000)}

// Exemplars or aggregates would otherwise be seen again when the samples are removed.
func TestADeleteLastsWhileItHidesRowsOfAnyKind(t *testing.T) {
	for _, kind := range everyKind {
		y := newTestNode(t, nil)
		y.add(func(f *catalog.File) { f.Kind = kind })
		y.addTombstone("m")
		y.must(y.LiftDone(t.Context()))
		if n := len(y.catalog.Snapshot().Tombstones("default")); n != 1 {
			t.Errorf("%d deletes hide %s", n, kind)
		}
	}
}

// Old aggregates, or exemplars, of a tenant without samples would otherwise stay.
func TestExpireHidesOldRowsOfEveryKind(t *testing.T) {
	for _, kind := range everyKind {
		y := newTestNode(t, func(o *Options) { o.DefaultKeep = 10 * hours })
		y.add(func(f *catalog.File) { y.on(20, 5)(f); f.Kind = kind })
		y.must(y.Expire(t.Context(), y.now))
		stones := y.catalog.Snapshot().Tombstones("default")
		if len(stones) != 1 || stones[0].MaxT != y.policy.Cutoff(10*hours, y.now) {
			t.Errorf("tombstones of %s: %v", kind, stones)
		}
	}
}

// A sample would otherwise be lost at the age up to which its rule keeps it.
func TestWhatIsExactlyAsOldAsTheRuleIsKept(t *testing.T) {
	p := policyOf(Options{})
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) // A whole minute, hour and half a day.
	for _, keep := range []time.Duration{time.Hour, 100 * time.Minute, 100 * time.Hour} {
		if got := p.Cutoff(keep, now); got >= now.Add(-keep).UnixMilli() {
			t.Errorf("of %v to be kept, all up to %d ms after that are hidden", keep, got-now.Add(-keep).UnixMilli())
		}
	}
}

// A mistaken default could otherwise hide all rows at once where some rule keeps
// a few series, and with them the files.
func TestTheGuardOfExpireCountsFilesThatStay(t *testing.T) {
	y := newTestNode(t, func(o *Options) {
		o.DefaultKeep, o.Collect.MinFiles = 30*hours, 5
		o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "__name__", "kept"), Keep: 0}}
	})
	for range 6 {
		y.add(y.on(60, 40)) // Of names from a to z: "kept" may be among them.
	}
	y.add(y.on(3, 0))
	if err := y.Expire(t.Context(), y.now); !errors.Is(err, plan.ErrRefused) {
		t.Errorf("expired: %v", err)
	}
	if n := len(y.catalog.Snapshot().Tombstones("default")); n > 0 {
		t.Errorf("%d tombstones hide rows all the same", n)
	}
}

// Whoever forces deletes would otherwise wait for as long as others delete.
func TestCleanTombstonesDoesNotWaitForLaterDeletes(t *testing.T) {
	y := newTestNode(t, nil)
	for _, n := range []string{"a", "b"} {
		y.add(func(f *catalog.File) { f.Partition, f.MinName, f.MaxName = "k="+n, n, n })
	}
	y.addTombstone("a")
	y.jobs.fail = func(j plan.Job) error {
		if j.Partition == "k=b" {
			return errTest
		}
		y.addTombstone("b")
		return nil
	}
	y.must(y.CleanTombstones(t.Context()))
	if n := len(y.catalog.Snapshot().Tombstones("default")); n != 1 {
		t.Errorf("%d deletes still hide rows, the later one should", n)
	}
}
