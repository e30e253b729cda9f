package memory

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	promlabels "github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/index"

	"herringbone/storage/series"
)

// Tenant is what a generation holds of one tenant: its series, found by the raw
// key of a write, and a label index for queries.
//
// The label index is built when a query first asks, and brought up to date by
// the next: writes do not pay for it.
type Tenant struct {
	ID     series.Tenant
	limits series.Limits
	arena  *arena
	bytes  *atomic.Int64 // Of the whole generation.

	times  timeRange
	shards [64]shard

	mu       sync.RWMutex // Guards series and byLabels.
	series   []*Series    // By ref.
	byLabels map[uint64]*Series

	indexing sync.Mutex // Guards indexed; held while postings are brought up to date.
	indexed  int
	postings *index.MemPostings

	tables tableIndex
}

// shard finds series by raw key. Keys that differ in the order of their labels
// are aliases of one series.
type shard struct {
	mu    sync.RWMutex
	byKey map[uint64]*Alias // By the hash of the key.
}

// Alias is one raw key of a series.
type Alias struct {
	key    []byte
	Series *Series
	next   *Alias // With the same hash.

	// follower is the alias that came after this one in an earlier batch. Senders
	// repeat their order, so it is nearly always the right guess: comparing the
	// key is then all there is to do, without hashing and without the map.
	follower atomic.Pointer[Alias]
}

func newTenant(t series.Tenant, lim series.Limits, a *arena, bytes *atomic.Int64) *Tenant {
	m := &Tenant{ID: t, limits: lim, arena: a, bytes: bytes, byLabels: map[uint64]*Series{}, postings: index.NewMemPostings()}
	m.times.reset()
	for i := range m.shards {
		m.shards[i].byKey = map[uint64]*Alias{}
	}
	return m
}

func (s *shard) find(hash uint64, key []byte) *Alias {
	for a := s.byKey[hash]; a != nil; a = a.next {
		if bytes.Equal(a.key, key) {
			return a
		}
	}
	return nil
}

// Resolve returns the alias of a raw key; before is that of the key before it in
// the batch, or nil. A series that is new to the generation is first announced by
// define, so that its definition stands in the log before any record that refers
// to it. Errors that wrap series.ErrInvalid speak of the key.
func (m *Tenant) Resolve(before *Alias, key []byte, b *promlabels.ScratchBuilder, define func(*Series) error) (*Alias, error) {
	if before != nil {
		if a := before.follower.Load(); a != nil && bytes.Equal(a.key, key) {
			return a, nil
		}
	}
	a, err := m.lookup(key, b, define)
	if err == nil && before != nil {
		before.follower.Store(a)
	}
	return a, err
}

func (m *Tenant) lookup(key []byte, b *promlabels.ScratchBuilder, define func(*Series) error) (*Alias, error) {
	hash := xxhash.Sum64(key)
	s := &m.shards[hash%uint64(len(m.shards))]
	s.mu.RLock()
	found := s.find(hash, key)
	s.mu.RUnlock()
	if found != nil {
		return found, nil
	}
	ls, err := series.ParseKey(key, b, m.limits)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.find(hash, key); found != nil {
		return found, nil
	}
	ms, err := m.GetOrCreate(ls, define)
	if err != nil {
		return nil, err
	}
	a := &Alias{key: bytes.Clone(key), Series: ms, next: s.byKey[hash]}
	s.byKey[hash] = a
	m.bytes.Add(int64(len(key)) + 96)
	return a, nil
}

// GetOrCreate returns the series of a label set. A new one is first announced by
// define; if that fails, it is not there.
func (m *Tenant) GetOrCreate(ls promlabels.Labels, define func(*Series) error) (*Series, error) {
	hash := ls.Hash()
	m.mu.Lock()
	defer m.mu.Unlock()
	for ms := m.byLabels[hash]; ms != nil; ms = ms.next {
		if promlabels.Equal(ms.Labels, ls) {
			return ms, nil
		}
	}
	ms := &Series{Labels: ls, tables: &m.tables, hash: hash, Ref: uint32(len(m.series)), next: m.byLabels[hash]}
	if err := define(ms); err != nil {
		return nil, err
	}
	m.series = append(m.series, ms)
	m.byLabels[hash] = ms
	m.bytes.Add(int64(ls.ByteSize()) + seriesOverhead)
	return ms, nil
}

// All returns the series by ref; the slice is not to be changed.
func (m *Tenant) All() []*Series {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.series
}

// index brings the label index up to date and returns the series that it knows.
func (m *Tenant) index() []*Series {
	known := m.All()
	m.indexing.Lock()
	defer m.indexing.Unlock()
	for ; m.indexed < len(known); m.indexed++ {
		m.postings.Add(posting(m.indexed), known[m.indexed].Labels)
	}
	return known
}

// posting is the number of a series in the label index: 0 is none there.
func posting(ref int) promstorage.SeriesRef { return promstorage.SeriesRef(ref + 1) }

