package ingester

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/memory"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// FlushFrozen flushes all frozen generations, oldest first.
func (in *Ingester) FlushFrozen(ctx context.Context) error {
	in.flushing.Lock()
	defer in.flushing.Unlock()
	return in.flushFrozenLocked(ctx)
}

// WithoutFlush calls fn when all that was frozen is flushed, and lets no flush
// begin before fn returns: no generation is then between the commit of its files
// and being forgotten. A flush that failed may have been committed; only flushing
// it again tells, so its error is returned and fn is not called.
func (in *Ingester) WithoutFlush(ctx context.Context, fn func() error) error {
	in.flushing.Lock()
	defer in.flushing.Unlock()
	if err := in.flushFrozenLocked(ctx); err != nil {
		return err
	}
	return fn()
}

// flushFrozenLocked is FlushFrozen with Ingester.flushing held.
func (in *Ingester) flushFrozenLocked(ctx context.Context) error {
	for {
		in.mu.RLock()
		var g *generation
		if len(in.frozen) > 0 {
			g = in.frozen[0]
		}
		in.mu.RUnlock()
		if g == nil {
			return nil
		}
		if err := in.flush(ctx, g); err != nil {
			return fmt.Errorf("flush generation %d: %w", g.seq, err)
		}
	}
}

// flush writes one frozen generation, commits its files with the WAL position,
// and forgets it: in this order, so that a crash between any two steps leaves
// its samples in the catalog, in the WAL, or in both.
func (in *Ingester) flush(ctx context.Context, g *generation) error {
	begin := time.Now()
	g.writers.Wait()
	files, err := in.writeFiles(ctx, g)
	if err != nil {
		return errors.Join(err, in.discard(files))
	}
	edit := catalog.Edit{
		Token: fmt.Sprintf("flush/%s/%d", in.opts.Node, g.seq),
		Add:   files, Tables: g.Tables(),
		WAL: &catalog.WALPosition{Node: in.opts.Node, Segment: in.segmentBefore(g)},
	}
	// If the outcome of the commit is unknown, the files stay: the next attempt
	// writes others, and what no commit names is garbage for the collector.
	if _, err := in.catalog.Commit(ctx, edit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	in.metrics.flushed(files, time.Since(begin))
	return in.forget(g)
}

// segmentBefore returns the last segment number before the generation that
// follows g: with g committed, all up to there is in the catalog. It can be above
// g's own where a segment could not be begun.
func (in *Ingester) segmentBefore(g *generation) uint64 {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if i := slices.Index(in.frozen, g); i+1 < len(in.frozen) {
		return in.frozen[i+1].seq - 1
	}
	if in.active == nil { // Replaying: replayInto knows what follows.
		return max(g.seq, in.nextSeq-1)
	}
	return in.active.seq - 1
}

// forget lets go of a generation that the catalog holds.
func (in *Ingester) forget(g *generation) error {
	in.mu.Lock()
	in.frozen = slices.DeleteFunc(slices.Clone(in.frozen), func(o *generation) bool { return o == g })
	in.announceLocked()
	in.mu.Unlock()
	var errs []error
	if g.segment != nil {
		errs = append(errs, g.segment.Close())
	}
	for _, seq := range g.segments {
		if err := wal.Remove(in.fs, in.walDir(), seq); err != nil {
			errs = append(errs, fmt.Errorf("remove WAL segment %d: %w", seq, err))
		}
	}
	return errors.Join(errs...)
}

// discard removes the objects of a flush that was not committed. Their names are
// new and known to nobody else.
func (in *Ingester) discard(files []catalog.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, in.bucket.Delete(context.Background(), f.Name))
	}
	return errors.Join(errs...)
}

// writeFiles returns the files written so far also when it fails.
func (in *Ingester) writeFiles(ctx context.Context, g *generation) (files []catalog.File, err error) {
	for _, m := range g.Tenants() {
		for _, p := range in.partitions(m) {
			if err := ctx.Err(); err != nil {
				return files, err
			}
			f, err := in.writePartition(ctx, m.ID, p)
			if err != nil {
				return files, fmt.Errorf("write partition %s of day %d: %w", p.key, p.day, err)
			}
			if f != nil {
				files = append(files, *f)
			}
		}
		exemplars, err := in.writeExemplars(ctx, m)
		files = append(files, exemplars...)
		if err != nil {
			return files, fmt.Errorf("write exemplars: %w", err)
		}
	}
	return files, nil
}

