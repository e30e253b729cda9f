package series

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Trace gathers what the Selects of a query found and read, for people who ask
// why it took its time. A Source finds it in the context and adds one Selection
// a Select. A nil Trace gathers nothing and costs nothing.
//
// Concurrency: all methods may be called from any goroutine.
type Trace struct {
	mu         sync.Mutex // Guards selections.
	selections []*Selection
}

type traceKey struct{}

// WithTrace returns a context whose Selects are gathered in t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf returns the trace that ctx carries, or nil.
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// Begin adds a Select. Of a nil Trace it is nil, whose methods do nothing.
func (t *Trace) Begin(q Query) *Selection {
	if t == nil {
		return nil
	}
	s := &Selection{query: q}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selections = append(t.selections, s)
	return s
}

// Selections returns the Selects so far, in the order in which they began.
func (t *Trace) Selections() []*Selection {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.selections)
}

// Figures returns the sum over all Selects so far.
func (t *Trace) Figures() Figures {
	var sum Figures
	for _, s := range t.Selections() {
		sum.Add(s.Figures())
	}
	return sum
}

// Selection is one Select: what it asked for, what was found by indexes, and
// what was read since. Reads are complete when the set was closed.
type Selection struct {
	query Query
	reads Reads

	mu    sync.Mutex // Guards what follows.
	found Figures
	files []TracedFile
}

// Figures are counts of one Select, or sums of several.
type Figures struct {
	Selects int64

	// Files: FilesKnown is the sum of the three below and FilesOpened. Each pruned
	// file is counted once, with the first reason that applies.
	FilesKnown    int64 // Of the tenant, with samples.
	PrunedByTime  int64
	PrunedByTags  int64 // By the tags of their partition.
	PrunedByNames int64 // By their range of metric names.
	FilesOpened   int64
	FilesEmpty    int64 // Of those opened: their index has no matching series.

	// A series is counted once for each place (generation of memory, file) it is in.
	SeriesInMemory int64
	SeriesInFiles  int64

	PagesRead       int64 // Parquet pages read from files and decoded.
	BytesRead       int64 // Of those pages, as stored.
	PagesCached     int64 // Pages found decoded in memory.
	SamplesDecoded  int64 // Rows of the pages read, in the range or not.
	SamplesReturned int64 // To the caller, after merging.
}

// Add adds o to f.
func (f *Figures) Add(o Figures) {
	f.Selects += o.Selects
	f.FilesKnown += o.FilesKnown
	f.PrunedByTime += o.PrunedByTime
	f.PrunedByTags += o.PrunedByTags
	f.PrunedByNames += o.PrunedByNames
	f.FilesOpened += o.FilesOpened
	f.FilesEmpty += o.FilesEmpty
	f.SeriesInMemory += o.SeriesInMemory
	f.SeriesInFiles += o.SeriesInFiles
	f.PagesRead += o.PagesRead
	f.BytesRead += o.BytesRead
	f.PagesCached += o.PagesCached
	f.SamplesDecoded += o.SamplesDecoded
	f.SamplesReturned += o.SamplesReturned
}

// TracedFile is a file that a Select opened.
type TracedFile struct {
	Name       string
	Level      int
	Rows       int64
	MinT, MaxT int64 // Milliseconds, both included.
	Series     int64 // That match.
}

// Query is what the Select asked for.
func (s *Selection) Query() Query { return s.query }

// Pruned tells how many files there are and why some were not opened.
func (s *Selection) Pruned(known, byTime, byTags, byNames int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.FilesKnown, s.found.PrunedByTime = int64(known), int64(byTime)
	s.found.PrunedByTags, s.found.PrunedByNames = int64(byTags), int64(byNames)
}

// Opened tells of a file that was opened.
func (s *Selection) Opened(f TracedFile) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.FilesOpened++
	if f.Series == 0 {
		s.found.FilesEmpty++
	}
	s.found.SeriesInFiles += f.Series
	s.files = append(s.files, f)
}

// InMemory tells of matching series in a generation of memory.
func (s *Selection) InMemory(n int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found.SeriesInMemory += int64(n)
}

// Returned tells of samples handed to the caller.
func (s *Selection) Returned(n int) {
	if s != nil {
		s.reads.returned.Add(int64(n))
	}
}

// Reads is where the reader of a file counts for this Select; nil for nil.
func (s *Selection) Reads() *Reads {
	if s == nil {
		return nil
	}
	return &s.reads
}

// Figures returns the counts so far.
func (s *Selection) Figures() Figures {
	s.mu.Lock()
	f := s.found
	s.mu.Unlock()
	f.Selects = 1
	f.PagesRead, f.BytesRead = s.reads.pages.Load(), s.reads.bytes.Load()
	f.PagesCached = s.reads.cached.Load()
	f.SamplesDecoded, f.SamplesReturned = s.reads.decoded.Load(), s.reads.returned.Load()
	return f
}

// Files returns the files that were opened, oldest written first.
func (s *Selection) Files() []TracedFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.files)
}

// Reads counts what is read from files. The methods of nil do nothing.
type Reads struct {
	pages, bytes, cached, decoded, returned atomic.Int64
}

// Page counts a page of so many stored bytes that was read and decoded.
func (r *Reads) Page(size int) {
	if r != nil {
		r.pages.Add(1)
		r.bytes.Add(int64(size))
	}
}

// Cached counts pages that were found decoded in memory.
func (r *Reads) Cached(pages int) {
	if r != nil {
		r.cached.Add(int64(pages))
	}
}

// Decoded counts the rows of pages that were decoded.
func (r *Reads) Decoded(rows int) {
	if r != nil {
		r.decoded.Add(int64(rows))
	}
}
