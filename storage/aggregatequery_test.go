package storage

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// Where the coarse aggregates are missing, finer ones are used, if they are not too
// coarse for who asks, and buckets longer than any that are stored are made of both.
func TestFinerAggregatesWhereCoarserAreMissing(t *testing.T) {
	r := newRig(t, nil)
	b := floats("m")
	for i := range int64(2 * 24 * 60) {
		b.Samples = append(b.Samples, series.Sample{T: aggOrigin + i*minute, V: float64(i % 100)})
	}
	b.Entries[0].Samples = int32(len(b.Samples))
	r.append(b)
	r.flush()
	r.aggregate(firstDay, 1, 60*minute, false, func() {})
	r.aggregate(firstDay+1, 1, 5*minute, false, func() {})
	for name, tt := range map[string]struct {
		resolution, coarsest int64
		samples, buckets     int
	}{
		"an hour of both":         {60 * minute, 0, 0, 49}, // That of the first midnight has a sample, too.
		"a day of both":           {24 * 60 * minute, 0, 0, 3},
		"no coarser than it says": {60 * minute, 5 * minute, 24 * 60, 25},
		"no finer than is stored": {5 * minute, 0, 24 * 60, 24*12 + 1},
	} {
		q := aggregate.Query{Query: all(), Resolution: tt.resolution, Coarsest: tt.coarsest, Columns: aggregate.Max}
		set, err := r.store.SelectAggregates(context.Background(), tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		var samples series.Samples
		var buckets aggregate.Buckets
		for set.Next() {
			if err := set.At().Read(&samples, &buckets); err != nil {
				t.Fatal(err)
			}
		}
		if err := set.Close(); err != nil {
			t.Fatal(err)
		}
		if samples.Len() != tt.samples || buckets.Len() != tt.buckets {
			t.Errorf("%s: %d samples and %d buckets, want %d and %d", name, samples.Len(), buckets.Len(), tt.samples, tt.buckets)
		}
	}
}

// A bucket that does not tell of its resets is not hidden in a longer one from who
// asks for increases.
func TestUnknownIncreasesStayVisible(t *testing.T) {
	r := newRig(t, nil)
	b := floats("m")
	for i, v := range []float64{9, math.NaN(), 7, 2, 5, 6} {
		b.Samples = append(b.Samples, series.Sample{T: aggOrigin + int64(i+1)*3*minute, V: v})
	}
	b.Entries[0].Samples = int32(len(b.Samples))
	r.append(b)
	r.flush()
	r.aggregate(firstDay, 1, 5*minute, false, func() {})
	q := aggregate.Query{Query: all(), Resolution: 60 * minute, Columns: aggregate.First | aggregate.Last}
	if got := readAggregates(t, r.store, q); len(got) != 1 || got[0].Len() != 1 {
		t.Errorf("without increases: %+v", got)
	}
	q.Columns = aggregate.AllColumns
	if got := readAggregates(t, r.store, q); len(got) != 1 || got[0].TellsResets() || got[0].Len() != 4 {
		t.Errorf("with increases: %+v", got)
	}
}

func someColumns(rng *rand.Rand) aggregate.Columns {
	c := aggregate.Columns(rng.IntN(int(aggregate.AllColumns + 1)))
	if c&aggregate.Increase != 0 {
		c |= aggregate.First | aggregate.Last
	}
	return c
}

// sameInFewColumns: fewer columns are those of a read of all, and no other.
func sameInFewColumns(t *testing.T, s *Store, q aggregate.Query) {
	t.Helper()
	few, all := readAggregates(t, s, q), []aggregate.Buckets{}
	columns := q.Columns
	q.Columns = aggregate.AllColumns
	for _, a := range readAggregates(t, s, q) {
		a.Keep(columns)
		all = append(all, a)
	}
	if diff := gocmp.Diff(all, few, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("columns %b (-all +few):\n%s", columns, diff)
	}
}

// readAggregates returns the buckets of each series.
func readAggregates(t *testing.T, s *Store, q aggregate.Query) (found []aggregate.Buckets) {
	t.Helper()
	set, err := s.SelectAggregates(context.Background(), tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for set.Next() {
		var samples series.Samples
		var buckets aggregate.Buckets
		if err := set.At().Read(&samples, &buckets); err != nil {
			t.Fatal(err)
		}
		found = append(found, buckets)
	}
	return found
}
