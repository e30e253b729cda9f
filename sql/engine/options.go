package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/worker"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Store is what SQL reads from. All methods may be called from any goroutine.
type Store interface {
	series.Source
	series.ExemplarSource
	series.MetadataSource
	Files
	Tables
}

// Files are the store's rows by where they are.
type Files interface {
	// Unflushed returns what is only in memory.
	Unflushed(ctx context.Context, tenant series.Tenant, q series.Query) (series.Set, error)
	// Snapshot returns the files. Taken after Unflushed, the two hold every sample.
	Snapshot() *catalog.Snapshot
	// OpenFile returns the index of a file; release ends its use.
	OpenFile(ctx context.Context, f *catalog.File) (r *block.Reader, release func(), err error)
}

// Tables are the store's metrics with their labels, unflushed ones included.
type Tables interface {
	Tables(tenant series.Tenant) ([]catalog.Table, error)
	Table(tenant series.Tenant, metric string) (t catalog.Table, ok bool, err error)
}

// Options steer New.
type Options struct {
	Store Store
	Pool  *worker.Pool
	// Path is where a file's bytes can be read, on the file system of the pool's
	// directory.
	Path func(ctx context.Context, f *catalog.File) (string, error)
	// Delete hides the tenant's samples of matching series in minT … maxT
	// (milliseconds, both included) from every later query and returns the receipt.
	// nil: DELETE is refused.
	Delete     func(ctx context.Context, tenant series.Tenant, minT, maxT int64, matchers []*labels.Matcher) (catalog.Tombstone, error)
	Registerer prometheus.Registerer // nil: metrics are not registered.

	Timeout  time.Duration // Of a query that names none.
	Longest  time.Duration // That a query may name.
	MaxRows  int64         // Of an answer; 0 is no limit.
	MaxBytes int64         // Of an answer, as Arrow; 0 is no limit.
	MaxFiles int           // That one query may read; 0 is no limit.
}

// DefaultOptions are limits for a node that also ingests.
func DefaultOptions() Options {
	return Options{
		Timeout:  time.Minute,
		Longest:  10 * time.Minute,
		MaxFiles: 20_000,
	}
}

// Validate checks what New needs. Errors wrap series.ErrInvalid.
func (o *Options) Validate() error {
	switch {
	case o.Store == nil || o.Pool == nil || o.Path == nil:
		return fmt.Errorf("no Store, Pool or Path: %w", series.ErrInvalid)
	case o.Timeout <= 0 || o.Longest < o.Timeout:
		return fmt.Errorf("timeout %v of at most %v: %w", o.Timeout, o.Longest, series.ErrInvalid)
	case o.MaxRows < 0 || o.MaxBytes < 0 || o.MaxFiles < 0:
		return fmt.Errorf("a limit is negative: %w", series.ErrInvalid)
	}
	return nil
}
