package merge

import (
	"context"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
)

// beginning is a bucket that tells when an object is begun.
type beginning struct {
	bucket.Bucket
	tell func()
}

func (b *beginning) Create(ctx context.Context, name string) (bucket.Writer, error) {
	b.tell()
	return b.Bucket.Create(ctx, name)
}

// Jobs that run at once could otherwise together take many times the budget.
func TestAJobHoldsItsMemoryWhileItRuns(t *testing.T) {
	const budget = 256 << 20
	r := newRig(t, Options{MemoryBytes: budget})
	j := r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), threeFiles(t, r)...)
	left := budget - r.x.estimate(&j)
	free := func(n int64) bool {
		if !r.x.memory.TryAcquire(n) {
			return false
		}
		r.x.memory.Release(n)
		return true
	}
	began := false
	r.x.opts.Bucket = &beginning{r.Bucket, func() {
		began = true
		if free(left+1) || !free(left) {
			t.Error("the job does not hold what it is estimated to take")
		}
	}}
	r.run(j)
	if !began || !free(budget) {
		t.Error("the memory was not given back")
	}
}

// A merge into many windows would otherwise hold a full row group of each.
func TestRowGroupsOfAllOutputsFitTheBudget(t *testing.T) {
	const budget, rowBytes = 64 << 20, 12 // Of incompressible samples.
	r := newRig(t, Options{MemoryBytes: budget})
	j := r.job(plan.Merge, catalog.Samples, plan.LevelWindow, day(compacttest.Day), threeFiles(t, r)...)
	for windows := range int64(24) {
		j.Window = 24 * hour / (windows + 1)
		w := newWork(t.Context(), r.x, r.Catalog.Snapshot(), &j)
		rows := w.newOutputs(w.target(catalog.Samples, w.inputs()), nil).options().RowGroupRows
		if n := int64(writers(&j)); n*int64(rows)*rowBytes > budget/2 {
			t.Errorf("%d files at once have row groups of %d rows", n, rows)
		}
	}
}

// A job would otherwise read, or write, as fast as the disk can.
func TestJobsKeepToTheLimitsOfTheOptions(t *testing.T) {
	r := newRig(t, Options{ReadBytesPerSecond: 1 << 20, WriteBytesPerSecond: 2 << 20})
	if x := r.x; x.reads == nil || x.writes == nil || x.reads.Limit() != 1<<20 || x.writes.Limit() != 2<<20 {
		t.Fatalf("limits are %+v and %+v", x.reads, x.writes)
	}
	const most = 1 << 30 // Bytes that pass without a wait, and are counted.
	r.x.reads, r.x.writes = rate.NewLimiter(rate.Every(time.Hour), most), rate.NewLimiter(rate.Every(time.Hour), most)
	res := r.run(r.job(plan.Merge, catalog.Samples, plan.LevelDay, day(compacttest.Day), threeFiles(t, r)...))
	if n := most - int64(r.x.reads.Tokens()); n < res.InputBytes/2 { // Not all of an input is needed.
		t.Errorf("%d bytes were counted as read of %d", n, res.InputBytes)
	}
	if n := most - int64(r.x.writes.Tokens()); n < res.OutputBytes {
		t.Errorf("%d bytes were counted as written of %d", n, res.OutputBytes)
	}
}
