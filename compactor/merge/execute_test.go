package merge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// conflicts is a catalog that somebody else always changed before.
type conflicts struct{}

func (conflicts) Commit(context.Context, catalog.Edit) (*catalog.Snapshot, error) {
	return nil, fmt.Errorf("remove file: %w", catalog.ErrConflict)
}

// threeFiles adds some files of a day that have times in common.
func threeFiles(t testing.TB, r *rig) []*catalog.File {
	h := newChronicle(r, rand.New(rand.NewPCG(7, 7)), plan.Unit{Day: compacttest.Day, Days: 1})
	for range 3 {
		h.file()
	}
	return r.Live(catalog.Samples)
}

func day(d int64) plan.Unit { return plan.Unit{Day: d, Days: 1} }

// checkNothingHappened: the old files are live, and no object is there that was
// not before.
func checkNothingHappened(t *testing.T, r *rig, want compacttest.Flat, objects int) {
	t.Helper()
	if diff := cmp.Diff(want, r.Visible()); diff != "" {
		t.Errorf("the answer has changed (-before +after):\n%.2000s", diff)
	}
	if n := r.Objects(); n != objects {
		t.Errorf("%d objects, there were %d", n, objects)
	}
}

func TestALostRaceIsHarmless(t *testing.T) {
	r := newRig(t, Options{})
	files := threeFiles(t, r)
	j := r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...)
	old := r.Catalog.Snapshot()
	r.run(j)
	want, objects := r.Visible(), r.Objects()
	_, err := r.x.Run(t.Context(), old, j)
	if !errors.Is(err, ErrLostRace) || !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("the second of two equal jobs ended with %v", err)
	}
	checkNothingHappened(t, r, want, objects)
}

// forgetful is a catalog that does not say how a commit ended: before it, or
// after.
type forgetful struct {
	committer
	done  bool
	calls int
	lasts int // Calls that end so.
}

var errForgot = errors.New("connection lost")

func (f *forgetful) Commit(ctx context.Context, e catalog.Edit) (*catalog.Snapshot, error) {
	f.calls++
	if f.calls > f.lasts {
		return f.committer.Commit(ctx, e)
	}
	if f.done {
		if _, err := f.committer.Commit(ctx, e); err != nil {
			return nil, err
		}
	}
	return nil, errForgot
}

func TestACommitWithUnknownOutcome(t *testing.T) {
	tests := map[string]struct {
		done  bool
		lasts int
		err   error
		files int // Live afterwards.
	}{
		"it was done, and the second attempt says so":           {done: true, lasts: 1, files: 1},
		"it was not done, and the second attempt does it":       {lasts: 1, files: 1},
		"it was done, but nobody says so: the outputs are live": {done: true, lasts: 2, err: errForgot, files: 1},
		"it was not done: the outputs wait for the collector":   {lasts: 2, err: errForgot, files: 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			files := threeFiles(t, r)
			want := r.Visible()
			r.x.opts.Catalog = &forgetful{committer: r.Catalog, done: tt.done, lasts: tt.lasts}
			_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
			if !errors.Is(err, tt.err) {
				t.Errorf("error is %v", err)
			}
			checkNothingHappened(t, r, want, 4)
			if n := len(r.Live(catalog.Samples)); n != tt.files {
				t.Errorf("%d live files", n)
			}
		})
	}
}

// counting cancels after some operations of the bucket.
type counting struct {
	bucket.Bucket
	left   atomic.Int64
	cancel context.CancelFunc
}

func (c *counting) tick() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *counting) Create(ctx context.Context, name string) (bucket.Writer, error) {
	c.tick()
	w, err := c.Bucket.Create(ctx, name)
	return &countingWriter{w, c}, err
}

func (c *counting) Open(ctx context.Context, name string) (bucket.Object, error) {
	c.tick()
	o, err := c.Bucket.Open(ctx, name)
	return &countingObject{o, c}, err
}

type countingWriter struct {
	bucket.Writer
	c *counting
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.c.tick()
	return w.Writer.Write(b)
}

type countingObject struct {
	bucket.Object
	c *counting
}

