package memory

import (
	"math"
	"slices"
	"sync"

	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// A run is a piece of one series in memory, in the order of arrival. It holds
// either floats, as columns, or histograms. Times of floats are offsets from
// base, so that a sample takes 12 bytes and the collector has nothing to follow.
type run struct {
	base       int64
	minT, maxT int64
	offsets    []uint32
	values     []float64
	starts     []int64 // nil while no sample of the run has a start timestamp.
	histograms []series.Histogram
	sorted     bool // Times strictly increase.
}

const (
	firstRun = 8
	lastRun  = 128
)

// fits reports whether a float at t can be appended.
func (r *run) fits(t int64) bool {
	return r.histograms == nil && len(r.values) < cap(r.values) && t >= r.base && t-r.base <= math.MaxUint32
}

func (r *run) appendFloat(s series.Sample) {
	r.note(s.T, len(r.values) == 0)
	r.offsets = append(r.offsets, uint32(s.T-r.base))
	r.values = append(r.values, s.V)
	if s.Start != 0 && r.starts == nil {
		r.starts = make([]int64, len(r.values)-1, cap(r.values))
	}
	if r.starts != nil {
		r.starts = append(r.starts, s.Start)
	}
}

func (r *run) appendHistogram(h series.Histogram) {
	r.note(h.T, len(r.histograms) == 0)
	r.histograms = append(r.histograms, h)
}

func (r *run) note(t int64, first bool) {
	if first {
		r.minT, r.maxT, r.sorted = t, t, true
		return
	}
	if t <= r.maxT {
		r.sorted = false
	}
	r.minT, r.maxT = min(r.minT, t), max(r.maxT, t)
}

func (r *run) len() int { return len(r.values) + len(r.histograms) }

// appendTo adds the samples in minT … maxT to dst in the order of arrival.
func (r *run) appendTo(dst *series.Samples, minT, maxT int64) {
	if r.maxT < minT || r.minT > maxT {
		return
	}
	for _, h := range r.histograms {
		if h.T >= minT && h.T <= maxT {
			dst.AppendHistogram(h)
		}
	}
	plain := r.starts == nil && dst.Starts == nil && dst.Histograms == nil
	if plain && r.minT >= minT && r.maxT <= maxT {
		for _, o := range r.offsets {
			dst.Times = append(dst.Times, r.base+int64(o))
		}
		dst.Values = append(dst.Values, r.values...)
		return
	}
	for i, o := range r.offsets {
		t := r.base + int64(o)
		if t < minT || t > maxT {
			continue
		}
		var start int64
		if r.starts != nil {
			start = r.starts[i]
		}
		dst.AppendFloat(t, r.values[i], start)
	}
}

// arena hands out columns from slabs without pointers in them. It is the memory
// of one generation and is freed with it.
type arena struct {
	mu      sync.Mutex
	offsets []uint32
	values  []float64
	used    int64 // Bytes handed out.
}

const slab = 32 << 10 // Values.

func (a *arena) run(n int, t int64) run {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.values) < n {
		a.offsets, a.values = make([]uint32, slab), make([]float64, slab)
	}
	r := run{base: t, offsets: a.offsets[:0:n], values: a.values[:0:n]}
	a.offsets, a.values = a.offsets[n:], a.values[n:]
	a.used += int64(n) * 12
	return r
}

// Series is one series of a generation.
type Series struct {
	Labels promlabels.Labels
	Ref    uint32
	hash   uint64
	next   *Series // Another series whose labels have the same hash.
	tables *tableIndex

	mu        sync.Mutex // Guards what follows.
	runs      []run
	exemplars []series.Exemplar
	kinds     sampleKind // What tables knows of it.
}

// note tells the tables, once, of a kind of sample. memSeries.mu is held.
func (m *Series) note(kind sampleKind) {
	if m.kinds&kind == 0 {
		m.kinds |= kind
		m.tables.note(m.Labels.Get(promlabels.MetricName), kind)
	}
}

// appendFloats adds samples and returns the bytes of memory that it took.
func (m *Series) appendFloats(a *arena, samples []series.Sample) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var grown int64
	for _, s := range samples {
		if n := len(m.runs); n == 0 || !m.runs[n-1].fits(s.T) {
			grown += m.grow(a, s.T)
		}
		m.runs[len(m.runs)-1].appendFloat(s)
		if s.Start != 0 {
			m.note(kindStart)
		}
	}
	return grown
}

