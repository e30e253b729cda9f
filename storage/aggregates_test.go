package storage

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/aggregate"
	"herringbone/storage/block"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

const minute = 60_000

// aggregate makes aggregates of what files hold of some days, as compaction
// does. meanwhile runs between looking and committing.
func (r *rig) aggregate(day int64, days int, resolution int64, dropped bool, meanwhile func()) {
	r.t.Helper()
	snapshot := r.store.Snapshot()
	byKey := map[string][]*catalog.File{}
	minT, maxT := day*series.DayMillis, (day+int64(days))*series.DayMillis-1
	for _, f := range snapshot.Files(tenant, catalog.Samples, minT, maxT) {
		byKey[f.Partition] = append(byKey[f.Partition], f)
	}
	var edit catalog.Edit
	for key, inputs := range byKey {
		f := catalog.File{Kind: catalog.Aggregates(resolution), Day: day, Days: days, Partition: key, Level: 2, Clean: snapshot.Version(), SamplesDropped: dropped}
		for _, in := range inputs {
			f.Seq = max(f.Seq, in.Seq)
		}
		if r.put(&f, fillAggregates(r.samplesOf(snapshot, inputs, minT, maxT), resolution)) {
			edit.Add = append(edit.Add, f)
		}
		for _, old := range snapshot.Files(tenant, f.Kind, minT, maxT) {
			if old.Partition == key && old.Day >= day && old.Day+int64(old.Days) <= day+int64(days) {
				edit.Remove = append(edit.Remove, old.ID)
			}
		}
		if dropped {
			for _, in := range inputs {
				edit.Remove = append(edit.Remove, in.ID)
			}
		}
	}
	meanwhile()
	edit.Token = ulid.Make().String()
	if _, err := r.catalog.Commit(context.Background(), edit); err != nil {
		r.t.Fatal(err)
	}
}

type merged struct {
	labels promlabels.Labels
	parts  []*series.Samples
}

// samplesOf reads the visible samples of files, in the order of their series.
func (r *rig) samplesOf(snapshot *catalog.Snapshot, files []*catalog.File, minT, maxT int64) []*merged {
	r.t.Helper()
	found := map[string]*merged{}
	for _, f := range files {
		reader, release, err := r.store.OpenFile(context.Background(), f)
		if err != nil {
			r.t.Fatal(err)
		}
		mask := snapshot.Mask(f)
		err = reader.Each(func(ls promlabels.Labels, s *series.Samples) error {
			part := &series.Samples{}
			from, to := s.Range(minT, maxT)
			part.AppendRange(s, from, to)
			mask.Of(ls).Cut(part)
			key := ls.String()
			if found[key] == nil {
				found[key] = &merged{labels: ls}
			}
			found[key].parts = append(found[key].parts, part)
			return nil
		})
		release()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	var list []*merged
	for _, m := range found {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *merged) int { return series.Compare(a.labels, b.labels) })
	return list
}

// put makes an object and fills in what is known of it by then. It reports false
// if there was nothing to write.
func (r *rig) put(f *catalog.File, fill func(io.Writer) (block.Meta, error)) bool {
	r.t.Helper()
	f.ID, f.Tenant, f.Writer, f.Created = ulid.Make().String(), tenant, "test", 1
	f.Name = series.ObjectName(tenant, f.Kind, f.Day, f.Days, f.Partition, f.Level, f.ID)
	w, err := r.bucket.Create(context.Background(), f.Name)
	if err != nil {
		r.t.Fatal(err)
	}
	defer w.Abort()
	meta, err := fill(w)
	if err != nil {
		r.t.Fatal(err)
	}
	if meta.Rows == 0 {
		return false
	}
	if err := w.Commit(); err != nil {
		r.t.Fatal(err)
	}
	f.Size, f.SHA256, f.Tail, f.TailCRC = meta.Size, meta.SHA256, meta.Size-meta.Tail, meta.TailCRC
	f.Rows, f.Series, f.MinT, f.MaxT, f.MinName, f.MaxName = meta.Rows, meta.Series, meta.MinT, meta.MaxT, meta.MinName, meta.MaxName
	return true
}

// fillAggregates writes the aggregates of series without histograms.
func fillAggregates(list []*merged, resolution int64) func(io.Writer) (block.Meta, error) {
	return func(w io.Writer) (block.Meta, error) {
		bw, err := block.NewAggregateWriter(w, block.AggregateOptions{Options: block.LevelOptions(2), Resolution: resolution})
		if err != nil {
			return block.Meta{}, err
		}
		for _, m := range list {
			var s series.Samples
			var a aggregate.Buckets
			series.Merge(&s, m.parts...)
			if s.Histograms != nil {
				continue
			}
			aggregate.Append(&a, &s, resolution)
			if a.Len() == 0 {
				continue
			}
			if err := bw.Append(m.labels, &a); err != nil {
				return block.Meta{}, err
			}
		}
		return bw.Close()
	}
}

