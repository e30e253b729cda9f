package ingester

import (
	"context"
	"fmt"

	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"

	"herringbone/storage/memory"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// Replay puts the WAL segments that the catalog does not hold yet back into
// memory and opens the ingester for reads and writes. Its memory is bounded
// whatever there is to replay: a generation that fills up is flushed before the
// next segment is read.
//
// Damaged records are set aside and logged with their place, the others are
// replayed; only a segment that cannot be read at all is an error.
func (in *Ingester) Replay(ctx context.Context) error {
	done, err := in.catalog.WALPosition(ctx, in.opts.Node)
	if err != nil {
		return fmt.Errorf("replay: read WAL position: %w", err)
	}
	segments, err := wal.List(in.fs, in.walDir())
	if err != nil {
		return fmt.Errorf("replay: list segments: %w", err)
	}
	if len(segments) > 0 && segments[0] > done+1 {
		return fmt.Errorf("replay: the catalog holds WAL segments to %d and the oldest one left is %d: what was between is missing, or this is not the catalog that belongs to the WAL: %w",
			done, segments[0], series.ErrCorrupt)
	}
	in.measureReplay(segments)
	next := done + 1
	for i, seq := range segments {
		// The last but one may have had writers when the newest was begun: its end
		// can be torn as well.
		next = max(next, seq+1)
		if err := in.replaySegment(ctx, seq, seq <= done, i >= len(segments)-2); err != nil {
			return fmt.Errorf("replay segment %d: %w", seq, err)
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.nextSeq = next
	if err := in.rotateLocked(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	in.poke()
	return nil
}

// Progress tells how many bytes of WAL were replayed, and of how many.
func (in *Ingester) Progress() (done, total int64) {
	return in.replayed.done.Load(), in.replayed.total.Load()
}

func (in *Ingester) measureReplay(segments []uint64) {
	for _, seq := range segments {
		if n, err := wal.Length(in.fs, in.walDir(), seq); err == nil {
			in.replayed.total.Add(n)
		}
	}
}

// replaySegment reads one segment into the youngest frozen generation, or a new
// one. A segment that the catalog holds already is only removed.
func (in *Ingester) replaySegment(ctx context.Context, seq uint64, committed, newest bool) error {
	if size, err := wal.Length(in.fs, in.walDir(), seq); err == nil {
		defer in.replayed.done.Add(size)
	}
	if committed {
		return wal.Remove(in.fs, in.walDir(), seq)
	}
	g, err := in.replayInto(ctx, seq)
	if err != nil {
		return err
	}
	r := newReplayer(g)
	report, err := wal.Replay(in.fs, in.walDir(), seq, newest, r.payload)
	if err != nil {
		return err
	}
	in.reportDamage(seq, report, r)
	return ctx.Err()
}

// replayInto returns the generation for the next segment, after flushing what is
// there if that is large.
func (in *Ingester) replayInto(ctx context.Context, seq uint64) (*generation, error) {
	in.mu.RLock()
	frozen := in.frozen
	in.mu.RUnlock()
	if len(frozen) > 0 {
		last := frozen[len(frozen)-1]
		if last.size() < in.opts.GenerationBytes/4 {
			last.seq, last.segments = seq, append(last.segments, seq)
			return last, nil
		}
		in.mu.Lock()
		in.nextSeq = seq // For segmentBefore.
		in.mu.Unlock()
		if err := in.FlushFrozen(ctx); err != nil {
			return nil, err
		}
	}
	g := newGeneration(seq, nil, in.opts.Limits, in.now())
	in.mu.Lock()
	defer in.mu.Unlock()
	in.frozen = append(in.frozen, g)
	return g, nil
}

func (in *Ingester) reportDamage(seq uint64, report wal.Report, r *replayer) {
	if t := report.Torn; t != nil {
		in.metrics.walTorn.Inc()
		in.log.Warn("cut the torn end of the newest WAL segment; no acknowledged sample was in it, unless the disk lost what it had synced",
			"segment", t.Segment, "offset", t.Offset, "bytes", t.Length, "kept_in", t.Aside)
	}
	for _, d := range report.Damaged {
		in.metrics.walDamaged.Inc()
		in.log.Error("damaged WAL record set aside, the rest was replayed",
			"segment", d.Segment, "offset", d.Offset, "bytes", d.Length, "what", d.Cause, "kept_in", d.Aside)
	}
	if r.orphans > 0 {
		in.metrics.walOrphans.Add(float64(r.orphans))
		in.log.Error("samples of series whose definition was in a damaged WAL record are lost", "segment", seq, "samples", r.orphans)
	}
	in.log.Info("replayed WAL segment", "segment", seq, "records", report.Records, "samples", r.samples)
}

// replayer applies the payloads of one segment to a generation.
type replayer struct {
	gen     *generation
	dec     record.Decoder
	refs    map[series.Tenant]map[chunks.HeadSeriesRef]*memory.Series
	series  []record.RefSeries
	floats  []record.RefSample
	samples int
	orphans int // Samples of unknown series.
}

func newReplayer(g *generation) *replayer {
	return &replayer{
		gen: g, dec: record.NewDecoder(promlabels.NewSymbolTable(), nil),
		refs: map[series.Tenant]map[chunks.HeadSeriesRef]*memory.Series{},
	}
}

// payload applies one frame. The frame's checksum was right, so a payload that
// does not decode is a fault of ours and stops the replay.
func (r *replayer) payload(p []byte) error {
	return splitPayload(p, r.record)
}

func (r *replayer) record(t series.Tenant, rec []byte) error {
	m := r.gen.EnsureTenant(t)
	refs := r.refs[t]
	if refs == nil {
		refs = map[chunks.HeadSeriesRef]*memory.Series{}
		r.refs[t] = refs
	}
	switch typ := r.dec.Type(rec); typ {
	case record.Series:
		return r.define(m, refs, rec)
	case record.Samples, record.SamplesV2:
		return r.appendFloats(m, refs, rec)
	case record.HistogramSamples, record.CustomBucketsHistogramSamples, record.HistogramSamplesV2:
		return r.appendHistograms(m, refs, rec)
	case record.FloatHistogramSamples, record.CustomBucketsFloatHistogramSamples, record.FloatHistogramSamplesV2:
		return r.appendFloatHistograms(m, refs, rec)
	case record.Exemplars:
		return r.appendExemplars(refs, rec)
	default:
		return fmt.Errorf("record of unknown type %v", typ)
	}
}

func (r *replayer) define(m *memory.Tenant, refs map[chunks.HeadSeriesRef]*memory.Series, rec []byte) error {
	var err error
	if r.series, err = r.dec.Series(rec, r.series[:0]); err != nil {
		return fmt.Errorf("decode series: %w", err)
	}
	for _, d := range r.series {
		ms, err := m.GetOrCreate(d.Labels.Copy(), func(*memory.Series) error { return nil })
		if err != nil {
			return err
		}
		refs[d.Ref] = ms
	}
	return nil
}

func (r *replayer) appendFloats(m *memory.Tenant, refs map[chunks.HeadSeriesRef]*memory.Series, rec []byte) error {
	var err error
	if r.floats, err = r.dec.Samples(rec, r.floats[:0]); err != nil {
		return fmt.Errorf("decode samples: %w", err)
	}
	for _, f := range r.floats {
		if ms := r.known(refs, f.Ref); ms != nil {
			m.Include(f.T, f.T)
			r.grew(m.AppendFloats(ms, []series.Sample{{T: f.T, V: f.V, Start: f.ST}}))
		}
	}
	return nil
}

func (r *replayer) known(refs map[chunks.HeadSeriesRef]*memory.Series, ref chunks.HeadSeriesRef) *memory.Series {
	ms := refs[ref]
	if ms == nil {
		r.orphans++
	}
	return ms
}

func (r *replayer) grew(n int64) {
	r.samples++
	r.gen.Grow(n)
}

func (r *replayer) appendHistograms(m *memory.Tenant, refs map[chunks.HeadSeriesRef]*memory.Series, rec []byte) error {
	hs, err := r.dec.HistogramSamples(rec, nil)
	if err != nil {
		return fmt.Errorf("decode histograms: %w", err)
	}
	for _, h := range hs {
		if ms := r.known(refs, h.Ref); ms != nil {
			m.Include(h.T, h.T)
			r.grew(ms.AppendHistograms([]series.Histogram{{T: h.T, Start: h.ST, H: h.H}}))
		}
	}
	return nil
}

func (r *replayer) appendFloatHistograms(m *memory.Tenant, refs map[chunks.HeadSeriesRef]*memory.Series, rec []byte) error {
	hs, err := r.dec.FloatHistogramSamples(rec, nil)
	if err != nil {
		return fmt.Errorf("decode float histograms: %w", err)
	}
	for _, h := range hs {
		if ms := r.known(refs, h.Ref); ms != nil {
			m.Include(h.T, h.T)
			r.grew(ms.AppendHistograms([]series.Histogram{{T: h.T, Start: h.ST, FH: h.FH}}))
		}
	}
	return nil
}

func (r *replayer) appendExemplars(refs map[chunks.HeadSeriesRef]*memory.Series, rec []byte) error {
	ex, err := r.dec.Exemplars(rec, nil)
	if err != nil {
		return fmt.Errorf("decode exemplars: %w", err)
	}
	for _, e := range ex {
		if ms := r.known(refs, e.Ref); ms != nil {
			r.gen.Grow(ms.AppendExemplars([]series.Exemplar{{T: e.T, V: e.V, Labels: e.Labels.Copy()}}))
		}
	}
	return nil
}
