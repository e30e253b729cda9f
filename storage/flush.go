package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	promlabels "github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
	"herringbone/storage/wal"
)

// flushFrozen flushes all frozen generations, oldest first.
func (s *Store) flushFrozen(ctx context.Context) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	return s.flushFrozenLocked(ctx)
}

// flushFrozenLocked is flushFrozen with Store.flushing held.
func (s *Store) flushFrozenLocked(ctx context.Context) error {
	for {
		s.mu.RLock()
		var g *generation
		if len(s.frozen) > 0 {
			g = s.frozen[0]
		}
		s.mu.RUnlock()
		if g == nil {
			return nil
		}
		if err := s.flush(ctx, g); err != nil {
			return fmt.Errorf("flush generation %d: %w", g.seq, err)
		}
	}
}

// flush writes one frozen generation, commits its files with the WAL position,
// and forgets it: in this order, so that a crash between any two steps leaves
// its samples in the catalog, in the WAL, or in both.
func (s *Store) flush(ctx context.Context, g *generation) error {
	begin := time.Now()
	g.writers.Wait()
	files, err := s.writeFiles(ctx, g)
	if err != nil {
		return errors.Join(err, s.discard(files))
	}
	edit := catalog.Edit{
		Token: fmt.Sprintf("flush/%s/%d", s.opts.Node, g.seq),
		Add:   files, Tables: g.flushedTables(),
		WAL: &catalog.WALPosition{Node: s.opts.Node, Segment: s.segmentBefore(g)},
	}
	// If the outcome of the commit is unknown, the files stay: the next attempt
	// writes others, and what no commit names is garbage for the collector.
	if _, err := s.catalog.Commit(ctx, edit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.metrics.flushed(files, time.Since(begin))
	return s.forget(g)
}

// segmentBefore returns the last segment number before the generation that
// follows g: with g committed, all up to there is in the catalog. It can be above
// g's own where a segment could not be begun.
func (s *Store) segmentBefore(g *generation) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := slices.Index(s.frozen, g); i+1 < len(s.frozen) {
		return s.frozen[i+1].seq - 1
	}
	if s.active == nil { // Replaying: replayInto knows what follows.
		return max(g.seq, s.nextSeq-1)
	}
	return s.active.seq - 1
}

// forget lets go of a generation that the catalog holds.
func (s *Store) forget(g *generation) error {
	s.mu.Lock()
	s.frozen = slices.DeleteFunc(slices.Clone(s.frozen), func(o *generation) bool { return o == g })
	s.announceLocked()
	s.mu.Unlock()
	var errs []error
	if g.segment != nil {
		errs = append(errs, g.segment.Close())
	}
	for _, seq := range g.segments {
		if err := wal.Remove(s.fs, s.walDir(), seq); err != nil {
			errs = append(errs, fmt.Errorf("remove WAL segment %d: %w", seq, err))
		}
	}
	return errors.Join(errs...)
}

// discard removes the objects of a flush that was not committed. Their names are
// new and known to nobody else.
func (s *Store) discard(files []catalog.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, s.bucket.Delete(context.Background(), f.Name))
	}
	return errors.Join(errs...)
}

// writeFiles returns the files written so far also when it fails.
func (s *Store) writeFiles(ctx context.Context, g *generation) (files []catalog.File, err error) {
	for _, m := range g.memories() {
		for _, p := range s.partitions(m) {
			if err := ctx.Err(); err != nil {
				return files, err
			}
			f, err := s.writePartition(ctx, m.tenant, p)
			if err != nil {
				return files, fmt.Errorf("write partition %s of day %d: %w", p.key, p.day, err)
			}
			if f != nil {
				files = append(files, *f)
			}
		}
		exemplars, err := s.writeExemplars(ctx, m)
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
	series []*memSeries // By series.Compare.
}

// partitions splits a memory by day and tag bucket. A series with samples of
// several days is in several partitions.
func (s *Store) partitions(m *memory) []partition {
	known := slices.Clone(m.all())
	slices.SortFunc(known, func(a, b *memSeries) int { return series.Compare(a.labels, b.labels) })
	type id struct {
		day int64
		key string
	}
	parts := map[id][]*memSeries{}
	template := s.opts.template(m.tenant)
	for _, ms := range known {
		key := template.Key(ms.labels)
		for _, day := range ms.days() {
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

// days returns the days that the series may have samples of.
func (m *memSeries) days() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var days []int64
	for i := range m.runs {
		r := &m.runs[i]
		if r.len() == 0 {
			continue
		}
		if first, last := series.Day(r.minT), series.Day(r.maxT); first == last {
			days = append(days, first)
		} else {
			days = append(days, r.days()...)
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// days returns the day of each sample, neighbours of one day once.
func (r *run) days() (days []int64) {
	add := func(t int64) {
		if d := series.Day(t); len(days) == 0 || days[len(days)-1] != d {
			days = append(days, d)
		}
	}
	for _, o := range r.offsets {
		add(r.base + int64(o))
	}
	for _, h := range r.histograms {
		add(h.T)
	}
	return days
}

// writePartition writes one level-0 file. It returns nil if there was nothing to
// write.
func (s *Store) writePartition(ctx context.Context, t series.Tenant, p partition) (*catalog.File, error) {
	return s.writeObject(ctx, t, p, catalog.Samples, func(w writer) (block.Meta, error) {
		o := block.LevelOptions(0)
		o.Labels, o.Writer = labelNames(p.series), s.opts.Node
		bw, err := block.NewWriter(w, o)
		if err != nil {
			return block.Meta{}, err
		}
		minT := p.day * series.DayMillis
		var samples series.Samples
		for _, ms := range p.series {
			ms.read(&samples, minT, minT+series.DayMillis-1)
			if samples.Len() == 0 {
				continue
			}
			if err := bw.Append(ms.labels, &samples); err != nil {
				return block.Meta{}, fmt.Errorf("append series %s: %w", ms.labels, err)
			}
		}
		return bw.Close()
	})
}

type writer interface{ Write(p []byte) (int, error) }

// writeObject makes one object, filled by fill, and describes it.
func (s *Store) writeObject(ctx context.Context, t series.Tenant, p partition, kind catalog.Kind, fill func(writer) (block.Meta, error)) (_ *catalog.File, err error) {
	id := ulid.Make().String()
	name := series.ObjectName(t, kind, p.day, 1, p.key, 0, id)
	w, err := s.bucket.Create(ctx, name)
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
		Writer: s.opts.Node, Created: s.now().UnixMilli(),
	}, nil
}

// labelNames returns the label names of the series, the most used first.
func labelNames(list []*memSeries) []string {
	count := map[string]int{}
	for _, ms := range list {
		ms.labels.Range(func(l promlabels.Label) { count[l.Name]++ })
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
