package merge

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// target is what the outputs of one kind have in common.
type target struct {
	kind           catalog.Kind
	level          int
	unit           plan.Unit
	window         int64 // Milliseconds; 0 does not cut.
	seq, clean     int64
	samplesDropped bool
}

// target is that of a job which makes files of a kind out of inputs that are
// read with the snapshot's masks.
func (w *work) target(kind catalog.Kind, inputs []*catalog.File) target {
	t := target{kind: kind, level: w.job.Level, unit: w.job.Unit, clean: w.snapshot.Version()}
	if kind == catalog.Samples {
		t.window = w.job.Window
	}
	for _, f := range inputs {
		t.seq = max(t.seq, f.Seq)
	}
	return t
}

// outputs writes the files of one target. Series come in order, each once, and
// begin is called before each of them.
type outputs struct {
	target
	w        *work
	labels   []string // Names of labels, most used first.
	maxBytes int64    // Where a file ends; 0: nowhere.
	rowBytes float64  // What a row took in the inputs.
	open     map[int64]*output
}

// output is one file being written.
type output struct {
	id, name string
	object   bucket.Writer
	paced    *pacedWriter
	samples  *block.Writer // Either this or buckets.
	buckets  *block.AggregateWriter

	digest digest
	last   labels.Labels // The series in the making, if there is one.

	counted     int64 // Bytes written when they were looked at last …
	countedRows int64 // … and rows then: later ones wait in the writer.
}

func (w *work) newOutputs(t target, from []*source) *outputs {
	o := &outputs{target: t, w: w, labels: labelNames(from), maxBytes: w.x.opts.MaxFileBytes, open: map[int64]*output{}}
	bytes, rows := int64(0), int64(0)
	for _, s := range from {
		bytes, rows = bytes+s.Size, rows+s.Rows
	}
	o.rowBytes = float64(bytes) / float64(max(rows, 1))
	return o
}

// labelNames returns the label names of the series of sources, about the most
// used first: of long lists of series only some are looked at for that.
func labelNames(from []*source) []string {
	const looked = 4096
	count := map[string]int{}
	for _, s := range from {
		for _, name := range s.labelNames() {
			count[name] += 0
		}
		for i := 0; i < len(s.refs); i += 1 + len(s.refs)/looked {
			s.refs[i].Labels.Range(func(l labels.Label) { count[l.Name]++ })
		}
	}
	delete(count, labels.MetricName)
	return slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
}

// begin is called before each series: it ends files that are full.
func (o *outputs) begin() error {
	if o.maxBytes == 0 {
		return nil
	}
	for window, f := range o.open {
		if o.size(f) < o.maxBytes {
			continue
		}
		delete(o.open, window)
		if err := o.end(f); err != nil {
			return err
		}
	}
	return nil
}

// size is about the size of a file if it ended now.
func (o *outputs) size(f *output) int64 {
	if f.counted != f.paced.written {
		f.counted, f.countedRows = f.paced.written, f.digest.rows
	}
	return f.counted + int64(o.rowBytes*float64(f.digest.rows-f.countedRows))
}