func fillSamples(list []*merged) func(io.Writer) (block.Meta, error) {
	return func(w io.Writer) (block.Meta, error) {
		bw, err := block.NewWriter(w, block.LevelOptions(3))
		if err != nil {
			return block.Meta{}, err
		}
		for _, m := range list {
			var s series.Samples
			if series.Merge(&s, m.parts...); s.Len() == 0 {
				continue
			}
			if err := bw.Append(m.labels, &s); err != nil {
				return block.Meta{}, err
			}
		}
		return bw.Close()
	}
}

// mergeFiles puts all samples files that lie in some days into one a partition,
// as compaction does, and leaves aggregates as they are.
func (r *rig) mergeFiles(day int64, days int) {
	r.t.Helper()
	snapshot := r.store.Snapshot()
	minT, maxT := day*series.DayMillis, (day+int64(days))*series.DayMillis-1
	byKey := map[string][]*catalog.File{}
	for _, f := range snapshot.Files(tenant, catalog.Samples, minT, maxT) {
		byKey[f.Partition] = append(byKey[f.Partition], f)
	}
	edit := catalog.Edit{Token: ulid.Make().String()}
	for key, inputs := range byKey {
		if slices.ContainsFunc(inputs, func(f *catalog.File) bool { return f.Day < day || f.Day+int64(f.Days) > day+int64(days) }) {
			continue
		}
		f := catalog.File{Kind: catalog.Samples, Day: day, Days: days, Partition: key, Level: 3, Clean: snapshot.Version()}
		for _, in := range inputs {
			f.Seq = max(f.Seq, in.Seq)
			edit.Remove = append(edit.Remove, in.ID)
		}
		if r.put(&f, fillSamples(r.samplesOf(snapshot, inputs, minT, maxT))) {
			edit.Add = append(edit.Add, f)
		}
	}
	if _, err := r.catalog.Commit(context.Background(), edit); err != nil {
		r.t.Fatal(err)
	}
	r.store.Forget()
}

// firstDay is where the tests with aggregates have their samples.
const (
	firstDay  = 20_000
	aggDays   = 6
	aggOrigin = firstDay * series.DayMillis
)

// counterBatch is a few samples of a few series in some hours, with markers and
// at times a histogram, at whole minutes: some are at midnight.
func counterBatch(rng *rand.Rand) *series.Batch {
	b := &series.Batch{}
	for range 1 + rng.IntN(3) {
		e := series.Entry{Key: series.AppendKeyLabel(nil, "__name__", fmt.Sprintf("metric_%d", rng.IntN(4)))}
		e.Key = series.AppendKeyLabel(e.Key, "job", fmt.Sprint(rng.IntN(2)))
		t := aggOrigin + rng.Int64N(aggDays*24)*60*minute
		if rng.IntN(3) == 0 { // Over midnight.
			t = aggOrigin + rng.Int64N(aggDays)*series.DayMillis - 7*minute
		}
		for range rng.IntN(40) {
			t += rng.Int64N(4) * minute
			s := series.Sample{T: t, V: float64(rng.IntN(1000))}
			if rng.IntN(10) == 0 {
				s.V = math.Float64frombits(value.StaleNaN)
			}
			b.Samples = append(b.Samples, s)
			e.Samples++
		}
		if rng.IntN(12) == 0 {
			b.Histograms = append(b.Histograms, randomHistogram(rng, t))
			e.Histograms++
		}
		b.Entries = append(b.Entries, e)
	}
	return b
}

func aggQuery(rng *rand.Rand, resolution int64) series.Query {
	q := all()
	if rng.IntN(4) == 0 {
		return q
	}
	q.MinT = aggOrigin + rng.Int64N(aggDays*series.DayMillis)/resolution*resolution + 1
	q.MaxT = windowEnd(q.MinT+rng.Int64N(3*series.DayMillis), resolution)
	if rng.IntN(4) == 0 { // Not aligned: the ends come as samples.
		q.MinT += rng.Int64N(resolution)
		q.MaxT -= rng.Int64N(resolution)
	}
	if rng.IntN(3) == 0 {
		q.Matchers = []*promlabels.Matcher{equal("__name__", fmt.Sprintf("metric_%d", rng.IntN(4)))}
	}
	return q
}