// partition is the part of a tenant's memory that goes to one file.
type partition struct {
	day    int64
	key    string
	series []*memory.Series // By series.Compare.
}

// partitions splits a memory by day and tag bucket. A series with samples of
// several days is in several partitions.
func (in *Ingester) partitions(m *memory.Tenant) []partition {
	known := slices.Clone(m.All())
	slices.SortFunc(known, func(a, b *memory.Series) int { return series.Compare(a.Labels, b.Labels) })
	type id struct {
		day int64
		key string
	}
	parts := map[id][]*memory.Series{}
	template := in.opts.template(m.ID)
	for _, ms := range known {
		key := template.Key(ms.Labels)
		for _, day := range ms.Days() {
			parts[id{day, key}] = append(parts[id{day, key}], ms)
		}
	}
	out := make([]partition, 0, len(parts))
	for p, list := range parts {
		out = append(out, partition{day: p.day, key: p.key, series: list})
	}
	slices.SortFunc(out, func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.key, b.key))
	})
	return out
}

// writePartition writes one level-0 file. It returns nil if there was nothing to
// write.
func (in *Ingester) writePartition(ctx context.Context, t series.Tenant, p partition) (*catalog.File, error) {
	return in.writeObject(ctx, t, p, catalog.Samples, func(w io.Writer) (block.Meta, error) {
		o := block.LevelOptions(0)
		o.Labels, o.Writer = labelNames(p.series), in.opts.Node
		bw, err := block.NewWriter(w, o)
		if err != nil {
			return block.Meta{}, err
		}
		minT := p.day * series.DayMillis
		var samples series.Samples
		for _, ms := range p.series {
			ms.Read(&samples, minT, minT+series.DayMillis-1)
			if samples.Len() == 0 {
				continue
			}
			if err := bw.Append(ms.Labels, &samples); err != nil {
				return block.Meta{}, fmt.Errorf("append series %s: %w", ms.Labels, err)
			}
		}
		return bw.Close()
	})
}

// writeObject makes one object, filled by fill, and describes it.
func (in *Ingester) writeObject(ctx context.Context, t series.Tenant, p partition, kind catalog.Kind, fill func(io.Writer) (block.Meta, error)) (_ *catalog.File, err error) {
	id := ulid.Make().String()
	name := series.ObjectName(t, kind, p.day, 1, p.key, 0, id)
	w, err := in.bucket.Create(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, w.Abort()) }() // Harmless after Commit.
	meta, err := fill(w)
	if err != nil {
		return nil, fmt.Errorf("write object %s: %w", name, err)
	}
	if meta.Rows == 0 {
		return nil, nil
	}
	if err := w.Commit(); err != nil {
		return nil, fmt.Errorf("commit object %s: %w", name, err)
	}
	return &catalog.File{
		ID: id, Tenant: t, Kind: kind, Day: p.day, Days: 1, Partition: p.key, Level: 0, Name: name,
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC,
		Rows: meta.Rows, Series: meta.Series, MinT: meta.MinT, MaxT: meta.MaxT,
		MinName: meta.MinName, MaxName: meta.MaxName,
		Writer: in.opts.Node, Created: in.now().UnixMilli(),
	}, nil
}

// labelNames returns the label names of the series, the most used first.
func labelNames(list []*memory.Series) []string {
	count := map[string]int{}
	for _, ms := range list {
		ms.Labels.Range(func(l promlabels.Label) { count[l.Name]++ })
	}
	delete(count, promlabels.MetricName)
	return slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
}

func (m *metrics) flushed(files []catalog.File, d time.Duration) {
	m.flushes.Inc()
	m.flushSeconds.Observe(d.Seconds())
	for _, f := range files {
		m.flushedBy.Add(float64(f.Size))
		if f.Kind == catalog.Samples {
			m.flushedSamples.Add(float64(f.Rows))
		}
	}
}