func (m *Series) grow(a *arena, t int64) int64 {
	size := firstRun
	if n := len(m.runs); n > 0 {
		size = min(lastRun, max(firstRun, 2*cap(m.runs[n-1].values)))
	}
	m.runs = append(m.runs, a.run(size, t))
	return int64(size)*12 + runOverhead
}

// AppendHistograms adds histograms and returns the bytes of memory that it took.
func (m *Series) AppendHistograms(histograms []series.Histogram) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var grown int64
	for _, h := range histograms {
		if n := len(m.runs); n == 0 || m.runs[n-1].histograms == nil {
			m.runs = append(m.runs, run{base: h.T, histograms: make([]series.Histogram, 0, firstRun)})
			grown += runOverhead
		}
		m.runs[len(m.runs)-1].appendHistogram(h)
		m.note(kindHistogram)
		if h.Start != 0 {
			m.note(kindStart)
		}
		grown += histogramBytes(h)
	}
	return grown
}

// Read replaces what is in dst by the samples in minT … maxT.
func (m *Series) Read(dst *series.Samples, minT, maxT int64) {
	dst.Reset()
	sorted, last := true, int64(math.MinInt64)
	m.mu.Lock()
	for i := range m.runs {
		r := &m.runs[i]
		if r.len() == 0 || r.maxT < minT || r.minT > maxT {
			continue
		}
		sorted = sorted && r.sorted && (r.minT > last || last == math.MinInt64)
		last = max(last, r.maxT)
		r.appendTo(dst, minT, maxT)
	}
	m.mu.Unlock()
	if !sorted {
		sortSamples(dst)
	}
}

// Holds reports whether the series has a sample in minT … maxT.
func (m *Series) Holds(minT, maxT int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.runs {
		if m.runs[i].holds(minT, maxT) {
			return true
		}
	}
	return false
}

func (r *run) holds(minT, maxT int64) bool {
	if r.len() == 0 || r.maxT < minT || r.minT > maxT {
		return false
	}
	in := func(t int64) bool { return t >= minT && t <= maxT }
	return slices.ContainsFunc(r.offsets, func(o uint32) bool { return in(r.base + int64(o)) }) ||
		slices.ContainsFunc(r.histograms, func(h series.Histogram) bool { return in(h.T) })
}

// times returns the range of the series' samples; ok is false if it has none.
func (m *Series) times() (minT, maxT int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	minT, maxT = math.MaxInt64, math.MinInt64
	for i := range m.runs {
		if m.runs[i].len() > 0 {
			minT, maxT = min(minT, m.runs[i].minT), max(maxT, m.runs[i].maxT)
		}
	}
	return minT, maxT, maxT >= minT
}

// sortSamples puts samples that came in any order into time order and leaves one
// a millisecond, by series.Replaces.
func sortSamples(s *series.Samples) {
	order := make([]int, s.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.Times[a] < s.Times[b]:
			return -1
		case s.Times[a] > s.Times[b]:
			return 1
		}
		return 0
	})
	winners := order[:0]
	for _, i := range order {
		n := len(winners)
		if n == 0 || s.Times[winners[n-1]] != s.Times[i] {
			winners = append(winners, i)
		} else if series.Replaces(s.IsStale(winners[n-1]), s.IsStale(i)) {
			winners[n-1] = i
		}
	}
	var out series.Samples
	for _, i := range winners {
		out.AppendRange(s, i, i+1)
	}
	*s = out
}

// Estimates of what the runtime adds to the columns.
const (
	runOverhead    = 160
	seriesOverhead = 430
)

func histogramBytes(h series.Histogram) int64 {
	const fixed = 240
	if h.H != nil {
		return fixed + int64(8*(len(h.H.PositiveBuckets)+len(h.H.NegativeBuckets)+len(h.H.PositiveSpans)+len(h.H.NegativeSpans)+len(h.H.CustomValues)))
	}
	return fixed + int64(8*(len(h.FH.PositiveBuckets)+len(h.FH.NegativeBuckets)+len(h.FH.PositiveSpans)+len(h.FH.NegativeSpans)+len(h.FH.CustomValues)))
}
