package storage

import (
	"errors"

	"herringbone/storage/ingester"
)

// Options steer a Store: those of its Ingester, and the caches of its reads.
type Options struct {
	ingester.Options

	// IndexCacheBytes bounds the memory for the indexes of open files.
	IndexCacheBytes int64
	// PageCacheBytes bounds the memory for decoded pages; 0 turns the cache off.
	PageCacheBytes int64
}

// DefaultOptions are for one node with a few hundred megabytes to spend.
func DefaultOptions() Options {
	return Options{Options: ingester.DefaultOptions(), IndexCacheBytes: 64 << 20, PageCacheBytes: 64 << 20}
}

// Validate names the first option that cannot work.
func (o Options) Validate() error {
	if o.IndexCacheBytes < 0 || o.PageCacheBytes < 0 {
		return errors.New("storage: cache sizes must not be negative")
	}
	return o.Options.Validate()
}
