package ingester

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"golang.org/x/sys/unix"

	"herringbone/storage/memory"
	"herringbone/storage/series"
)

// Append implements series.Sink: resolve, log, sync, remember.
func (in *Ingester) Append(ctx context.Context, t series.Tenant, b *series.Batch) (series.Written, error) {
	begin := time.Now()
	written, err := in.append(ctx, t, b)
	if err != nil {
		in.metrics.appendFailures.Inc()
		return series.Written{}, fmt.Errorf("append batch: %w", err)
	}
	in.metrics.appended(written, time.Since(begin))
	return written, nil
}

func (in *Ingester) append(ctx context.Context, t series.Tenant, b *series.Batch) (series.Written, error) {
	if len(b.Metadata) > 0 {
		if err := in.catalog.PutMetadata(ctx, t, b.Metadata, in.now()); err != nil {
			return series.Written{}, fmt.Errorf("put metadata: %w", err)
		}
	}
	if len(b.Entries) == 0 {
		return series.Written{}, nil
	}
	g, err := in.begin(ctx)
	if err != nil {
		return series.Written{}, err
	}
	defer g.writers.Done()
	w := in.appenders.Get().(*appender)
	defer in.appenders.Put(w)
	w.reset(g, t, in.oldest())
	if err := w.resolve(b); err != nil {
		return series.Written{}, logError(err)
	}
	if err := w.log(); err != nil {
		return series.Written{}, logError(err)
	}
	w.remember()
	in.grown(g)
	return w.written, nil
}

// earliestTime and latestTime bound the times and start times that are kept, in
// milliseconds: SQL tells times in microseconds, and could read no row of a table
// that has one outside. They are far enough from the limits of an int64 that the
// year of compaction around a time does not overflow.
const (
	LatestTime   = math.MaxInt64 / 1000
	EarliestTime = -LatestTime
)

func tooFar(t int64) bool { return t < EarliestTime || t > LatestTime }

// oldest is the time before which samples are rejected.
func (in *Ingester) oldest() int64 {
	if in.opts.Retention == 0 {
		return EarliestTime
	}
	return max(EarliestTime, in.now().Add(-in.opts.Retention).UnixMilli())
}

// logError gives a full disk its class: writes can succeed again without a
// restart when there is space.
func logError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", series.ErrOverload, err)
	}
	return err
}

// begin returns the active generation, counted as having one more writer. It
// waits while memory is full.
func (in *Ingester) begin(ctx context.Context) (*generation, error) {
	var deadline <-chan time.Time
	for {
		g, flushed, err := in.tryBegin()
		if g != nil || err != nil {
			return g, err
		}
		if deadline == nil {
			timer := time.NewTimer(in.opts.AppendWait)
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-flushed:
		case <-deadline:
			return nil, fmt.Errorf("memory is full and was not flushed within %v: %w", in.opts.AppendWait, series.ErrOverload)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for memory: %w", ctx.Err())
		}
	}
}

// tryBegin returns no generation and no error if the write must wait for flushed
// to be closed.
func (in *Ingester) tryBegin() (g *generation, flushed <-chan struct{}, err error) {
	in.mu.RLock()
	defer in.mu.RUnlock()
	switch {
	case in.active == nil:
		return nil, nil, fmt.Errorf("store is starting or stopping: %w", series.ErrNotReady)
	case in.active.segment.Err() == nil && in.active.size() < in.opts.GenerationBytes:
		in.active.writers.Add(1)
		return in.active, nil, nil
	}
	in.poke() // It is full, or its log is broken: only a new one helps.
	return nil, in.changed, nil
}

