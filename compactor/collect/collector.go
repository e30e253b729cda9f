package collect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/instrument"
)

// CollectOptions steer how objects of removed files are deleted.
type Options struct {
	Interval time.Duration
	Grace    time.Duration // Between a removal and the deletion; longer than LongestQuery.
	// MaxShare, 0 … 1: nothing is deleted if it would be more than this share of all
	// bytes and more than MinFiles files, files that others took the place of not
	// counted.
	MaxShare float64
	MinFiles int // Less than a compacted store has: a few files a bucket and month.
}

// OrphanOptions steer the search for objects that the catalog does not know.
type OrphanOptions struct {
	Interval time.Duration // Between listings; 0: none.
	// Age is how old an object must be to be a candidate, and how long it must have
	// been one to be deleted.
	Age time.Duration
}

// Collector deletes objects that nobody needs any more. Its methods may be called
// from any goroutine.
type Collector struct {
	catalog *catalog.Catalog
	bucket  bucket.Bucket
	objects Options
	orphans OrphanOptions
	refused func(step string) // Counts a refusal.
	metrics *collectMetrics
}

// NewCollector makes a Collector. refused is told of each step that refuses to
// take away too much at once: collect, orphans.
func New(c *catalog.Catalog, b bucket.Bucket, objects Options, orphans OrphanOptions, refused func(step string), reg prometheus.Registerer) *Collector {
	return &Collector{catalog: c, bucket: b, objects: objects, orphans: orphans, refused: refused, metrics: newCollectMetrics(reg)}
}

type collectMetrics struct {
	collectedFiles, collectedBytes prometheus.Counter
	orphansDeleted                 prometheus.Counter
	orphanCandidates               prometheus.Gauge
}

func newCollectMetrics(reg prometheus.Registerer) *collectMetrics {
	f := instrument.New(reg, "herringbone_compactor_")
	return &collectMetrics{
		collectedFiles:   f.Counter("collected_files_total", "Objects of removed files that were deleted."),
		collectedBytes:   f.Counter("collected_bytes_total", "Bytes of objects of removed files that were deleted."),
		orphansDeleted:   f.Counter("orphans_deleted_total", "Objects that were deleted because the catalog never knew them."),
		orphanCandidates: f.Gauge("orphan_suspects", "Objects that the catalog did not know at the last listing."),
	}
}
