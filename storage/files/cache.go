package files

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Cache keeps the indexes of recently used files in memory, up to a number of
// bytes. Files in use are never closed, so the bound can be passed by what
// running queries hold.
type Cache struct {
	bucket bucket.Bucket
	limit  int64
	pages  *block.Cache

	mu     sync.Mutex // Guards what follows and openFile's users, element and size.
	open   map[string]*File
	recent *list.List // Of *openFile, the most recently used first.
	bytes  int64
	opened int64 // Counts files opened.

	// The last keep: which version of the catalog it was about, and opened then.
	keptVersion, keptOpened int64
}

// fileIndex answers from the index of a file, without reading it.
type fileIndex interface {
	Select(matchers []*promlabels.Matcher, minT, maxT int64, limit int) []block.Ref
	LabelNames(matchers []*promlabels.Matcher, minT, maxT int64) []string
	LabelValues(name string, matchers []*promlabels.Matcher, minT, maxT int64) []string
	SizeBytes() int64
}

// File is one open file. What it points to belongs to the cache; it may be used until
// it is released.
type File struct {
	Entry      *catalog.File
	ready      chan struct{} // Closed when what follows is set.
	err        error
	object     bucket.Object
	index      fileIndex              // One of the two below.
	Reader     *block.Reader          // nil if the file is of aggregates …
	Aggregates *block.AggregateReader // … and this, if it is not.
	labels     labelCache

	users   int
	element *list.Element // nil: not in the cache any more.
	size    int64         // As counted in files.bytes.
}

// NewCache returns a cache of at most limit bytes of indexes and, if pageBytes is
// not 0, of decoded pages beside them.
func NewCache(b bucket.Bucket, limit, pageBytes int64) *Cache {
	var pages *block.Cache
	if pageBytes > 0 {
		pages = block.NewCache(pageBytes)
	}
	return &Cache{bucket: b, limit: limit, pages: pages, open: map[string]*File{}, recent: list.New()}
}

// Acquire opens a file or finds it open. The caller releases it.
func (f *Cache) Acquire(ctx context.Context, file *catalog.File) (*File, error) {
	f.mu.Lock()
	o := f.open[file.ID]
	first := o == nil
	if first {
		o = &File{Entry: file, ready: make(chan struct{})}
		f.open[file.ID] = o
		o.element = f.recent.PushFront(o)
		f.opened++
	}
	o.users++
	f.recent.MoveToFront(o.element)
	f.mu.Unlock()
	if first {
		f.load(o)
	}
	select {
	case <-o.ready:
	case <-ctx.Done():
		f.Release(o)
		return nil, ctx.Err()
	}
	if o.err != nil {
		err := o.err
		f.Release(o)
		return nil, err
	}
	return o, nil
}

// load opens the file for all who wait for it. It does not use the first
// caller's context: the others would fail with it.
func (f *Cache) load(o *File) {
	defer close(o.ready)
	o.object, o.err = f.object(context.Background(), o.Entry)
	if o.err == nil {
		o.err = o.parse()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.err != nil { // The next query tries again.
		f.removeLocked(o)
		return
	}
	switch {
	case f.pages == nil:
	case o.Reader != nil:
		o.Reader.UseCache(f.pages)
	default:
		o.Aggregates.UseCache(f.pages)
	}
	if o.element != nil { // Not dropped meanwhile.
		o.size = o.index.SizeBytes()
		f.bytes += o.size
	}
	f.evictLocked()
}

// OpenObject reads the index of an object that is open. It is not in any cache: the
// object stays the caller's.
func OpenObject(o bucket.Object, file *catalog.File) (*File, error) {
	f := &File{Entry: file, object: o}
	return f, f.parse()
}

// Stats returns the number of open files and the bytes of their indexes.
func (f *Cache) Stats() (open int, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open), f.bytes
}

// parse reads the index of the file.
func (o *File) parse() (err error) {
	f := o.Entry
	if f.Kind.Resolution() > 0 {
		o.Aggregates, err = block.OpenAggregates(o.object, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
		o.index = o.Aggregates
	} else {
		o.Reader, err = block.Open(o.object, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
		o.index = o.Reader
	}
	return err
}

// Find returns the series of the file that match and have samples in the query's
// range.
func (o *File) Find(q *series.Query) []block.Ref {
	return o.index.Select(q.Matchers, q.MinT, q.MaxT, 0)
}

// Samples returns the reader of a file with samples. The caller calls release
// once, after its last use of the reader.
func (f *Cache) Samples(ctx context.Context, file *catalog.File) (_ *block.Reader, release func(), err error) {
	if file.Kind != catalog.Samples {
		return nil, nil, fmt.Errorf("open file %s: its rows are %s: %w", file.Name, file.Kind, series.ErrInvalid)
	}
	o, err := f.Acquire(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	return o.Reader, func() { f.Release(o) }, nil
}

// object opens the object of a file and checks its size.
func (f *Cache) object(ctx context.Context, file *catalog.File) (bucket.Object, error) {
	o, err := f.bucket.Open(ctx, file.Name)
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return nil, fmt.Errorf("file %s is in the catalog and not in the bucket: %w", file.Name, series.ErrCorrupt)
	case err != nil:
		return nil, fmt.Errorf("open file %s: %w", file.Name, err)
	case o.Size() != file.Size:
		size := o.Size()
		return nil, errors.Join(fmt.Errorf("file %s has %d bytes, the catalog says %d: %w", file.Name, size, file.Size, series.ErrCorrupt), o.Close())
	}
	return o, nil
}

// Release ends the use of a file that Acquire returned.
func (f *Cache) Release(o *File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o.users--
	if o.users > 0 {
		return
	}
	if o.element == nil {
		o.close() // It was pushed out while in use.
		return
	}
	f.evictLocked()
}

// evictLocked closes files that nobody uses, the least recently used first,
// until the rest fits.
func (f *Cache) evictLocked() {
	for e := f.recent.Back(); e != nil && f.bytes > f.limit; {
		o := e.Value.(*File)
		e = e.Prev()
		if o.users == 0 {
			f.removeLocked(o)
			o.close()
		}
	}
}

func (f *Cache) removeLocked(o *File) {
	if o.element == nil {
		return
	}
	f.recent.Remove(o.element)
	o.element = nil
	if f.open[o.Entry.ID] == o {
		delete(f.open, o.Entry.ID)
	}
	f.bytes -= o.size
	o.size = 0
}

// Keep drops the files that are not live in the catalog any more, so that the
// disk gives back the space of those whose objects are deleted. What is in use is
// closed by its last release. Decoded pages of them are left to age.
func (f *Cache) Keep(live *catalog.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) == 0 || f.keptVersion == live.Version() && f.keptOpened == f.opened {
		return // A query with an older snapshot may have opened one since.
	}
	f.keptVersion, f.keptOpened = live.Version(), f.opened
	unlisted := maps.Clone(f.open)
	for file := range live.All() {
		delete(unlisted, file.ID)
	}
	for _, o := range unlisted {
		f.removeLocked(o)
		if o.users == 0 {
			o.close()
		}
	}
}

// close lets go of the object. An error of closing a file that was only read
// says nothing about its bytes, which are checksummed.
func (o *File) close() {
	if o.object != nil {
		_ = o.object.Close()
	}
}

// Close closes what nobody uses; what is in use is closed by its last release.
func (f *Cache) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for e := f.recent.Front(); e != nil; {
		o := e.Value.(*File)
		e = e.Next()
		f.removeLocked(o)
		if o.users == 0 {
			o.close()
		}
	}
	return nil
}