func (o *countingObject) ReadAt(b []byte, off int64) (int, error) {
	o.c.tick()
	return o.Object.ReadAt(b, off)
}

// A job that is told to stop at any time leaves all as it was, or is done.
func TestCancelAtAnyTime(t *testing.T) {
	t.Parallel()
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	done := 0
	var r *rig
	var files []*catalog.File
	var want compacttest.Flat
	for range 40 {
		if r == nil {
			r = newRig(t, Options{MaxFileBytes: 4 << 10})
			files, want = threeFiles(t, r), r.Visible()
		}
		ctx, cancel := context.WithCancel(t.Context())
		c := &counting{Bucket: r.Bucket, cancel: cancel}
		c.left.Store(1 + rng.Int64N(260))
		r.x.opts.Bucket = c
		_, err := r.x.Run(ctx, r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
		cancel()
		switch {
		case err == nil:
			done++
			checkNothingHappened(t, r, want, r.Objects())
			r = nil
		case errors.Is(err, context.Canceled):
			checkNothingHappened(t, r, want, 3)
		default:
			t.Fatalf("error is %v", err)
		}
	}
	if done == 0 || done == 40 {
		t.Errorf("%d of 40 jobs were done: the test proves little", done)
	}
}

// A byte that is flipped anywhere in an input is found before anything is
// committed, or does not matter.
func TestADamagedInputIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	files := threeFiles(t, r)
	want := r.Visible()
	found := 0
	for at := range files[1].Size {
		if at%293 != 0 && at < files[1].Size-40 {
			continue
		}
		r.x.opts.Bucket = &flipped{r.Bucket, files[1].Name, at}
		_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
		if err == nil { // A byte that no read needs.
			checkNothingHappened(t, r, want, r.Objects())
			back := r.Live(catalog.Samples)
			r = newRig(t, Options{})
			if files = threeFiles(t, r); len(back) != 1 {
				t.Fatalf("%d files after a merge", len(back))
			}
			continue
		}
		found++
		damage := new(DamagedError)
		if !errors.As(err, &damage) || damage.File.ID != files[1].ID || !errors.Is(err, series.ErrCorrupt) {
			t.Fatalf("byte %d of %d: error is %v", at, files[1].Size, err)
		}
		checkNothingHappened(t, r, want, 3)
	}
	if found < 20 {
		t.Errorf("only %d bytes mattered", found)
	}
	r.x.opts.Bucket = &flipped{r.Bucket, files[2].Name, -1}
	_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
	if damage := new(DamagedError); !errors.As(err, &damage) || damage.File.ID != files[2].ID {
		t.Errorf("a missing input: error is %v", err)
	}
}

// flipped is a bucket with a flipped byte, or without an object.
type flipped struct {
	bucket.Bucket
	name string // Also of what only begins so.
	at   int64  // Negative: the object is missing.
}

func (b *flipped) Open(ctx context.Context, name string) (bucket.Object, error) {
	o, err := b.Bucket.Open(ctx, name)
	if err != nil || !strings.HasPrefix(name, b.name) {
		return o, err
	}
	if b.at < 0 {
		_ = o.Close()
		return nil, bucket.ErrNotFound
	}
	return &flippedObject{o, b.at % o.Size()}, nil
}

type flippedObject struct {
	bucket.Object
	at int64
}

func (o *flippedObject) ReadAt(b []byte, off int64) (int, error) {
	n, err := o.Object.ReadAt(b, off)
	if off <= o.at && o.at < off+int64(n) {
		b[o.at-off] ^= 0x10
	}
	return n, err
}

