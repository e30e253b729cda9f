package simulate

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/compactor"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

const (
	hourMillis    = int64(3600_000)
	bucketMillis  = int64(300_000)
	modelledNames = 4
)

// told is a node and, flat in memory, what it must tell of.
type told struct {
	*node
	t       *testing.T
	rng     *rand.Rand
	samples map[string]map[int64]float64 // By metric, by time.
	done    []string                     // What happened, for people.
}

func newTold(t *testing.T, seed uint64, begin time.Time, adjust func(*rand.Rand, *compactor.Options)) *told {
	rng := rand.New(rand.NewPCG(seed, 5))
	n, err := openNode(t.Context(), t.TempDir(), newClock(begin), func(o *compactor.Options) { adjust(rng, o) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
	w := &told{node: n, t: t, rng: rng, samples: map[string]map[int64]float64{}}
	for i := range modelledNames {
		w.samples[metricName(i)] = map[int64]float64{}
	}
	return w
}

func metricName(i int) string { return fmt.Sprintf("m%d", i) }

func (w *told) note(format string, args ...any) {
	w.done = append(w.done, fmt.Sprintf(format, args...))
}

// pass lets time go by.
func (w *told) pass(d time.Duration) { w.clock.set(w.clock.now().Add(d)) }

// write appends samples of a metric, to the node and to the model, and flushes.
func (w *told) write(name string, samples map[int64]float64) {
	w.t.Helper()
	b := &series.Batch{}
	for _, at := range slices.Sorted(maps.Keys(samples)) {
		old, had := w.samples[name][at]
		if value.IsStaleNaN(samples[at]) && had && !value.IsStaleNaN(old) {
			continue // A real value wins.
		}
		w.samples[name][at] = samples[at]
		b.Samples = append(b.Samples, series.Sample{T: at, V: samples[at]})
	}
	b.Entries = []series.Entry{{Key: series.AppendKeyLabel(nil, labels.MetricName, name), Samples: int32(len(b.Samples))}}
	if _, err := w.store.Append(context.Background(), series.DefaultTenant, b); err != nil {
		w.t.Fatal(err)
	}
	// What is in memory when its samples are dropped is told of no more: a gap that
	// docs/promql.md names.
	if err := w.store.Flush(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.note("write %d of %s", len(b.Samples), name)
}

// writeSome writes samples of now or of some time ago, but not of days of which
// only aggregates are kept, see write.
func (w *told) writeSome() {
	now := w.clock.now().UnixMilli()
	ago := []int64{0, 0, 0, 0, 1, 2, 5, 15, 30}[w.rng.IntN(9)]
	step := []int64{60_000, 7 * 60_000, 30 * 60_000}[w.rng.IntN(3)]
	samples := map[int64]float64{}
	at := now - ago*series.DayMillis - w.rng.Int64N(30)*hourMillis
	for range 5 + w.rng.IntN(60) {
		at += step
		t := at / 60_000 * 60_000
		if w.rng.IntN(10) == 0 {
			t = at / hourMillis * hourMillis // The edge of a bucket.
		}
		if t > now || w.samplesDroppedOn(series.Day(t)) {
			continue
		}
		samples[t] = float64(w.rng.IntN(100))
		if w.rng.IntN(25) == 0 {
			samples[t] = math.Float64frombits(value.StaleNaN)
		}
	}
	w.write(metricName(w.rng.IntN(modelledNames)), samples)
}

func (w *told) samplesDroppedOn(day int64) bool {
	for f := range w.catalog.Snapshot().All() {
		if f.SamplesDropped && f.Day <= day && day < f.Day+int64(f.Days) {
			return true
		}
	}
	return false
}

// deleteSome deletes whole buckets, so that aggregates can tell of it.
func (w *told) deleteSome() {
	name := metricName(w.rng.IntN(modelledNames))
	from := (w.clock.now().UnixMilli()-w.rng.Int64N(40)*series.DayMillis)/hourMillis*hourMillis + 1
	to := from - 1 + (1+w.rng.Int64N(60))*hourMillis
	m := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, name)
	if _, err := w.store.Delete(context.Background(), series.DefaultTenant, from, to, []*labels.Matcher{m}); err != nil {
		w.t.Fatal(err)
	}
	maps.DeleteFunc(w.samples[name], func(at int64, _ float64) bool { return from <= at && at <= to })
	w.note("delete %s %d..%d", name, from, to)
}

// compactSome runs that many jobs, or all.
func (w *told) compactSome(jobs int) {
	w.t.Helper()
	if err := w.compactor.RunOnce(context.Background(), compactor.OnceOptions{Compact: true, Jobs: jobs}); err != nil {
		w.t.Fatalf("%v, after %v", err, w.done)
	}
	w.note("%d jobs", jobs)
}

// holds compares what the node tells at every resolution that can be made of all
// it has with what the model says.
func (w *told) holds() bool {
	w.t.Helper()
	finest := bucketMillis
	for f := range w.catalog.Snapshot().All() {
		if f.SamplesDropped {
			finest = max(finest, f.Kind.Resolution())
		}
	}
	for _, resolution := range []int64{bucketMillis, hourMillis, 6 * hourMillis} {
		if resolution < finest {
			continue
		}
		if d := differences(w.expected(resolution), w.selected(resolution)); d != "" {
			w.t.Errorf("resolution %d ms: %s\nfiles\n%s\nhistory %v", resolution, d, w.listing(), w.done)
			return false
		}
	}
	return true
}

func differences(want, got map[string]toldBucket) string {
	var all []string
	for key := range want {
		if g, ok := got[key]; !ok || !g.like(want[key]) {
			all = append(all, fmt.Sprintf("%s: %+v, want %+v", key, g, want[key]))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			all = append(all, fmt.Sprintf("%s: %+v, want none", key, got[key]))
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return fmt.Sprintf("%d buckets differ\n%s", len(all), strings.Join(all[:min(3, len(all))], "\n"))
}

func (w *told) listing() string {
	var b strings.Builder
	for f := range w.catalog.Snapshot().All() {
		fmt.Fprintf(&b, "%s %s %s +%d days, level %d, seq %d, clean %d, sole %t, %d rows\n", f.Partition, f.Kind,
			time.UnixMilli(f.Day*series.DayMillis).UTC().Format(time.DateOnly), f.Days, f.Level, f.Seq, f.Clean, f.SamplesDropped, f.Rows)
	}
	return b.String()
}

// expected are the model's buckets, by metric and end.
func (w *told) expected(resolution int64) map[string]toldBucket {
	all := map[string]toldBucket{}
	for name, samples := range w.samples {
		var s series.Samples
		for _, at := range slices.Sorted(maps.Keys(samples)) {
			s.AppendFloat(at, samples[at], 0)
		}
		addSamples(all, name, &s, resolution)
	}
	return all
}

// selected are the node's: of aggregates and of the samples that they leave.
func (w *told) selected(resolution int64) map[string]toldBucket {
	w.t.Helper()
	matcher := labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, "")
	set, err := w.store.SelectAggregates(context.Background(), series.DefaultTenant, aggregate.Query{
		Resolution: resolution, Columns: aggregate.AllColumns,
		Query: series.Query{MinT: 1, MaxT: 100 * 365 * series.DayMillis, Matchers: []*labels.Matcher{matcher}},
	})
	if err != nil {
		w.t.Fatalf("%v, after %v", err, w.done)
	}
	defer set.Close()
	all := map[string]toldBucket{}
	for set.Next() {
		var s series.Samples
		var a aggregate.Buckets
		if err := set.At().Read(&s, &a); err != nil {
			w.t.Fatalf("%v, after %v", err, w.done)
		}
		addBoth(all, set.At().Labels().Get(labels.MetricName), &s, &a, resolution)
	}
	if err := set.Err(); err != nil {
		w.t.Fatalf("%v, after %v", err, w.done)
	}
	return all
}

// addBoth adds samples and aggregates of one series in the order of time.
func addBoth(all map[string]toldBucket, name string, s *series.Samples, a *aggregate.Buckets, resolution int64) {
	var pieces aggregate.Buckets
	var alone aggregate.Buckets
	for i := range s.Len() {
		var one series.Samples
		one.AppendFloat(s.Times[i], s.Values[i], 0)
		aggregate.Append(&alone, &one, 1) // A bucket for each.
	}
	i, k := 0, 0
	for i < alone.Len() || k < a.Len() {
		if k == a.Len() || i < alone.Len() && earlier(&alone, i, a, k) {
			pieces.AppendRange(&alone, i, i+1)
			i++
			continue
		}
		pieces.AppendRange(a, k, k+1)
		k++
	}
	for i := range pieces.Len() {
		end := (pieces.Ends[i] + resolution - 1) / resolution * resolution
		key := fmt.Sprintf("%s until %s", name, time.UnixMilli(end).UTC().Format(time.RFC3339))
		all[key] = all[key].and(bucketOf(&pieces, i))
	}
}

func earlier(a *aggregate.Buckets, i int, b *aggregate.Buckets, k int) bool {
	first, _ := a.Times(i)
	other, _ := b.Times(k)
	return first < other
}

func addSamples(all map[string]toldBucket, name string, s *series.Samples, resolution int64) {
	addBoth(all, name, s, &aggregate.Buckets{}, resolution)
}

// toldBucket is one row of aggregates, made anew, so that it does not share a mistake
// with the code that combines them.
type toldBucket struct {
	count, firstTime, lastTime, stale int64
	min, max, sum, first, last, grown float64
}

func bucketOf(a *aggregate.Buckets, i int) toldBucket {
	if a.Counts[i] == 0 {
		return toldBucket{stale: a.Stales[i]}
	}
	return toldBucket{
		a.Counts[i], a.FirstTimes[i], a.LastTimes[i], a.Stales[i],
		a.Mins[i], a.Maxs[i], a.Sums[i], a.Firsts[i], a.Lasts[i], a.Increases[i],
	}
}

// and is b with what comes after it.
func (b toldBucket) and(o toldBucket) toldBucket {
	switch {
	case o.count == 0:
		if b.stale == 0 || o.stale < b.stale {
			b.stale = o.stale
		}
		return b
	case b.count == 0:
		return o
	}
	grown := b.grown + o.grown + o.first - b.last
	if o.first < b.last {
		grown += b.last // It began at 0 again.
	}
	return toldBucket{
		b.count + o.count, b.firstTime, o.lastTime, o.stale,
		min(b.min, o.min), max(b.max, o.max), b.sum + o.sum, b.first, o.last, grown,
	}
}

// like compares; sums depend on their order in the last digits.
func (b toldBucket) like(o toldBucket) bool {
	if math.Abs(b.sum-o.sum) < 1e-6 && math.Abs(b.grown-o.grown) < 1e-6 {
		b.sum, b.grown = o.sum, o.grown
	}
	return b == o
}
