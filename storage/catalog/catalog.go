package catalog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/series"
)

// Catalog is the list of files that exist, on disk and as a Snapshot in memory.
//
// Concurrency: every method may be called from any goroutine. Snapshot takes no
// lock and does no I/O. Commits queue behind each other. Several catalogs, of
// one process or of several, may have the same database open; each sees the
// others' commits after its own next Commit or Refresh.
//
// Errors: damage wraps series.ErrCorrupt, a database that others kept busy for
// too long series.ErrOverload.
type Catalog struct {
	db       *database
	opts     Options
	metrics  *metrics
	metadata *metadataCache

	current atomic.Pointer[Snapshot]

	writing sync.Mutex // Held throughout whatever writes, and Refresh; never by readers.
}

// Open opens the catalog in the SQLite database at path, making it if there is
// none; its directory must exist. It checks the database and reads all live
// files; damage is an error wrapping series.ErrCorrupt.
//
// A database that is not there is a new and empty catalog: whether one should
// have been there is for the caller to judge (see Snapshot.Version).
func Open(ctx context.Context, path string, o Options, reg prometheus.Registerer) (*Catalog, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	db, err := openSQLite(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	c := newCatalog(db, o, reg)
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalog %s: %w", path, err), db.close())
	}
	return c, nil
}

func newCatalog(db *database, o Options, reg prometheus.Registerer) *Catalog {
	c := &Catalog{db: db, opts: o, metrics: newMetrics(reg)}
	c.metadata = newMetadataCache(o.MetadataCacheBytes, o.MetadataSeenEvery)
	c.current.Store(&Snapshot{version: math.MinInt64}) // Older than any: the first refresh reads all.
	return c
}

func (c *Catalog) start(ctx context.Context) error {
	found, err := c.db.damage(ctx, false)
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("check database: %s: %w", strings.Join(found, "; "), series.ErrCorrupt)
	}
	if err := c.db.migrate(ctx); err != nil {
		return err
	}
	return c.Refresh(ctx)
}

// Close lets go of the database. Snapshots stay valid.
func (c *Catalog) Close() error {
	if err := c.db.close(); err != nil {
		return fmt.Errorf("close catalog: %w", err)
	}
	return nil
}

// Snapshot returns the files as of the last Commit or Refresh of this Catalog.
func (c *Catalog) Snapshot() *Snapshot { return c.current.Load() }

func (c *Catalog) publish(s *Snapshot) {
	c.current.Store(s)
	c.metrics.files.Set(float64(s.live))
	c.metrics.version.Set(float64(s.version))
	c.metrics.tombstones.Set(float64(s.tombstonesState.live))
}