// samples adds samples of the series that was begun; they follow those that were
// added before.
func (o *outputs) samples(ls labels.Labels, s *series.Samples) error {
	if o.window == 0 {
		return o.addSamples(0, ls, s)
	}
	for from := 0; from < s.Len(); {
		window := floor(s.Times[from], o.window)
		_, to := s.Range(s.Times[from], window+o.window-1)
		part := view(s, from, to)
		if err := o.addSamples(window, ls, &part); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// floor is the greatest multiple of width that is not above t.
func floor(t, width int64) int64 {
	if over := t % width; over < 0 {
		return t - over - width
	} else {
		return t - over
	}
}

func (o *outputs) addSamples(window int64, ls labels.Labels, s *series.Samples) error {
	if s.Len() == 0 {
		return nil
	}
	f, err := o.file(window)
	if err != nil {
		return err
	}
	f.begin(ls)
	f.digest.addSamples(s)
	return f.samples.Append(ls, s)
}

// addBuckets adds all aggregates of one series.
func (o *outputs) addBuckets(ls labels.Labels, a *aggregate.Buckets) error {
	if a.Len() == 0 {
		return nil
	}
	f, err := o.file(0)
	if err != nil {
		return err
	}
	f.begin(ls)
	f.digest.addBuckets(a)
	return f.buckets.Append(ls, a)
}

// begin notes that samples of a series come.
func (f *output) begin(ls labels.Labels) {
	if f.digest.series == 0 || !labels.Equal(f.last, ls) {
		f.digest.addSeries(ls)
		f.last = ls
	}
}

// file returns the file in the making of a window.
func (o *outputs) file(window int64) (*output, error) {
	if f := o.open[window]; f != nil {
		return f, nil
	}
	f, err := o.create()
	if err != nil {
		return nil, fmt.Errorf("create output: %w", err)
	}
	o.open[window] = f
	return f, nil
}

func (o *outputs) create() (*output, error) {
	j := o.w.job
	f := &output{id: ulid.Make().String()}
	f.name = series.ObjectName(j.Tenant, o.kind, o.unit.Day, o.unit.Days, j.Partition, o.level, f.id)
	object, err := o.w.x.opts.Bucket.Create(o.w.ctx, f.name)
	if err != nil {
		return nil, err
	}
	f.object = object
	f.paced = &pacedWriter{Writer: object, pace: o.w.pace}
	o.w.writing = append(o.w.writing, f)
	if o.kind == catalog.Samples {
		f.samples, err = block.NewWriter(f.paced, o.options())
	} else {
		f.buckets, err = block.NewAggregateWriter(f.paced, o.aggregateOptions())
	}
	return f, err
}

func (o *outputs) options() block.Options {
	b := block.LevelOptions(o.level)
	b.Labels, b.Writer, b.Sequence = o.labels, o.w.x.opts.Node, o.seq
	most := o.w.x.rowGroupRows(writers(o.w.job))
	if b.RowGroupRows == 0 {
		b.RowGroupRows = block.DefaultRowGroupRows
	}
	b.RowGroupRows = min(b.RowGroupRows, most)
	return b
}

// aggregateOptions: a row is many times as long as one of a sample.
func (o *outputs) aggregateOptions() block.AggregateOptions {
	b := o.options()
	b.PageRows, b.RowGroupRows = 0, max(b.RowGroupRows/8, block.DefaultAggregatePageRows)
	return block.AggregateOptions{Options: b, Resolution: o.kind.Resolution()}
}

// finish ends all files.
func (o *outputs) finish() error {
	for _, window := range slices.Sorted(maps.Keys(o.open)) {
		if err := o.end(o.open[window]); err != nil {
			return err
		}
	}
	clear(o.open)
	return nil
}

// end completes a file, gives its object a name, and reads it again.
func (o *outputs) end(f *output) error {
	meta, err := f.close()
	if err != nil {
		return fmt.Errorf("write output %s: %w", f.name, err)
	}
	return o.w.settle(f, o.target, meta)
}

func (f *output) close() (block.Meta, error) {
	if f.samples != nil {
		return f.samples.Close()
	}
	return f.buckets.Close()
}

// settle makes an output's object durable, and notes it with what the catalog
// must know once it was found to be right.
func (w *work) settle(f *output, t target, meta block.Meta) error {
	err := f.object.Commit()
	w.writing = slices.DeleteFunc(w.writing, func(o *output) bool { return o == f })
	if errors.Is(err, bucket.ErrExists) {
		return fmt.Errorf("output %s: %w", f.name, err) // Somebody else's.
	}
	file := w.file(f, t, meta)
	w.made = append(w.made, file) // Also if Commit failed: the object may be there.
	if err != nil {
		return fmt.Errorf("output %s: %w", f.name, err)
	}
	return w.verify(&file, f.digest)
}

func (w *work) file(f *output, t target, meta block.Meta) catalog.File {
	return catalog.File{
		ID: f.id, Tenant: w.job.Tenant, Kind: t.kind, Day: t.unit.Day, Days: t.unit.Days,
		Partition: w.job.Partition, Level: t.level, Name: f.name,
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC,
		Rows: meta.Rows, Series: meta.Series, MinT: meta.MinT, MaxT: meta.MaxT,
		MinName: meta.MinName, MaxName: meta.MaxName,
		Seq: t.seq, Clean: t.clean, SamplesDropped: t.samplesDropped,
		Writer: w.x.opts.Node, Created: w.x.opts.Now().UnixMilli(),
	}
}
