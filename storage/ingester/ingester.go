package ingester

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/memory"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// Ingester makes a node's writes durable and keeps them in memory until they are
// files. All methods may be called from any goroutine.
//
// Its life: New, Replay (until then appends and reads are refused with
// series.ErrNotReady), Run until told to stop, Flush if memory should become
// files, Close. An Ingester that is killed at any time loses nothing that Append
// acknowledged.
type Ingester struct {
	opts    Options
	fs      fsys.FS
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	log     *slog.Logger
	metrics *metrics

	appenders *sync.Pool
	wake      chan struct{} // Asks Run for a flush; holds one.
	replayed  struct{ done, total atomic.Int64 }

	flushing sync.Mutex // Held throughout a flush: one at a time, oldest first. And throughout WithoutFlush.

	mu      sync.RWMutex // Guards what follows; held only to look or swap.
	active  *generation  // nil before Replay and after Close.
	frozen  []*generation
	nextSeq uint64
	changed chan struct{} // Closed and replaced when a generation began or ended.
}

// NewIngester returns an Ingester whose log is in o.Dir. It writes files to b and
// commits them to c, which stay the caller's. It reads nothing yet and starts no
// goroutine.
func New(fs fsys.FS, b bucket.Bucket, c *catalog.Catalog, o Options, reg prometheus.Registerer, log *slog.Logger) (*Ingester, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	in := &Ingester{
		opts: o, fs: fs, bucket: b, catalog: c, log: log,
		appenders: newAppenderPool(), wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	in.metrics = newMetrics(reg, in)
	if err := fsys.MkdirAll(fs, in.walDir()); err != nil {
		return nil, fmt.Errorf("make WAL directory: %w", err)
	}
	return in, nil
}

func (in *Ingester) walDir() string { return filepath.Join(in.opts.Dir, "wal") }

func (in *Ingester) now() time.Time {
	return in.opts.Clock()()
}

func (in *Ingester) poke() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// rotateLocked freezes the active generation, if there is one, begins a new one
// and wakes the writers that wait for it. Ingester.mu is held.
func (in *Ingester) rotateLocked() error {
	seq := in.nextSeq
	in.nextSeq++ // Also if it fails: the name may be taken then.
	seg, err := wal.Create(in.fs, in.walDir(), seq)
	if err != nil {
		return fmt.Errorf("begin WAL segment %d: %w", seq, err)
	}
	seg.Measure(in.metrics.wal)
	if in.active != nil {
		in.frozen = append(in.frozen, in.active)
	}
	in.active = newGeneration(seq, seg, in.opts.Limits, in.now())
	in.announceLocked()
	return nil
}

// Generations returns what queries must look at, oldest first; the last one is
// active.
//
// Errors: series.ErrNotReady before Replay and after Close.
func (in *Ingester) Generations() ([]*memory.Generation, error) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.active == nil {
		return nil, fmt.Errorf("store is starting or stopping: %w", series.ErrNotReady)
	}
	all := make([]*memory.Generation, 0, len(in.frozen)+1)
	for _, g := range in.frozen {
		all = append(all, g.Generation)
	}
	return append(all, in.active.Generation), nil
}

// Run flushes full and old generations until ctx ends, then returns nil. It calls
// after each time it has looked. It is where flush errors are logged; a failed
// flush is tried again.
func (in *Ingester) Run(ctx context.Context, after func()) error {
	tick := time.NewTicker(min(in.opts.FlushInterval, 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-in.wake:
		case <-tick.C:
		}
		if err := in.FlushDue(ctx); err != nil && ctx.Err() == nil {
			in.metrics.flushFailures.Inc()
			in.log.Error("flush failed, it will be tried again", "err", err)
		}
		after()
	}
}

// FlushDue freezes the active generation if it is full, old or broken, and
// flushes what is frozen.
func (in *Ingester) FlushDue(ctx context.Context) error {
	if err := in.freeze(in.due); err != nil {
		return err
	}
	err := in.FlushFrozen(ctx)
	// Writers that waited may have found the active one full meanwhile.
	return errors.Join(err, in.freeze(in.due))
}

func (in *Ingester) due(g *generation) bool {
	return g.size() >= in.opts.GenerationBytes || g.segment.Err() != nil ||
		!g.Empty() && in.now().Sub(g.born) >= in.opts.FlushInterval
}

// freeze rotates if the active generation is due and another may wait.
func (in *Ingester) freeze(due func(*generation) bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.active == nil || !due(in.active) || len(in.frozen) >= in.opts.MaxFrozen {
		return nil
	}
	if err := in.rotateLocked(); err != nil {
		return err
	}
	in.poke()
	return nil
}

// Freeze ends the active generation, unless it is empty: what is written from now
// on goes to a new one. Unlike the freezing of what is due it does not mind how
// many generations wait already.
func (in *Ingester) Freeze() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.active == nil || in.active.Empty() {
		return nil
	}
	return in.rotateLocked()
}

// announceLocked wakes the writers that wait for memory.
func (in *Ingester) announceLocked() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// Flush writes everything that is in memory when it is called to Parquet and
// commits it.
func (in *Ingester) Flush(ctx context.Context) error {
	in.mu.RLock()
	g := in.active
	in.mu.RUnlock()
	for g != nil {
		if err := in.FlushFrozen(ctx); err != nil { // Then g can be frozen.
			return err
		}
		if in.left(g) {
			return nil
		}
		if err := in.freeze(func(active *generation) bool { return active == g }); err != nil {
			return err
		}
	}
	return nil
}

// left reports whether there is nothing of g in memory, or nothing in g.
func (in *Ingester) left(g *generation) bool {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return g.Empty() || in.active != g && !slices.Contains(in.frozen, g)
}

// Close ends writing and lets go of everything. What is in memory only stays in
// the WAL, for the next Replay.
func (in *Ingester) Close() error {
	in.mu.Lock()
	g, frozen := in.active, in.frozen
	in.active, in.frozen = nil, nil
	in.mu.Unlock()
	var errs []error
	if g != nil {
		frozen = append(frozen, g)
	}
	for _, g := range frozen {
		g.writers.Wait()
		if g.segment != nil {
			errs = append(errs, g.segment.Close())
		}
	}
	in.flushing.Lock() // A flush under way ends first.
	defer in.flushing.Unlock()
	return errors.Join(errs...)
}
