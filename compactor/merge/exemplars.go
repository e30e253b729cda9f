package merge

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// mergeExemplars writes the exemplars of all inputs as one file. There are few
// of them, so they are in memory at once; if they do not fit, the error wraps
// series.ErrLimit and the files stay as they are.
func (w *work) mergeExemplars(inputs []*catalog.File, t target) error {
	bytes := int64(0)
	for _, f := range inputs {
		bytes += f.Size * plan.ExemplarGrowth
	}
	if bytes > w.x.opts.MemoryBytes {
		return fmt.Errorf("exemplars would take %d bytes of memory, there are %d: %w", bytes, w.x.opts.MemoryBytes, series.ErrLimit)
	}
	var all []series.ExemplarSeries
	for _, in := range w.job.Inputs {
		if !slices.Contains(inputs, in.File) {
			continue
		}
		more, err := w.readExemplars(in)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	return w.writeExemplars(w.unite(all), t)
}

// readExemplars returns what is not hidden of one input.
func (w *work) readExemplars(in plan.Input) ([]series.ExemplarSeries, error) {
	o, err := w.openObject(w.ctx, in.File)
	if err != nil {
		return nil, damaged(in.File, err)
	}
	defer o.Close()
	f := in.File
	x, err := block.OpenExemplars(&pacedReader{o, w.pace}, f.Size, f.Name, f.Size-f.Tail, f.TailCRC)
	if err != nil {
		return nil, damaged(f, err)
	}
	mask := w.snapshot.Mask(f)
	var out []series.ExemplarSeries
	rows := int64(0)
	for _, s := range x.Series() {
		rows += int64(len(s.Exemplars))
		left := w.visibleExemplars(&in, mask.Of(s.Labels), s.Exemplars)
		if len(left) > 0 {
			out = append(out, series.ExemplarSeries{Labels: s.Labels, Exemplars: left})
		}
	}
	if rows != f.Rows {
		return nil, damaged(f, fmt.Errorf("file has %d exemplars, the catalog says %d: %w", rows, f.Rows, series.ErrCorrupt))
	}
	w.rows.in += rows
	return out, w.pace.step()
}

func (w *work) visibleExemplars(in *plan.Input, mask catalog.Mask, list []series.Exemplar) []series.Exemplar {
	var left []series.Exemplar
	for _, e := range list {
		at := slices.IndexFunc(mask, func(by *catalog.Tombstone) bool { return by.MinT <= e.T && e.T <= by.MaxT })
		if at < 0 {
			left = append(left, e)
			continue
		}
		w.rows.hide(in, mask[at], 1)
	}
	return left
}

// unite joins series that are equal, and leaves out exemplars that are.
func (w *work) unite(all []series.ExemplarSeries) []series.ExemplarSeries {
	slices.SortStableFunc(all, func(a, b series.ExemplarSeries) int { return series.Compare(a.Labels, b.Labels) })
	var out []series.ExemplarSeries
	for _, s := range all {
		if n := len(out); n > 0 && labels.Equal(out[n-1].Labels, s.Labels) {
			out[n-1].Exemplars = append(out[n-1].Exemplars, s.Exemplars...)
			continue
		}
		out = append(out, s)
	}
	for i := range out {
		list := out[i].Exemplars
		n := len(list)
		slices.SortStableFunc(list, compareExemplars)
		out[i].Exemplars = slices.CompactFunc(list, func(a, b series.Exemplar) bool { return compareExemplars(a, b) == 0 })
		w.rows.duplicates += int64(n - len(out[i].Exemplars))
	}
	return out
}

func compareExemplars(a, b series.Exemplar) int {
	return cmp.Or(cmp.Compare(a.T, b.T), labels.Compare(a.Labels, b.Labels), cmp.Compare(math.Float64bits(a.V), math.Float64bits(b.V)))
}

func (w *work) writeExemplars(all []series.ExemplarSeries, t target) error {
	if len(all) == 0 {
		return nil
	}
	f := &output{id: ulid.Make().String()}
	f.name = series.ObjectName(w.job.Tenant, t.kind, t.unit.Day, t.unit.Days, w.job.Partition, t.level, f.id)
	object, err := w.x.opts.Bucket.Create(w.ctx, f.name)
	if err != nil {
		return fmt.Errorf("create output: %w", err)
	}
	f.object = object
	w.writing = append(w.writing, f)
	for _, s := range all {
		f.digest.addExemplars(s)
	}
	meta, err := block.WriteExemplars(&pacedWriter{Writer: object, pace: w.pace}, all)
	if err != nil {
		return fmt.Errorf("write output %s: %w", f.name, err)
	}
	return w.settle(f, t, meta)
}

func (d *digest) addExemplars(s series.ExemplarSeries) {
	d.addSeries(s.Labels)
	for _, e := range s.Exemplars {
		d.times, d.values = mix(d.times, uint64(e.T)), mix(d.values, math.Float64bits(e.V))
		d.rest = mix(d.rest, e.Labels.Hash())
		d.addTimes(e.T, e.T, 1)
	}
}
