package block

import (
	"math/rand/v2"
	"testing"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// TestAggregateScanReadsTheColumnsAskedFor: with a cache and without, a scan gives
// the columns it was asked for, and no page of another is read.
func TestAggregateScanReadsTheColumnsAskedFor(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := aggregated(rnd, 60)
	f := writeAggregates(t, Options{PageRows: 1 + rnd.IntN(300)}, all)
	plain, cached := f.openAggregates(t), f.openAggregates(t)
	cached.UseCache(NewCache(rnd.Int64N(1 << 20)))
	for range 40 {
		columns := aggregate.Columns(rnd.IntN(int(aggregate.AllColumns) + 1))
		for _, r := range []*AggregateReader{plain, cached} {
			scan := r.Scan(columns, minTime, maxTime)
			for _, i := range rnd.Perm(len(all))[:len(all)/2] {
				want, got := all[i].a.Slice(0, all[i].a.Len()), &aggregate.Buckets{}
				want.Keep(columns)
				ref := r.file.ref(i)
				if err := scan.Read(ref, func(a *aggregate.Buckets) { got.AppendRange(a, 0, a.Len()) }); err != nil {
					t.Fatal(err)
				}
				if d := diffAggregates(&want, got); d != "" {
					t.Fatalf("columns %b of %v (-want +got):\n%s", columns, ref.Labels, d)
				}
			}
			scan.Close()
		}
	}
}

// TestAggregateScanCounts: fewer columns are fewer pages, and what was read is
// there the next time.
func TestAggregateScanCounts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1)) // Any buckets do.
	f := writeAggregates(t, Options{}, aggregated(rnd, 20))
	r := f.openAggregates(t)
	r.UseCache(NewCache(1 << 30))
	read := func(columns aggregate.Columns) series.Figures {
		selection := (&series.Trace{}).Begin(series.Query{})
		scan := r.Scan(columns, minTime, maxTime)
		scan.Count(selection.Reads())
		defer scan.Close()
		for i := range r.Series() {
			if err := scan.Read(r.file.ref(i), func(*aggregate.Buckets) {}); err != nil {
				t.Fatal(err)
			}
		}
		return selection.Figures()
	}
	one, same, more := read(aggregate.Max), read(aggregate.Max), read(aggregate.AllColumns)
	switch {
	case one.PagesRead == 0 || one.BytesRead == 0 || one.SamplesDecoded != r.Rows() || one.PagesCached != 0:
		t.Errorf("first: %+v", one)
	case same.PagesRead != 0 || same.PagesCached != one.PagesRead || same.SamplesDecoded != 0:
		t.Errorf("again: %+v", same)
	case more.PagesRead == 0 || more.PagesCached != one.PagesRead || more.SamplesDecoded != 0:
		t.Errorf("all columns: %+v", more)
	}
}