// However samples, late samples, deletes and aggregates came: what aggregates
// tell of each bucket's time is what the samples tell.
func TestAggregatesTellWhatSamplesTell(t *testing.T) {
	rng := seeded(t)
	resolutions := []int64{5 * minute, 60 * minute}
	used := 0
	for range 8 {
		r := newRig(t, func(o *Options) { o.IndexCacheBytes = int64(rng.IntN(2)) << 16 })
		for range 80 {
			resolution := resolutions[rng.IntN(2)]
			switch rng.IntN(13) {
			case 0, 1:
				r.flush()
			case 2:
				q := aggQuery(rng, 7)
				r.delete(q.MinT, q.MaxT, q.Matchers...)
			case 3, 4, 5:
				days := []int{1, 2, 3}[rng.IntN(3)]
				day := firstDay + rng.Int64N(aggDays)/int64(days)*int64(days)
				r.aggregate(day, days, resolution, false, func() { r.disturb(rng) })
			case 6:
				r.close()
				template := series.Template{{Label: "__name__", Buckets: 1 + rng.IntN(2)}}
				r.opts.Templates = map[series.Tenant]series.Template{tenant: template}
				r.open()
			case 7:
				days := []int{1, 2, 3}[rng.IntN(3)]
				r.mergeFiles(firstDay+rng.Int64N(aggDays)/int64(days)*int64(days), days)
			default:
				r.append(counterBatch(rng))
			}
			asked := []int64{5, 15, 60, 60, 3 * 60, 24 * 60, 48 * 60}[rng.IntN(7)] * minute
			q := aggQuery(rng, asked)
			got, n := byAggregates(t, r.store, q, asked)
			used += n
			equalWindows(t, bySamples(t, r.store, q, asked), got, fmt.Sprintf("%d to %d by %d", q.MinT, q.MaxT, asked))
			sameInFewColumns(t, r.store, aggregate.Query{Query: q, Resolution: asked, Columns: someColumns(rng)})
		}
		r.flush()
		r.close()
		checkFsck(t, r, true)
	}
	if used < 400 {
		t.Errorf("only %d buckets were used: the test proves little", used)
	}
}

// disturb does, at times, what happens while a compaction is under way.
func (r *rig) disturb(rng *rand.Rand) {
	switch rng.IntN(6) {
	case 0:
		r.append(counterBatch(rng))
		r.flush()
	case 1:
		q := aggQuery(rng, 7)
		r.delete(q.MinT, q.MaxT, q.Matchers...)
	}
}

// Where aggregates are all that is left they are used whatever comes later, by
// coarser resolutions, too; buckets that a delete meets are hidden whole.
func TestAggregatesThatAreAllThatIsLeft(t *testing.T) {
	r := newRig(t, nil)
	b := floats("m")
	for i := range int64(2 * 24 * 60) {
		b.Samples = append(b.Samples, series.Sample{T: aggOrigin + i*minute, V: float64(i % 100)})
	}
	b.Entries[0].Samples = int32(len(b.Samples))
	r.append(b)
	r.flush()
	want5, want60 := bySamples(t, r.store, all(), 5*minute), bySamples(t, r.store, all(), 60*minute)
	for day := range int64(2) {
		r.aggregate(firstDay+day, 1, 5*minute, true, func() {})
	}
	if n := len(r.times("m")); n != 0 {
		t.Fatalf("%d samples are left", n)
	}
	check := func(what string) {
		t.Helper()
		got, _ := byAggregates(t, r.store, all(), 5*minute)
		equalWindows(t, want5, got, what)
		got, _ = byAggregates(t, r.store, all(), 60*minute)
		equalWindows(t, want60, got, what+", by the hour")
	}
	check("alone")
	if got := r.store.Resolutions(tenant, all()); len(got) != 1 || got[0] != (aggregate.Resolution{Millis: 5 * minute, SamplesDropped: true}) {
		t.Errorf("resolutions %v", got)
	}
	r.append(floats("m", aggOrigin+7*minute+1))
	check("with a late sample in memory")
	r.flush()
	check("with a late sample in a file")
	if got, err := r.store.LabelValues(context.Background(), tenant, "__name__", series.Query{MinT: aggOrigin + series.DayMillis, MaxT: math.MaxInt64}); err != nil || len(got) != 1 {
		t.Errorf("label values %v, %v", got, err)
	}
	d := r.delete(aggOrigin+12*minute, aggOrigin+13*minute, equal("__name__", "m"))
	if d.Hidden != 1 {
		t.Errorf("%d buckets hidden", d.Hidden)
	}
	delete(want5[`{__name__="m"}`], aggOrigin+15*minute)
	got, _ := byAggregates(t, r.store, all(), 5*minute)
	equalWindows(t, want5, got, "after a delete")
}
