package merge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	runmetrics "runtime/metrics"
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/plan"
	"herringbone/storage/block"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// A merge takes no more memory than its budget, however many samples there are:
// not with many series, and not with a few that are very long.
//
// COMPACTOR_INPUT_BYTES=4294967296 makes inputs of about that size, in the default
// budget.
func TestMemoryOfAMerge(t *testing.T) {
	budget, scale := int64(24<<20), 1
	if n, err := strconv.ParseInt(os.Getenv("COMPACTOR_INPUT_BYTES"), 10, 64); err == nil {
		budget, scale = DefaultMemoryBytes, int(n/(50<<20))
	}
	shapes := map[string]struct{ files, series, samples int }{
		"many series":      {6, 1000 * scale, 850},
		"a few long ones":  {6, 2 * scale, 425_000},
		"one after others": {16, 150 * scale, 2100},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			mergeInBudget(t, budget, shape.files, shape.series, shape.samples)
		})
	}
}

func mergeInBudget(t *testing.T, budget int64, files, count, samples int) {
	r := newRig(t, Options{MemoryBytes: budget, MaxFileBytes: 1 << 40})
	unit := plan.Unit{Day: compacttest.Day, Days: 366}
	for i := range files {
		r.stream(unit, plan.LevelMonth, count, samples, int64(i))
	}
	size, rows := int64(0), int64(0)
	inputs := r.Live(catalog.Samples)
	for _, f := range inputs {
		size, rows = size+f.Size, rows+f.Rows
	}
	if rows*16 < 3*budget {
		t.Fatalf("%d rows are too few for a budget of %d bytes", rows, budget)
	}
	base := liveHeap()
	w := &watched{Bucket: r.Bucket, every: 1 + size>>22}
	r.x.opts.Bucket = w
	before := cpuTime()
	res := r.run(r.job(plan.Merge, catalog.Samples, 5, unit, inputs...))
	t.Logf("%d files, %d MiB, %d rows: at most %d MiB live of a budget of %d, heap at most %d MiB; %d cpu-ns a sample", files, size>>20, rows,
		(w.live-base)>>20, budget>>20, w.heap>>20, (cpuTime()-before)/rows)
	if res.OutputRows+res.Duplicates != rows {
		t.Errorf("%d rows in, %d out, %d duplicates", rows, res.OutputRows, res.Duplicates)
	}
	if got := w.live - base; got > budget {
		t.Errorf("the merge held %d bytes, its budget is %d", got, budget)
	}
}

// More series than a merge of all files has memory for: the plan makes smaller
// jobs, and in the end there is one file.
func TestPlanAndMergeInABudget(t *testing.T) {
	const budget, files = 32 << 20, 9
	l := plan.DefaultLevels()
	l.MemoryBytes = budget / 2 // In so small a budget an output needs the other half.
	r := newRig(t, Options{MemoryBytes: budget})
	for i := range int64(files) {
		r.stream(day(compacttest.Day), plan.LevelFlushed, 8_000, 10, i)
	}
	base := liveHeap()
	w := &watched{Bucket: r.Bucket, every: 16}
	r.x.opts.Bucket = w
	most := 0
	for range 2 * files {
		s := r.Catalog.Snapshot()
		for _, j := range plan.Make(plan.State{Files: s.All(), Mask: s.Mask, Now: (compacttest.Day + 9) * series.DayMillis, Levels: l}) {
			most = max(most, len(j.Inputs))
			if _, err := r.x.Run(t.Context(), s, j); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := w.live - base
	t.Logf("at most %d of %d files in a job, %d MiB live of a budget of %d", most, files, got>>20, budget>>20)
	if got > budget || most < 3 || most == files {
		t.Errorf("jobs of up to %d files held %d bytes, the budget is %d", most, got, budget)
	}
	if n := len(r.Live(catalog.Samples)); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

// stream adds a file of long, incompressible series, which overlaps its
// neighbours in time, without having it in memory.
func (r *rig) stream(unit plan.Unit, level, count, samples int, n int64) {
	r.T.Helper()
	id := fmt.Sprintf("%026d", n)
	name := series.ObjectName(compacttest.Tenant, catalog.Samples, unit.Day, unit.Days, compacttest.Key, level, id)
	w, err := r.Bucket.Create(context.Background(), name)
	if err != nil {
		r.T.Fatal(err)
	}
	meta, err := streamSeries(w, unit.Day*series.DayMillis, count, samples, n)
	if err != nil {
		r.T.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		r.T.Fatal(err)
	}
	r.Commit(catalog.File{
		ID: id, Tenant: compacttest.Tenant, Kind: catalog.Samples, Day: unit.Day, Days: unit.Days, Partition: compacttest.Key, Level: level, Name: name,
		Size: meta.Size, SHA256: meta.SHA256, Tail: meta.Size - meta.Tail, TailCRC: meta.TailCRC,
		Rows: meta.Rows, Series: meta.Series, MinT: meta.MinT, MaxT: meta.MaxT, MinName: meta.MinName, MaxName: meta.MaxName,
		Writer: "test", Created: 1,
	})
}

func streamSeries(w bucket.Writer, first int64, count, samples int, n int64) (block.Meta, error) {
	o := block.LevelOptions(1)
	o.Labels = []string{"instance", "job"}
	b, err := block.NewWriter(w, o)
	if err != nil {
		return block.Meta{}, err
	}
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	const step = 10_000
	t0 := first + n*int64(samples)*step*9/10
	var s series.Samples
	for i := range count {
		ls := labels.FromStrings("__name__", "measured", "instance", fmt.Sprintf("node-%08d.eu-west-1.example.org:9100", i), "job", "node-exporter")
		for k := 0; k < samples; {
			s.Reset()
			for ; k < samples && s.Len() < 10_000; k++ {
				s.AppendFloat(t0+int64(k)*step, rng.Float64(), 0)
			}
			if err := b.Append(ls, &s); err != nil {
				return block.Meta{}, err
			}
		}
	}
	return b.Close()
}

// watched looks at the heap now and then, in the middle of reads and writes.
type watched struct {
	bucket.Bucket
	every, calls int64
	live, heap   int64 // The greatest seen: after a collection, and before.
}

func (w *watched) look() {
	if w.calls++; w.calls%16 == 0 {
		w.heap = max(w.heap, heapBytes())
	}
	if w.calls%w.every == 0 {
		w.live = max(w.live, liveHeap())
	}
}

func heapBytes() int64 {
	s := []runmetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	runmetrics.Read(s)
	return int64(s[0].Value.Uint64())
}

func liveHeap() int64 {
	runtime.GC()
	return heapBytes()
}

func (w *watched) Create(ctx context.Context, name string) (bucket.Writer, error) {
	o, err := w.Bucket.Create(ctx, name)
	return &watchedWriter{o, w}, err
}

func (w *watched) Open(ctx context.Context, name string) (bucket.Object, error) {
	o, err := w.Bucket.Open(ctx, name)
	return &watchedObject{o, w}, err
}

type watchedWriter struct {
	bucket.Writer
	w *watched
}

func (o *watchedWriter) Write(b []byte) (int, error) {
	o.w.look()
	return o.Writer.Write(b)
}

type watchedObject struct {
	bucket.Object
	w *watched
}

func (o *watchedObject) ReadAt(b []byte, off int64) (int, error) {
	o.w.look()
	return o.Object.ReadAt(b, off)
}
