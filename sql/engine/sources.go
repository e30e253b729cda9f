package engine

import (
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"herringbone/sql/plan"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// openers is how many files of one query are opened and checked at a time.
const openers = 4

// prepareWhole makes the view of r over all that it needs.
func (q *query) prepareWhole(r *relation) error {
	if err := q.open(r, r.files); err != nil {
		return err
	}
	sources := r.live(r.files)
	if r.memory != nil {
		sources = append(sources, r.memory)
	}
	return q.makeView(r, sources, r.minT(), r.maxT())
}

// live are the opened files among list that have a matching series.
func (r *relation) live(list []*catalog.File) []*plan.Source {
	var out []*plan.Source
	for _, f := range list {
		if s := r.opened[f.ID]; s != nil {
			out = append(out, s)
		}
	}
	return out
}

// open opens those of files that are not open yet and asks their series indexes.
func (q *query) open(r *relation, files []*catalog.File) error {
	var todo []*catalog.File
	for _, f := range files {
		if _, ok := r.opened[f.ID]; !ok {
			todo = append(todo, f)
		}
	}
	q.report.files += len(todo)
	if most := q.engine.opts.MaxFiles; most > 0 && q.report.files > most {
		q.engine.metrics.limit("files")
		return fmt.Errorf("the query needs more than %d files: narrow its time range or its labels: %w", most, series.ErrLimit)
	}
	var mu sync.Mutex // Guards what the goroutines share with q and r.
	g, ctx := errgroup.WithContext(q.ctx)
	g.SetLimit(openers)
	for _, f := range todo {
		g.Go(func() error {
			index, release, err := q.index(ctx, r, f)
			if err != nil {
				return err
			}
			s, err := q.newSource(f, index, r)
			mu.Lock()
			defer mu.Unlock()
			q.releases = append(q.releases, release)
			if err != nil {
				return err // The file stays unopened: whoever tries again meets the error again.
			}
			r.opened[f.ID] = s
			switch {
			case s == nil:
				r.pruned.bySeries++
			case s.Masked != nil:
				r.pruned.masked++
			}
			return nil
		})
	}
	return g.Wait()
}

// link checks the bytes of sources and gives them names in the child's directory.
func (q *query) link(r *relation, sources []*plan.Source) error {
	var mu sync.Mutex // Guards what the goroutines share with q and r.
	g, ctx := errgroup.WithContext(q.ctx)
	g.SetLimit(openers)
	for _, s := range sources {
		if s.Memory() || s.Path != "" {
			continue
		}
		g.Go(func() error {
			path, hashed, err := q.engine.verified.verify(ctx, s.File)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			q.report.hashed += hashed
			r.pruned.opened++
			r.pruned.bytes += s.File.Size
			s.Path, err = q.links.add(s.File, path)
			return err
		})
	}
	return g.Wait()
}

// newSource describes an open file to the planner; nil if no series matches, or
// if tombstones hide all that do.
func (q *query) newSource(f *catalog.File, index fileIndex, r *relation) (*plan.Source, error) {
	if minT, maxT := r.times(); len(index.Select(r.matchers, minT, maxT, 1)) == 0 {
		return nil, nil
	}
	var masked *plan.Masked
	refs := func(minT, maxT int64) []block.Ref {
		minT, maxT = widened(minT, maxT, r.table.Resolution)
		return masked.Shown(index.Select(r.matchers, minT, maxT, 0), minT, maxT)
	}
	if mask := q.snapshot.Mask(f); mask != nil {
		masked = plan.NewMasked(mask, refs(r.minT(), r.maxT()))
	}
	if masked != nil && len(refs(r.minT(), r.maxT())) == 0 {
		return nil, nil
	}
	layout, err := index.Layout()
	if err != nil {
		return nil, err
	}
	return &plan.Source{
		File: f, MinT: max(f.MinT, r.minT()), MaxT: min(f.MaxT, r.maxT()), Rows: f.Rows,
		Columns: layout.Labels, Mapped: layout.MapLabels, Stale: layout.Stale, Masked: masked, Refs: refs,
	}, nil
}

// makeView makes, or makes anew, the view of r over sources, of which only rows
// in minT … maxT are wanted.
func (q *query) makeView(r *relation, sources []*plan.Source, minT, maxT int64) error {
	if r.direct { // By a step before.
		if err := q.session.Exec(q.ctx, "DROP TABLE "+r.view); err != nil {
			return fmt.Errorf("make table %q anew: %w", r.ref.Name, err)
		}
		r.direct = false
	}
	r.indexed = nil
	if r.table.Resolution == 0 && !q.request.Scan && fewRows(sources, minT, maxT) {
		return q.makeIndexed(r, minT, maxT)
	}
	if err := q.link(r, sources); err != nil {
		return err
	}
	r.sources = sources
	if r.table.Resolution > 0 {
		return q.execView(r, minT, maxT)
	}
	r.groups = plan.Groups(sources, func(i, j int) plan.Overlap { return q.engine.overlaps.of(r, sources[i], sources[j]) })
	return q.execView(r, minT, maxT)
}

func (q *query) execView(r *relation, minT, maxT int64) error {
	r.viewed = true
	v := plan.View{Table: r.table, Sources: r.sources, Groups: r.groups, MinT: minT, MaxT: maxT, Tests: r.tests}
	if err := q.session.Exec(q.ctx, v.SQL(r.view)); err != nil {
		return fmt.Errorf("make the view of table %q: %w", r.ref.Name, err)
	}
	return nil
}

// overlaps remembers what pairs of files share: the answer never changes.
type overlaps struct {
	mu    sync.Mutex
	known map[overlapKey]plan.Overlap
}

type overlapKey struct{ a, b, metric string }

const maxOverlaps = 200_000

func newOverlaps() *overlaps { return &overlaps{known: map[overlapKey]plan.Overlap{}} }

// of answers from memory where the question was for whole files of a metric.
// What tombstones hide may change.
func (o *overlaps) of(r *relation, a, b *plan.Source) plan.Overlap {
	if a.Masked != nil || b.Masked != nil || a.Memory() || b.Memory() || len(r.tests) > 0 || r.minT() != plan.MinTime || r.maxT() != plan.MaxTime {
		return plan.Shared(a, b)
	}
	key := overlapKey{a.File.ID, b.File.ID, r.table.Metric}
	o.mu.Lock()
	found, ok := o.known[key]
	o.mu.Unlock()
	if ok {
		return found
	}
	found = plan.Shared(a, b)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) >= maxOverlaps {
		clear(o.known)
	}
	o.known[key] = found
	return found
}
