package storage

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

	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// Store is one node's store. It is a series.Sink, Source, AggregateSource,
// ExemplarSource and MetadataSource; all methods may be called from any goroutine.
//
// Its life: Open, Replay (until then appends and reads are refused with
// series.ErrNotReady), Run until told to stop, Flush if memory should become
// files, Close. A store that is killed at any moment loses nothing that Append
// acknowledged.
type Store struct {
	opts    Options
	fs      fsys.FS
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	log     *slog.Logger
	metrics *metrics
	files   *files
	pages   *block.Cache

	appenders *sync.Pool
	wake      chan struct{} // Asks Run for a flush; holds one.
	replayed  struct{ done, total atomic.Int64 }

	flushing sync.Mutex // Held throughout a flush: one at a time, oldest first. And while a delete is committed.

	mu      sync.RWMutex // Guards what follows; held only to look or swap.
	active  *generation  // nil before Replay and after Close.
	frozen  []*generation
	nextSeq uint64
	changed chan struct{} // Closed and replaced when a generation began or went.
}

// Open returns a store over b and c, which stay the caller's. It reads nothing
// yet and starts no goroutine. The caller holds the Lock of o.Dir.
func Open(_ context.Context, fs fsys.FS, b bucket.Bucket, c *catalog.Catalog, o Options, reg prometheus.Registerer, log *slog.Logger) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, fs: fs, bucket: b, catalog: c, log: log,
		appenders: newAppenderPool(), wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if o.PageCacheBytes > 0 {
		s.pages = block.NewCache(o.PageCacheBytes)
	}
	s.files = newFiles(b, o.IndexCacheBytes, s.pages)
	s.metrics = newMetrics(reg, s)
	if err := fsys.MkdirAll(fs, s.walDir()); err != nil {
		return nil, fmt.Errorf("make WAL directory: %w", err)
	}
	return s, nil
}

func (s *Store) walDir() string { return filepath.Join(s.opts.Dir, "wal") }

func (s *Store) now() time.Time {
	if s.opts.Now != nil {
		return s.opts.Now()
	}
	return time.Now()
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// rotateLocked freezes the active generation, if there is one, begins a new one
// and wakes the writers that wait for it. Store.mu is held.
func (s *Store) rotateLocked() error {
	seq := s.nextSeq
	s.nextSeq++ // Also if it fails: the name may be taken then.
	seg, err := wal.Create(s.fs, s.walDir(), seq)
	if err != nil {
		return fmt.Errorf("begin WAL segment %d: %w", seq, err)
	}
	seg.Measure(s.metrics.wal)
	if s.active != nil {
		s.frozen = append(s.frozen, s.active)
	}
	s.active = newGeneration(seq, seg, s.opts.Limits, s.now())
	s.announceLocked()
	return nil
}

// generations returns what queries must look at, oldest first.
func (s *Store) generations() ([]*generation, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.active == nil {
		return nil, fmt.Errorf("store is starting or stopping: %w", series.ErrNotReady)
	}
	return append(append(make([]*generation, 0, len(s.frozen)+1), s.frozen...), s.active), nil
}

// Run flushes full and old generations until ctx ends, then returns nil. It is
// where flush errors are logged; a failed flush is tried again.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(min(s.opts.FlushInterval, 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-tick.C:
		}
		if err := s.flushDue(ctx); err != nil && ctx.Err() == nil {
			s.metrics.flushFailures.Inc()
			s.log.Error("flush failed, it will be tried again", "err", err)
		}
		s.Forget()
	}
}

// Forget lets go of open files that the catalog does not list any more, so that
// their disk space is given back when their objects are deleted. Running queries
// keep theirs until they are closed. It does no I/O; Run calls it now and then.
func (s *Store) Forget() { s.files.keep(s.catalog.Snapshot()) }

// flushDue freezes the active generation if it is full, old or broken, and
// flushes what is frozen.
func (s *Store) flushDue(ctx context.Context) error {
	if err := s.freeze(s.due); err != nil {
		return err
	}
	err := s.flushFrozen(ctx)
	// Writers that waited for room may have found the active one full meanwhile.
	return errors.Join(err, s.freeze(s.due))
}

func (s *Store) due(g *generation) bool {
	return g.size() >= s.opts.GenerationBytes || g.segment.Err() != nil ||
		!g.empty() && s.now().Sub(g.born) >= s.opts.FlushInterval
}

// freeze rotates if the active generation is due and there is room to wait.
func (s *Store) freeze(due func(*generation) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil || !due(s.active) || len(s.frozen) >= s.opts.MaxFrozen {
		return nil
	}
	if err := s.rotateLocked(); err != nil {
		return err
	}
	s.poke()
	return nil
}

// announceLocked wakes the writers that wait for room.
func (s *Store) announceLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Flush writes everything that is in memory when it is called to Parquet and
// commits it.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.RLock()
	g := s.active
	s.mu.RUnlock()
	for g != nil {
		if err := s.flushFrozen(ctx); err != nil { // Makes room for g.
			return err
		}
		if s.left(g) {
			return nil
		}
		if err := s.freeze(func(active *generation) bool { return active == g }); err != nil {
			return err
		}
	}
	return nil
}

// left reports whether there is nothing of g in memory, or nothing in g.
func (s *Store) left(g *generation) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return g.empty() || s.active != g && !slices.Contains(s.frozen, g)
}

// Close ends writing and lets go of everything. What is in memory only stays in
// the WAL, for the next Replay.
func (s *Store) Close() error {
	s.mu.Lock()
	g, frozen := s.active, s.frozen
	s.active, s.frozen = nil, nil
	s.mu.Unlock()
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
	s.flushing.Lock() // A flush under way ends first.
	defer s.flushing.Unlock()
	return errors.Join(append(errs, s.files.close())...)
}
