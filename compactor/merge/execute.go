package merge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"herringbone/compactor/plan"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Defaults of ExecutorOptions.
const (
	DefaultMemoryBytes  = 256 << 20
	DefaultMaxFileBytes = 512 << 20
)

// ExecutorOptions steer an Executor. Zero fields take the default.
type Options struct {
	Bucket  bucket.Bucket
	Catalog committer
	Node    string // Who writes, for the catalog and for people.

	// MemoryBytes is what the jobs that run at once may take together; default
	// DefaultMemoryBytes. A job that needs more runs, but alone.
	MemoryBytes int64
	// MaxFileBytes is about where an output ends and the next begins; default
	// DefaultMaxFileBytes. One series is never in two outputs of one window.
	MaxFileBytes int64

	// Bytes a second that all jobs together read and write; 0 does not limit.
	ReadBytesPerSecond, WriteBytesPerSecond int64
	// Duty is the share of the time, above 0 and at most 1, that a job works; the
	// rest it pauses, for others to have the processor. Default 1: no pause.
	Duty float64
	// DutyUnderLoad is that share while other goroutines of the process wait for a
	// core. Default, and at most, Duty: a job makes no way for them.
	DutyUnderLoad float64
	Now           func() time.Time // Default time.Now.
}

// committer is what an Executor needs of a catalog.Catalog.
type committer interface {
	Commit(context.Context, catalog.Edit) (*catalog.Snapshot, error)
}

func (o Options) withDefaults() Options {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.MaxFileBytes <= 0 {
		o.MaxFileBytes = DefaultMaxFileBytes
	}
	if o.Duty <= 0 || o.Duty > 1 {
		o.Duty = 1
	}
	if o.DutyUnderLoad <= 0 || o.DutyUnderLoad > o.Duty {
		o.DutyUnderLoad = o.Duty
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Executor runs jobs: it reads the inputs, writes the outputs, checks them, and
// commits the exchange.
//
// Concurrency: Run may be called from any goroutine; jobs wait for each other's
// memory.
type Executor struct {
	opts          Options
	memory        *semaphore.Weighted
	reads, writes *rate.Limiter // nil: no limit.
}

// NewExecutor makes an Executor.
func New(o Options) *Executor {
	o = o.withDefaults()
	return &Executor{
		opts:   o,
		memory: semaphore.NewWeighted(o.MemoryBytes),
		reads:  newLimiter(o.ReadBytesPerSecond),
		writes: newLimiter(o.WriteBytesPerSecond),
	}
}

// Result says what a job did. Bytes are of objects, rows of samples, buckets or
// exemplars.
type Result struct {
	Inputs, Outputs         int   // Files; inputs that were not read are not counted.
	InputBytes, OutputBytes int64 // Of those files.
	InputRows, OutputRows   int64 // Of those files.
	Duplicates              int64 // Rows that a later written one replaced, or that became one bucket with another.
	Hidden                  int64 // Rows that tombstones hid.
	Dropped                 int64 // Samples that only aggregates are left of.
	Aggregated              int64 // Samples that stay: they went into aggregates, or no rule wanted them there.

	Files  []catalog.File  // The outputs.
	Purged []catalog.Purge // What went to the receipts of tombstones.

	Took time.Duration // In all.
	Busy time.Duration // Without pauses and waits for limits.
}

// Run runs one job that was planned on the snapshot. When it returns nil, the
// outputs are in the catalog in the inputs' place. On an error of one of these
// kinds nothing has changed, and what was written is deleted:
//
//   - ErrLostRace: somebody else changed what the job works on.
//   - *DamagedError: an input cannot be read.
//   - Errors that wrap series.ErrInvalid: the job cannot be meant.
//   - *VerifyError: the outputs are not what they should be.
//   - The context's error, or the bucket's.
//
// If the catalog failed to say how the commit ended, the outputs stay: they are
// live, or garbage for the collector.
func (x *Executor) Run(ctx context.Context, s *catalog.Snapshot, j plan.Job) (_ Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s of %s/%s level %d: %w", j.Kind, j.Tenant, j.Partition, j.Level, err)
		}
	}()
	if err := j.Check(); err != nil {
		return Result{}, err
	}
	need := min(x.estimate(&j), x.opts.MemoryBytes)
	if err := x.memory.Acquire(ctx, need); err != nil {
		return Result{}, fmt.Errorf("wait for memory: %w", err)
	}
	defer x.memory.Release(need)
	w := newWork(ctx, x, s, &j)
	defer func() { err = errors.Join(err, w.close()) }()
	began := time.Now()
	if err := w.run(); err != nil {
		return Result{}, err
	}
	if err := w.commit(); err != nil {
		return Result{}, err
	}
	r := w.result()
	r.Took = time.Since(began)
	r.Busy = r.Took - w.pace.paused
	return r, nil
}

// commit exchanges inputs and outputs in the catalog. An outcome that is not
// known is asked for once more: the same token commits once.
func (w *work) commit() error {
	e := catalog.Edit{
		Token: "compact/" + ulid.Make().String(),
		Add:   w.made, Remove: w.removed(), Needs: w.needed(), Purged: w.purges(),
	}
	if w.job.Kind != plan.Clean { // It adds nothing that was not there.
		e.Base = w.snapshot.Version()
	}
	if len(e.Add) == 0 && len(e.Remove) == 0 {
		return nil
	}
	if err := errors.Join(w.ctx.Err(), w.present()); err != nil {
		return err
	}
	_, err := w.x.opts.Catalog.Commit(w.ctx, e)
	if err == nil {
		w.keep = true
		return nil
	}
	if !errors.Is(err, series.ErrInvalid) {
		again, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), commitAgain)
		defer cancel()
		_, err = w.x.opts.Catalog.Commit(again, e)
	}
	switch {
	case err == nil:
		w.keep = true
		return nil
	case errors.Is(err, catalog.ErrConflict):
		return fmt.Errorf("%w: %w", ErrLostRace, err)
	case errors.Is(err, series.ErrInvalid):
		return fmt.Errorf("commit: %w", err)
	}
	w.keep = true // Nobody knows whether they are live.
	return fmt.Errorf("commit: %w", err)
}

// present is an error unless the outputs are still there. The first may be so
// much older than the commit that the collection of orphans has had it, and has
// forgotten that.
func (w *work) present() error {
	for i := range w.made {
		o, err := w.x.opts.Bucket.Open(w.ctx, w.made[i].Name)
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			return fmt.Errorf("%w: output %s is missing: %w", ErrLostRace, w.made[i].ID, err)
		case err != nil:
			return fmt.Errorf("look for output %s: %w", w.made[i].ID, err)
		}
		_ = o.Close() // It was not read.
	}
	return nil
}

// commitAgain is how long the second attempt may take, also when the job was
// told to stop.
const commitAgain = 10 * time.Second

func (w *work) removed() []string {
	var ids []string
	for _, in := range w.job.Inputs {
		if in.Remove {
			ids = append(ids, in.ID)
		}
	}
	return ids
}

// needed are the inputs that stay.
func (w *work) needed() []string {
	var ids []string
	for _, in := range w.job.Inputs {
		if !in.Remove {
			ids = append(ids, in.ID)
		}
	}
	return ids
}
