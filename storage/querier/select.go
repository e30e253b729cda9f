package querier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/files"
	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// Select implements series.Source. It finds series by indexes alone; samples are
// read when Series.Read asks for them.
func (r *Querier) Select(ctx context.Context, t series.Tenant, q series.Query) (series.Set, error) {
	set := &seriesSet{files: r.files, query: q, trace: series.TraceOf(ctx).Begin(q)}
	if err := r.find(ctx, t, q, set, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("select series: %w", err), set.Close())
	}
	return set, nil
}

// find fills set with samples and with aggregates of the resolutions that uses,
// which may be nil, says yes to.
func (r *Querier) find(ctx context.Context, t series.Tenant, q series.Query, set *seriesSet, uses func(resolution int64) bool) error {
	generations, snapshot, err := r.readView()
	if err != nil {
		return err
	}
	inMemory, err := memoryHits(ctx, generations, t, q)
	if err != nil {
		return err
	}
	files := snapshot.Files(t, catalog.Samples, q.MinT, q.MaxT, q.Matchers...)
	kinds := []catalog.Kind{catalog.Samples}
	switch {
	case uses != nil:
		for _, kind := range snapshot.Kinds(t) {
			if uses(kind.Resolution()) {
				kinds = append(kinds, kind)
				files = append(files, snapshot.Files(t, kind, q.MinT, q.MaxT, q.Matchers...)...)
			}
		}
	case q.NoSamples: // A series is still there if only aggregates of it are.
		files = append(files, samplesDroppedFiles(snapshot, t, &q)...)
	}
	set.explain(snapshot, t, kinds)
	lists, err := set.openFiles(ctx, snapshot, files)
	if err != nil {
		return err
	}
	set.merge(lists, inMemory)
	return nil
}

// explain tells the trace, if there is one, why files are not opened.
func (s *seriesSet) explain(snapshot *catalog.Snapshot, t series.Tenant, kinds []catalog.Kind) {
	if s.trace == nil {
		return
	}
	var sum catalog.Pruning
	for _, kind := range kinds {
		p := snapshot.Explain(t, kind, s.query.MinT, s.query.MaxT, s.query.Matchers...)
		sum.Known, sum.Time, sum.Tags, sum.Names = sum.Known+p.Known, sum.Time+p.Time, sum.Tags+p.Tags, sum.Names+p.Names
	}
	s.trace.Pruned(sum.Known, sum.Time, sum.Tags, sum.Names)
}

