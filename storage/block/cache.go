package block

import (
	"container/list"
	"sync"
)

// Cache keeps decoded pages of several files, the last used ones, so that a
// query asked again, or its two halves evaluated at once, decompress a page
// once. Its methods may be called from any goroutine.
type Cache struct {
	limit int64

	// Guards what follows; held to look up and to count, not to read files.
	mu      sync.Mutex
	entries map[cacheKey]*cacheEntry
	recent  *list.List // Of *cacheEntry, last used first.
	stats   CacheStats
	spare   []*decoded // Memory to be used again.
}

// CacheStats are counters since the cache was made, and its size now.
type CacheStats struct {
	Hits, Misses int64
	Bytes        int64
}

// maxSpare bounds the memory kept for reuse: it is what a few scans drop while
// they drop it.
const maxSpare = 16

// cacheKey names a page group of samples, or one column of a page group of
// aggregates: files never change, so their name is enough.
type cacheKey struct {
	file          string
	group, column int // column is 0 for samples.
}

// cacheEntry is what a key names, perhaps still being read.
type cacheEntry struct {
	key   cacheKey
	ready chan struct{} // Closed when page and err are set.
	page  *decoded
	err   error

	// Guarded by Cache.mu.
	users int
	bytes int64
	place *list.Element // nil when it was dropped from the cache.
}

// NewCache makes a cache of at most limit bytes; what scans are using now
// comes on top.
func NewCache(limit int64) *Cache {
	return &Cache{limit: limit, entries: map[cacheKey]*cacheEntry{}, recent: list.New()}
}

// Stats returns the counters.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// take returns the entry of key, calling load if nobody has. The caller must
// give it back, unless there is an error.
func (c *Cache) take(key cacheKey, load func(*decoded) error) (*cacheEntry, error) {
	e, mine := c.find(key)
	if mine {
		e.page = c.takeSpare()
		e.err = load(e.page)
		c.settle(e)
		close(e.ready)
	}
	<-e.ready
	if e.err != nil {
		c.give(e)
		return nil, e.err
	}
	return e, nil
}

// find returns the entry of key; mine says that it is new and the caller must
// load it.
func (c *Cache) find(key cacheKey) (e *cacheEntry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.stats.Hits++
		e.users++
		c.recent.MoveToFront(e.place)
		return e, false
	}
	c.stats.Misses++
	e = &cacheEntry{key: key, ready: make(chan struct{}), users: 1}
	e.place = c.recent.PushFront(e)
	c.entries[key] = e
	return e, true
}

// settle counts an entry that was loaded, and drops it if that went wrong: the
// next one who asks tries again.
func (c *Cache) settle(e *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.place == nil: // Dropped meanwhile.
	case e.err != nil:
		c.drop(e)
	default:
		e.bytes = e.page.sizeBytes()
		c.stats.Bytes += e.bytes
	}
	for c.stats.Bytes > c.limit && c.recent.Len() > 0 {
		c.drop(c.recent.Back().Value.(*cacheEntry))
	}
}

// drop takes e out of the cache. Its memory is used again when nobody uses it.
func (c *Cache) drop(e *cacheEntry) {
	c.recent.Remove(e.place)
	delete(c.entries, e.key)
	e.place = nil
	c.stats.Bytes -= e.bytes
	c.recycle(e)
}

// give ends the use of an entry.
func (c *Cache) give(e *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	c.recycle(e)
}

func (c *Cache) recycle(e *cacheEntry) {
	if e.users == 0 && e.place == nil && e.page != nil && len(c.spare) < maxSpare {
		c.spare = append(c.spare, e.page)
		e.page = nil
	}
}

func (c *Cache) takeSpare() *decoded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.spare); n > 0 {
		d := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return d
	}
	return &decoded{}
}
