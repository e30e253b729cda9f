package querier

import (
	"context"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/memory"
)

// Querier answers reads from memory and files together. It is a series.Source,
// ExemplarSource, MetadataSource and an aggregate.Source; all methods may be
// called from any goroutine. It writes nothing and needs no log.
type Querier struct {
	memory  Memory
	catalog *catalog.Catalog
	files   *files.Cache
}

// Memory is what was written and is not in files yet.
type Memory interface {
	// Generations returns what queries must look at, oldest first. What it returned
	// once stays readable.
	//
	// Errors: series.ErrNotReady while not all of it is known.
	Generations() ([]*memory.Generation, error)
}

// NewQuerier returns a Querier of the files that c lists, which are opened
// through f, and of what is in memory.
func New(memory Memory, c *catalog.Catalog, f *files.Cache) *Querier {
	return &Querier{memory: memory, catalog: c, files: f}
}

// Snapshot returns the files that the catalog knows now, without I/O.
func (r *Querier) Snapshot() *catalog.Snapshot { return r.catalog.Snapshot() }

// OpenFile returns the reader of a file with samples, from the cache of open files
// if it is there. The caller calls release once, after its last use of the reader.
//
// Errors: a file that is missing or not as the catalog says wraps
// series.ErrCorrupt.
func (r *Querier) OpenFile(ctx context.Context, f *catalog.File) (_ *block.Reader, release func(), err error) {
	return r.files.Samples(ctx, f)
}
