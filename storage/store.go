package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/deletes"
	"herringbone/storage/files"
	"herringbone/storage/fsys"
	"herringbone/storage/ingester"
	"herringbone/storage/querier"
	"herringbone/storage/series"
)

// Store is one node's store: an Ingester, which takes writes, a Querier, whose
// reads are the store's, and a Deleter, over one catalog and one bucket. It is a
// series.Sink, Source, ExemplarSource and MetadataSource and an aggregate.Source;
// all methods may be called from any goroutine.
//
// Its life: Open, Replay (until then appends and reads are refused with
// series.ErrNotReady), Run until told to stop, Flush if memory should become
// files, Close. A store that is killed at any time loses nothing that Append
// acknowledged.
type Store struct {
	*querier.Querier

	ingester *ingester.Ingester
	deleter  *deletes.Deleter
	files    *files.Cache
	catalog  *catalog.Catalog
	log      *slog.Logger
}

// Open returns a store over b and c, which stay the caller's. It reads nothing
// yet and starts no goroutine. The caller holds the Lock of o.Dir.
func Open(_ context.Context, fs fsys.FS, b bucket.Bucket, c *catalog.Catalog, o Options, reg prometheus.Registerer, log *slog.Logger) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	in, err := ingester.New(fs, b, c, o.Options, reg, log)
	if err != nil {
		return nil, err
	}
	f := files.NewCache(b, o.IndexCacheBytes, o.PageCacheBytes)
	return &Store{
		Querier:  querier.New(in, c, f),
		ingester: in,
		deleter:  deletes.New(in, c, f, o.Clock(), reg, log),
		files:    f, catalog: c, log: log,
	}, nil
}

// Replay puts the WAL segments that the catalog does not hold yet back into
// memory and opens the store for reads and writes. Its memory is bounded
// whatever there is to replay.
//
// Damaged records are set aside and logged with their place, the others are
// replayed; only a segment that cannot be read at all is an error.
func (s *Store) Replay(ctx context.Context) error {
	if err := s.backfillTables(ctx); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return s.ingester.Replay(ctx)
}

// Progress tells how many bytes of WAL were replayed, and of how many.
func (s *Store) Progress() (done, total int64) { return s.ingester.Progress() }

// Append implements series.Sink.
func (s *Store) Append(ctx context.Context, t series.Tenant, b *series.Batch) (series.Written, error) {
	return s.ingester.Append(ctx, t, b)
}

// Run flushes full and old generations until ctx ends, then returns nil. It is
// where flush errors are logged; a failed flush is tried again.
func (s *Store) Run(ctx context.Context) error { return s.ingester.Run(ctx, s.Forget) }

// Forget lets go of open files that the catalog does not list any more, so that
// their disk space is given back when their objects are deleted. Running queries
// keep theirs until they are closed. It does no I/O; Run calls it now and then.
func (s *Store) Forget() { s.files.Keep(s.catalog.Snapshot()) }

// Flush writes everything that is in memory when it is called to Parquet and
// commits it.
func (s *Store) Flush(ctx context.Context) error { return s.ingester.Flush(ctx) }

// Delete hides the samples and exemplars of matching series in minT … maxT
// (milliseconds, both included) from every read that begins after it returned; see
// Deleter.Delete.
func (s *Store) Delete(ctx context.Context, t series.Tenant, minT, maxT int64, matchers []*promlabels.Matcher) (catalog.Tombstone, error) {
	return s.deleter.Delete(ctx, t, minT, maxT, matchers)
}

// Close ends writing and lets go of everything. What is in memory only stays in
// the WAL, for the next Replay.
func (s *Store) Close() error { return errors.Join(s.ingester.Close(), s.files.Close()) }