// grown freezes the generation when it is full.
func (in *Ingester) grown(g *generation) {
	if g.size() < in.opts.GenerationBytes {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.active == g && len(in.frozen) < in.opts.MaxFrozen {
		_ = in.rotateLocked() // An error leaves it active; Run tries again and logs.
	}
	in.poke()
}

// appender is the memory of one append, reused.
type appender struct {
	memory  *memory.Tenant
	gen     *generation
	tenant  series.Tenant
	oldest  int64
	written series.Written

	minT, maxT int64 // Of what is kept.

	scratch    promlabels.ScratchBuilder
	records    *recordWriter
	definition *recordWriter

	refs       []*memory.Series // One an entry; nil: set aside.
	kept       []series.Sample
	keptEnd    []int32 // Of each entry, in kept.
	floats     []record.RefSample
	withStarts bool
	hists      []series.Histogram
	histsEnd   []int32
	intHists   []record.RefHistogramSample
	floatHists []record.RefFloatHistogramSample
	exemplars  []series.Exemplar
	exemplEnd  []int32
	refExempl  []record.RefExemplar
}

func newAppenderPool() *sync.Pool {
	return &sync.Pool{New: func() any {
		return &appender{scratch: promlabels.NewScratchBuilder(16), records: newRecordWriter(), definition: newRecordWriter()}
	}}
}

func (w *appender) reset(g *generation, t series.Tenant, oldest int64) {
	w.gen, w.tenant, w.oldest, w.memory = g, t, oldest, g.EnsureTenant(t)
	w.written = series.Written{}
	w.minT, w.maxT = math.MaxInt64, math.MinInt64
	clear(w.refs)
	clear(w.hists)
	clear(w.intHists)
	clear(w.floatHists)
	clear(w.exemplars)
	clear(w.refExempl)
	w.refs, w.kept, w.keptEnd, w.floats = w.refs[:0], w.kept[:0], w.keptEnd[:0], w.floats[:0]
	w.hists, w.histsEnd, w.intHists, w.floatHists = w.hists[:0], w.histsEnd[:0], w.intHists[:0], w.floatHists[:0]
	w.exemplars, w.exemplEnd, w.refExempl = w.exemplars[:0], w.exemplEnd[:0], w.refExempl[:0]
	w.withStarts = false
}

// resolve finds every entry's series and sorts out what is kept.
func (w *appender) resolve(b *series.Batch) error {
	samples, histograms, exemplars := b.Samples, b.Histograms, b.Exemplars
	var before *memory.Alias
	for i := range b.Entries {
		e := &b.Entries[i]
		a, err := w.memory.Resolve(before, e.Key, &w.scratch, w.define)
		switch {
		case errors.Is(err, series.ErrInvalid):
			n := int(e.Samples + e.Histograms + e.Exemplars)
			w.written.Reject(series.ReasonLabels, n, func() string { return err.Error() })
		case err != nil:
			return err
		default:
			before = a
			w.keep(a.Series, samples[:e.Samples], histograms[:e.Histograms], exemplars[:e.Exemplars])
		}
		samples, histograms, exemplars = samples[e.Samples:], histograms[e.Histograms:], exemplars[e.Exemplars:]
	}
	return nil
}

// define logs a new series ahead of everything that will refer to it.
func (w *appender) define(ms *memory.Series) error {
	w.definition.begin(w.tenant)
	w.definition.series(ms)
	if _, err := w.gen.segment.Enqueue(w.definition.buf); err != nil {
		return fmt.Errorf("log series: %w", err)
	}
	return nil
}

func (w *appender) keep(ms *memory.Series, samples []series.Sample, histograms []series.Histogram, exemplars []series.Exemplar) {
	ref := chunks.HeadSeriesRef(ms.Ref)
	for _, s := range samples {
		if s.T < w.oldest || tooFar(s.T) || tooFar(s.Start) {
			w.refuse(ms, "sample", s.T, s.Start)
			continue
		}
		w.minT, w.maxT = min(w.minT, s.T), max(w.maxT, s.T)
		w.kept = append(w.kept, s)
		w.floats = append(w.floats, record.RefSample{Ref: ref, T: s.T, ST: s.Start, V: s.V})
		w.withStarts = w.withStarts || s.Start != 0
	}
	for _, h := range histograms {
		if h.T < w.oldest || tooFar(h.T) || tooFar(h.Start) {
			w.refuse(ms, "sample", h.T, h.Start)
			continue
		}
		w.minT, w.maxT = min(w.minT, h.T), max(w.maxT, h.T)
		w.hists = append(w.hists, h)
		if h.H != nil {
			w.intHists = append(w.intHists, record.RefHistogramSample{Ref: ref, T: h.T, ST: h.Start, H: h.H})
		} else {
			w.floatHists = append(w.floatHists, record.RefFloatHistogramSample{Ref: ref, T: h.T, ST: h.Start, FH: h.FH})
		}
	}
	for _, e := range exemplars {
		if tooFar(e.T) {
			w.refuse(ms, "exemplar", e.T)
			continue
		}
		w.exemplars = append(w.exemplars, e)
		w.refExempl = append(w.refExempl, record.RefExemplar{Ref: ref, T: e.T, V: e.V, Labels: e.Labels})
	}
	w.refs = append(w.refs, ms)
	w.keptEnd = append(w.keptEnd, int32(len(w.kept)))
	w.histsEnd = append(w.histsEnd, int32(len(w.hists)))
	w.exemplEnd = append(w.exemplEnd, int32(len(w.exemplars)))
}

// refuse sets aside what has a time that cannot be stored, or else is too old. The
// first time is that of the sample.
func (w *appender) refuse(ms *memory.Series, what string, times ...int64) {
	if i := slices.IndexFunc(times, tooFar); i >= 0 {
		w.written.Reject(series.ReasonTime, 1, func() string {
			return fmt.Sprintf("%s: %s with the time %d: only %d to %d, in milliseconds since 1970, can be stored", ms.Labels, what, times[i], EarliestTime, LatestTime)
		})
		return
	}
	w.written.Reject(series.ReasonTooOld, 1, func() string {
		return fmt.Sprintf("%s: %s at %s is older than the retention", ms.Labels, what, time.UnixMilli(times[0]).UTC().Format(time.RFC3339))
	})
}

// log returns when what is kept is on disk.
func (w *appender) log() error {
	if len(w.floats)+len(w.hists)+len(w.refExempl) == 0 {
		return nil
	}
	w.records.begin(w.tenant)
	w.records.floats(w.floats, w.withStarts)
	w.records.histograms(w.intHists, w.floatHists)
	w.records.exemplars(w.refExempl)
	pos, err := w.gen.segment.Enqueue(w.records.buf)
	if err != nil {
		return fmt.Errorf("log batch: %w", err)
	}
	if err := w.gen.segment.Sync(pos); err != nil {
		return fmt.Errorf("log batch: %w", err)
	}
	return nil
}

// remember makes what is kept visible to queries: floats, then histograms, then
// float histograms, which is the order of the log. It decides which of two
// samples at one time was written later.
func (w *appender) remember() {
	w.memory.Include(w.minT, w.maxT)
	grown := w.rememberFloats()
	if len(w.hists) > 0 {
		grown += w.rememberHistograms(func(h series.Histogram) bool { return h.H != nil })
		grown += w.rememberHistograms(func(h series.Histogram) bool { return h.H == nil })
	}
	if len(w.exemplars) > 0 {
		grown += w.rememberExemplars()
	}
	w.gen.Grow(grown)
	w.written.Samples, w.written.Histograms, w.written.Exemplars = len(w.kept), len(w.hists), len(w.exemplars)
}

func (w *appender) rememberFloats() (grown int64) {
	var from int32
	for i, ms := range w.refs {
		if end := w.keptEnd[i]; end > from {
			grown += w.memory.AppendFloats(ms, w.kept[from:end])
			from = end
		}
	}
	return grown
}

func (w *appender) rememberHistograms(which func(series.Histogram) bool) (grown int64) {
	var from int32
	for i, ms := range w.refs {
		for ; from < w.histsEnd[i]; from++ {
			if which(w.hists[from]) {
				grown += ms.AppendHistograms(w.hists[from : from+1])
			}
		}
	}
	return grown
}

func (w *appender) rememberExemplars() (grown int64) {
	var from int32
	for i, ms := range w.refs {
		if end := w.exemplEnd[i]; end > from {
			grown += ms.AppendExemplars(w.exemplars[from:end])
			from = end
		}
	}
	return grown
}
