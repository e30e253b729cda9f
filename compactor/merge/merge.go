package merge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// work is one job being run.
type work struct {
	x        *Executor
	ctx      context.Context
	snapshot *catalog.Snapshot
	job      *plan.Job
	pace     *pace

	sources []*source      // To be closed.
	writing []*output      // To be aborted unless they are finished.
	made    []catalog.File // Outputs whose objects are there.
	keep    bool           // Objects stay: they are committed, or may be.

	rows ledger // Of samples or exemplars.
	// buckets is the ledger of aggregates that were read.
	buckets ledger
}

func newWork(ctx context.Context, x *Executor, s *catalog.Snapshot, j *plan.Job) *work {
	now := time.Now()
	p := &pace{
		ctx: ctx, reads: x.reads, writes: x.writes, duty: x.opts.Duty, dutyUnderLoad: x.opts.DutyUnderLoad,
		contended: newContention().waits, began: now, looked: now,
	}
	return &work{x: x, ctx: ctx, snapshot: s, job: j, pace: p}
}

// run writes and verifies the outputs.
func (w *work) run() error {
	var err error
	switch {
	case w.job.Kind == plan.Clean:
		err = w.clean()
	case w.job.Rows == catalog.Exemplars:
		err = w.mergeExemplars(w.inputs(), w.target(w.job.Rows, w.inputs()))
	case w.job.Kind == plan.DropSamples:
		err = w.dropSamples()
	case w.job.Kind == plan.Coarsen, w.job.Kind == plan.Merge && w.job.Rows.Resolution() > 0:
		err = w.mergeBuckets()
	default:
		err = w.mergeSamples()
	}
	if err != nil {
		return err
	}
	return errors.Join(w.rows.balance("samples"), w.buckets.balance("buckets"))
}

// inputs are those that the job reads.
func (w *work) inputs() []*catalog.File { return w.job.FilesRead() }

// mergeSamples runs Merge and Downsample of samples.
func (w *work) mergeSamples() error {
	sources, err := w.openAll(anyFile)
	if err != nil {
		return err
	}
	m := newMerger(w)
	var to *outputs // nil: the samples stay where they are.
	if w.job.Kind == plan.Merge {
		to = w.newOutputs(w.target(catalog.Samples, w.inputs()), sources)
	}
	down := w.newDownsamplers(sources)
	for walk := (walk{sources: sources}); ; {
		parts := walk.next()
		if len(parts) == 0 {
			break
		}
		if err := w.mergeSeries(m, parts, to, down); err != nil {
			return err
		}
	}
	if to != nil {
		if err := to.finish(); err != nil {
			return err
		}
	}
	return down.finish()
}

// mergeSeries merges one series into to and makes its aggregates.
func (w *work) mergeSeries(m *merger, parts []part, to *outputs, down downsamplers) error {
	ls := parts[0].ref.Labels
	wanted := down.begin(ls)
	if to == nil && !wanted {
		w.rows.leave(parts)
		return nil
	}
	if to != nil {
		if err := to.begin(); err != nil {
			return err
		}
	}
	err := m.stream(parts, func(s *series.Samples) error {
		if wanted {
			down.add(s)
		}
		if to == nil {
			w.rows.aggregated += int64(s.Len())
			return nil
		}
		return to.samples(ls, s)
	})
	if err != nil {
		return fmt.Errorf("merge series %v: %w", ls, err)
	}
	return down.end(ls)
}

// clean rewrites each input for itself: it keeps its place in the order of
// writing.
func (w *work) clean() error {
	for _, in := range w.job.Inputs {
		t := w.target(in.Kind, []*catalog.File{in.File})
		t.level, t.unit, t.window = in.Level, plan.Unit{Day: in.Day, Days: in.Days}, 0
		var err error
		switch {
		case in.Kind == catalog.Samples:
			err = w.cleanSamples(in, t)
		case in.Kind == catalog.Exemplars:
			err = w.mergeExemplars([]*catalog.File{in.File}, t)
		default:
			err = w.cleanBuckets(in, t)
		}
		if err := errors.Join(err, w.closeSources()); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) cleanSamples(in plan.Input, t target) error {
	s, err := w.openSource(in)
	if err != nil {
		return err
	}
	sources := []*source{s}
	m := newMerger(w)
	to := w.newOutputs(t, sources)
	to.maxBytes = 0 // One file for one, so that it ends up in as many.
	for walk := (walk{sources: sources}); ; {
		parts := walk.next()
		if len(parts) == 0 {
			return to.finish()
		}
		if err := w.mergeSeries(m, parts, to, nil); err != nil {
			return err
		}
	}
}

// result says what was done, after the commit.
func (w *work) result() Result {
	r := Result{Files: w.made, Outputs: len(w.made), Purged: w.purges()}
	for _, f := range w.inputs() {
		r.Inputs++
		r.InputBytes += f.Size
		r.InputRows += f.Rows
	}
	for _, f := range w.made {
		r.OutputBytes += f.Size
		r.OutputRows += f.Rows
	}
	r.Duplicates = w.rows.duplicates + w.buckets.duplicates
	r.Hidden = w.rows.hidden + w.buckets.hidden
	r.Dropped, r.Aggregated = w.rows.dropped, w.rows.aggregated
	return r
}

// close lets go of everything. Outputs go unless they are, or may be, live:
// their names are new and nobody else's.
func (w *work) close() error {
	errs := []error{w.closeSources()}
	for _, o := range w.writing {
		errs = append(errs, o.object.Abort())
	}
	if w.keep {
		return errors.Join(errs...)
	}
	for i := range w.made {
		errs = append(errs, w.x.opts.Bucket.Delete(context.WithoutCancel(w.ctx), w.made[i].Name))
	}
	return errors.Join(errs...)
}

func (w *work) closeSources() error {
	var errs []error
	for _, s := range w.sources {
		errs = append(errs, s.close())
	}
	w.sources = nil
	return errors.Join(errs...)
}

func matchesAny(rules []*plan.Rule, ls labels.Labels) bool {
	for _, r := range rules {
		if series.Matches(ls, r.Matchers) {
			return true
		}
	}
	return false
}