// The power goes off at any operation of the bucket: what the catalog names is
// there whole.
func TestPowerLossLeavesTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	committed := 0
	for range 30 {
		fs := fsystest.NewCrash()
		if err := fsys.MkdirAll(fs, "/data"); err != nil {
			t.Fatal(err)
		}
		r := newRigOn(t, fs, "/data/objects", Options{MaxFileBytes: 4 << 10})
		files := threeFiles(t, r)
		want := r.Visible()
		var n, at = int64(0), 1 + rng.Int64N(60)
		fs.SetHook(func(op fsystest.Op) error {
			if op.Kind.Changes() {
				if n++; n >= at {
					return errForgot
				}
			}
			return nil
		})
		_, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
		if err == nil {
			committed++
		}
		after, err := bucket.Dir(fs.Clone(rng), "/data/objects")
		if err != nil {
			t.Fatal(err)
		}
		r.Bucket = after
		if diff := cmp.Diff(want, r.Visible()); diff != "" {
			t.Fatalf("the answer has changed (-before +after):\n%.2000s", diff)
		}
	}
	if committed == 0 || committed == 30 {
		t.Errorf("%d of 30 jobs were committed: the test proves little", committed)
	}
}

func TestJobsThatCannotBeMeant(t *testing.T) {
	r := newRig(t, Options{})
	files := threeFiles(t, r)
	rule := &plan.Rule{Tenant: compacttest.Tenant, Resolution: 300_000}
	dropped, live := *files[0], *files[0]
	dropped.Kind, dropped.SamplesDropped, live.Kind = catalog.Aggregates(300_000), true, catalog.Aggregates(300_000)
	tests := map[string]func(j *plan.Job){
		"no inputs":                     func(j *plan.Job) { j.Inputs = nil },
		"no days":                       func(j *plan.Job) { j.Unit.Days = 0 },
		"another tenant's input":        func(j *plan.Job) { j.Tenant = "other" },
		"another partition":             func(j *plan.Job) { j.Partition = "zone=us" },
		"aggregates by no rule":         func(j *plan.Job) { j.Kind, j.Rules = plan.Downsample, nil },
		"coarse samples":                func(j *plan.Job) { j.Kind = plan.Coarsen },
		"exemplars downsampled":         func(j *plan.Job) { j.Kind, j.Rows = plan.Downsample, catalog.Exemplars },
		"the only aggregates made anew": func(j *plan.Job) { j.Inputs = append(j.Inputs, plan.Input{File: &dropped, Remove: true}) },
		"aggregates that samples outlive": func(j *plan.Job) {
			j.Rows = catalog.Aggregates(300_000)
			j.Inputs = []plan.Input{{File: &live, Remove: true}}
		},
	}
	for name, change := range tests {
		j := r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...)
		j.Rules = []*plan.Rule{rule}
		change(&j)
		if _, err := r.x.Run(t.Context(), r.Catalog.Snapshot(), j); !errors.Is(err, series.ErrInvalid) && !errors.As(err, new(*DamagedError)) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// Jobs run side by side, also if all of them need the whole memory.
func TestJobsSideBySide(t *testing.T) {
	r := newRig(t, Options{MemoryBytes: 16 << 20, ReadBytesPerSecond: 1 << 30, Duty: 0.9})
	rng := seriestest.Seeded(t, "COMPACTOR_SEED")
	var jobs []plan.Job
	for d := range int64(5) {
		h := newChronicle(r, rng, day(compacttest.Day+d))
		jobs = append(jobs, r.job(plan.Merge, catalog.Samples, 2, h.unit, h.file(), h.file(), h.file()))
	}
	want, s := r.Visible(), r.Catalog.Snapshot()
	var g errgroup.Group
	for _, j := range jobs {
		g.Go(func() error {
			_, err := r.x.Run(t.Context(), s, j)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Live(catalog.Samples)); n != len(jobs) {
		t.Errorf("%d live files of %d jobs", n, len(jobs))
	}
	if diff := cmp.Diff(want, r.Visible()); diff != "" {
		t.Errorf("the answer has changed (-before +after):\n%.2000s", diff)
	}
}

func TestAJobWaitsForMemoryOnlyAsLongAsItMay(t *testing.T) {
	r := newRig(t, Options{MemoryBytes: 1 << 20})
	files := threeFiles(t, r)
	if !r.x.memory.TryAcquire(1) {
		t.Fatal("no memory is left")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.x.Run(ctx, r.Catalog.Snapshot(), r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...)); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	r.x.memory.Release(1)
	r.run(r.job(plan.Merge, catalog.Samples, 2, day(compacttest.Day), files...))
}