// memoryHits returns the matching series of each generation, oldest first.
func memoryHits(ctx context.Context, generations []*memory.Generation, t series.Tenant, q series.Query) (lists [][]hit, err error) {
	for i, g := range generations {
		list, err := generationHits(ctx, g, t, q, i)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// hit is one series in one place.
type hit struct {
	labels promlabels.Labels
	order  int32 // Of writing: what has the higher one was written later. Files first: it is their number.
	memory *memory.Series
	ref    block.Ref
}

func generationHits(ctx context.Context, g *memory.Generation, t series.Tenant, q series.Query, order int) ([]hit, error) {
	m := g.Tenant(t)
	if m == nil {
		return nil, nil
	}
	list, err := m.Select(ctx, q)
	if err != nil {
		return nil, err
	}
	hits := make([]hit, len(list))
	for i, ms := range list {
		hits[i] = hit{labels: ms.Labels, order: int32(order), memory: ms}
	}
	return hits, nil
}

// mergeHits puts lists in label order into one, equal series side by side in the
// order of writing. It merges two by two, so that a hit is moved only as often
// as the number of lists can be halved.
func mergeHits(lists [][]hit) []hit {
	switch len(lists) {
	case 0:
		return nil
	case 1:
		return lists[0]
	}
	half := len(lists) / 2
	return mergeTwo(mergeHits(lists[:half]), mergeHits(lists[half:]))
}

// mergeTwo merges a, whose hits were written earlier, with b.
func mergeTwo(a, b []hit) []hit {
	if len(a) == 0 {
		return b
	}
	out := make([]hit, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if promlabels.Compare(a[0].labels, b[0].labels) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// seriesSet is the answer to one Select.
type seriesSet struct {
	files *files.Cache
	query series.Query
	scans []*fileScan
	hits  []hit
	trace *series.Selection // nil: nobody asks.

	next  int // In hits.
	count int
	cur   foundSeries
}

// fileScan reads one file for one query.
type fileScan struct {
	open *files.File
	mask catalog.Mask // What hides rows of the file; mostly nil.
	refs []block.Ref  // What the query found, in the file's order.
	mu   sync.Mutex   // Guards scan.
	scan *block.Scan
}

// prefetchFrom is the number of series from which pages are decoded ahead: fewer
// are mostly in a page or two.
const prefetchFrom = 64

// openFiles opens files for the set and returns each one's matching series.
func (s *seriesSet) openFiles(ctx context.Context, snapshot *catalog.Snapshot, files []*catalog.File) ([][]hit, error) {
	lists := make([][]hit, 0, len(files))
	for _, f := range files {
		list, err := s.openFile(ctx, f, snapshot.Mask(f))
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	return lists, nil
}

func (s *seriesSet) openFile(ctx context.Context, f *catalog.File, mask catalog.Mask) ([]hit, error) {
	o, err := s.files.Acquire(ctx, f)
	if err != nil {
		return nil, err
	}
	order := int32(len(s.scans))
	scan := &fileScan{open: o, mask: mask}
	s.scans = append(s.scans, scan)
	scan.refs = visible(o.Find(&s.query), mask, &s.query)
	s.trace.Opened(series.TracedFile{Name: f.Name, Level: f.Level, Rows: f.Rows, MinT: f.MinT, MaxT: f.MaxT, Series: int64(len(scan.refs))})
	hits := make([]hit, len(scan.refs))
	for i, r := range scan.refs {
		hits[i] = hit{labels: r.Labels, order: order, ref: r}
	}
	// Files are sorted by series.Compare, which differs where labels sort before
	// the metric name.
	byLabels := func(a, b hit) int { return promlabels.Compare(a.labels, b.labels) }
	if !slices.IsSortedFunc(hits, byLabels) {
		slices.SortFunc(hits, byLabels)
	}
	return hits, nil
}

// visible returns the refs of which the mask does not hide all that is in the
// query's range. It changes refs.
func visible(refs []block.Ref, mask catalog.Mask, q *series.Query) []block.Ref {
	if mask == nil {
		return refs
	}
	return slices.DeleteFunc(refs, func(r block.Ref) bool {
		m := mask.Of(r.Labels)
		return m != nil && m.Covers(max(r.MinT, q.MinT), min(r.MaxT, q.MaxT))
	})
}

// merge makes the set's hits of those in files and those in memory.
func (s *seriesSet) merge(inFiles, inMemory [][]hit) {
	for _, list := range inMemory {
		s.trace.InMemory(len(list))
		for i := range list {
			list[i].order += int32(len(s.scans))
		}
		inFiles = append(inFiles, list)
	}
	s.hits = mergeHits(inFiles)
}

func (s *seriesSet) Next() bool {
	if s.next >= len(s.hits) || s.query.Limit > 0 && s.count >= s.query.Limit {
		return false
	}
	s.cur = foundSeries{set: s, hits: sameSeries(s.hits[s.next:])}
	s.next += len(s.cur.hits)
	s.count++
	return true
}

// sameSeries returns the hits at the front that are of one series.
func sameSeries(hits []hit) []hit {
	n := 1
	for n < len(hits) && promlabels.Equal(hits[0].labels, hits[n].labels) {
		n++
	}
	return hits[:n]
}

func (s *seriesSet) At() series.Series {
	cur := s.cur
	return &cur
}

func (s *seriesSet) Err() error { return nil }

func (s *seriesSet) Close() error {
	for _, f := range s.scans {
		f.mu.Lock()
		if f.scan != nil {
			f.scan.Close()
		}
		f.mu.Unlock()
		s.files.Release(f.open)
	}
	s.scans = nil
	return nil
}

// foundSeries is one series in all its places, in the order of writing.
type foundSeries struct {
	set  *seriesSet
	hits []hit
}

func (f *foundSeries) Labels() promlabels.Labels { return f.hits[0].labels }

func (f *foundSeries) Read(dst *series.Samples) error {
	if err := f.read(dst); err != nil {
		return err
	}
	f.set.trace.Returned(dst.Len())
	return nil
}

func (f *foundSeries) read(dst *series.Samples) error {
	if len(f.hits) == 1 {
		return f.set.read(f.hits[0], dst)
	}
	parts := make([]*series.Samples, len(f.hits))
	for i, h := range f.hits {
		part := samplesPool.Get().(*series.Samples)
		defer samplesPool.Put(part)
		if err := f.set.read(h, part); err != nil {
			return err
		}
		parts[i] = part
	}
	series.Merge(dst, parts...)
	return nil
}

func (s *seriesSet) read(h hit, dst *series.Samples) error {
	if h.memory != nil {
		h.memory.Read(dst, s.query.MinT, s.query.MaxT)
		return nil
	}
	f := s.scans[h.order]
	dst.Reset()
	if f.open.Reader == nil {
		return nil // Of aggregates: found for its labels.
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.scan == nil {
		f.scan = f.open.Reader.Scan(s.query.MinT, s.query.MaxT)
		f.scan.Count(s.trace.Reads())
		if len(f.refs) >= prefetchFrom {
			f.scan.Prefetch(f.refs)
		}
	}
	if err := f.scan.Read(h.ref, dst); err != nil {
		return err
	}
	if f.mask != nil {
		f.mask.Of(h.labels).Cut(dst)
	}
	return nil
}

// The pools hold the columns that parts of a series are read to.
var (
	samplesPool    = sync.Pool{New: func() any { return &series.Samples{} }}
	aggregatesPool = sync.Pool{New: func() any { return &aggregate.Buckets{} }}
)