// Select returns the matching series with samples in the range, in label order.
func (m *Tenant) Select(ctx context.Context, q series.Query) ([]*Series, error) {
	out, err := m.Match(ctx, q)
	slices.SortFunc(out, func(a, b *Series) int { return promlabels.Compare(a.Labels, b.Labels) })
	return out, err
}

// Match is sel without the order.
func (m *Tenant) Match(ctx context.Context, q series.Query) ([]*Series, error) {
	if !m.times.meets(q.MinT, q.MaxT) {
		return nil, nil
	}
	var out []*Series
	err := m.eachMatch(ctx, q.Matchers, func(ms *Series) (more bool) {
		if minT, maxT, ok := ms.times(); ok && minT <= q.MaxT && maxT >= q.MinT {
			out = append(out, ms)
		}
		return true
	})
	return out, err
}

// holds reports whether a matching series has a sample or an exemplar in the
// range.
func (m *Tenant) holds(ctx context.Context, q series.Query) (found bool, err error) {
	err = m.eachMatch(ctx, q.Matchers, func(ms *Series) (more bool) {
		found = ms.Holds(q.MinT, q.MaxT) || ms.holdsExemplar(q.MinT, q.MaxT)
		return !found
	})
	return found, err
}

// eachMatch calls fn with matching series, in any order, until it returns false.
func (m *Tenant) eachMatch(ctx context.Context, matchers []*promlabels.Matcher, fn func(*Series) (more bool)) error {
	known := m.index()
	p, err := m.postingsFor(ctx, matchers)
	if err != nil {
		return fmt.Errorf("match series in memory: %w", err)
	}
	for p.Next() {
		ref := int(p.At()) - 1
		if ref >= len(known) {
			continue // Indexed by a later query; written after ours began.
		}
		if !fn(known[ref]) {
			return nil
		}
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("match series in memory: %w", err)
	}
	return nil
}

func (m *Tenant) postingsFor(ctx context.Context, matchers []*promlabels.Matcher) (index.Postings, error) {
	if len(matchers) == 0 {
		return m.postings.All(), nil // To PostingsForMatchers, no matcher is no series.
	}
	return tsdb.PostingsForMatchers(ctx, postingsReader{postings: m.postings}, matchers...)
}

// LabelNames returns the names of all series, in no order.
func (m *Tenant) LabelNames() []string {
	m.index()
	return m.postings.LabelNames()
}

// LabelValues returns the values of one label, likewise.
func (m *Tenant) LabelValues(ctx context.Context, name string) []string {
	m.index()
	return m.postings.LabelValues(ctx, name, nil)
}

// Include widens the range of the tenant's samples. It must come before they can
// be seen.
func (m *Tenant) Include(minT, maxT int64) { m.times.include(minT, maxT) }

// Meets reports whether there may be samples in minT … maxT.
func (m *Tenant) Meets(minT, maxT int64) bool { return m.times.meets(minT, maxT) }

// TimeRange returns a range that no sample is outside of; minT is above maxT if
// there are none. It only grows.
func (m *Tenant) TimeRange() (minT, maxT int64) { return m.times.minT.Load(), m.times.maxT.Load() }

// AppendFloats adds samples to one of the tenant's series and returns the bytes of
// memory that it took.
func (m *Tenant) AppendFloats(ms *Series, samples []series.Sample) int64 {
	return ms.appendFloats(m.arena, samples)
}

// timeRange is the range of all samples that a memory was given. It only grows.
type timeRange struct{ minT, maxT atomic.Int64 }

func (r *timeRange) reset() {
	r.minT.Store(math.MaxInt64)
	r.maxT.Store(math.MinInt64)
}

func (r *timeRange) include(minT, maxT int64) {
	for old := r.minT.Load(); minT < old && !r.minT.CompareAndSwap(old, minT); old = r.minT.Load() {
	}
	for old := r.maxT.Load(); maxT > old && !r.maxT.CompareAndSwap(old, maxT); old = r.maxT.Load() {
	}
}

func (r *timeRange) meets(minT, maxT int64) bool {
	return r.minT.Load() <= maxT && r.maxT.Load() >= minT
}

// postingsReader is as much of an IndexReader as PostingsForMatchers uses.
type postingsReader struct {
	tsdb.IndexReader
	postings *index.MemPostings
}

func (r postingsReader) Postings(ctx context.Context, name string, values ...string) (index.Postings, error) {
	return r.postings.Postings(ctx, name, values...), nil
}

func (r postingsReader) PostingsForLabelMatching(ctx context.Context, name string, match func(string) bool) index.Postings {
	return r.postings.PostingsForLabelMatching(ctx, name, match)
}

func (r postingsReader) PostingsForAllLabelValues(ctx context.Context, name string) index.Postings {
	return r.postings.PostingsForAllLabelValues(ctx, name)
}

func (r postingsReader) LabelValues(ctx context.Context, name string, hints *promstorage.LabelHints, _ ...*promlabels.Matcher) ([]string, error) {
	return r.postings.LabelValues(ctx, name, hints), nil
}
