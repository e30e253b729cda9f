package storage

import (
	"context"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// window is what a test wants to know of a series in one bucket's time.
type window struct {
	count          int64
	sum, min, max  float64
	last           float64
	lastTime       int64
	first, grown   float64
	firstTime      int64
	staleAfterLast bool
}

func (w *window) addSample(t int64, v float64) {
	if value.IsStaleNaN(v) {
		w.staleAfterLast = true
		return
	}
	w.join(window{count: 1, sum: v, min: v, max: v, first: v, firstTime: t, last: v, lastTime: t})
}

// join adds what came later.
func (w *window) join(o window) {
	if o.count == 0 {
		w.staleAfterLast = w.staleAfterLast || o.staleAfterLast
		return
	}
	if w.count == 0 {
		*w = o
		return
	}
	w.count, w.sum, w.min, w.max = w.count+o.count, w.sum+o.sum, min(w.min, o.min), max(w.max, o.max)
	if w.grown += o.grown + o.first - w.last; o.first < w.last {
		w.grown += w.last
	}
	w.last, w.lastTime, w.staleAfterLast = o.last, o.lastTime, o.staleAfterLast
}

type windows map[string]map[int64]*window // By series and end.

func (ws windows) at(key string, end int64) *window {
	if ws[key] == nil {
		ws[key] = map[int64]*window{}
	}
	if ws[key][end] == nil {
		ws[key][end] = &window{}
	}
	return ws[key][end]
}

func windowEnd(t, resolution int64) int64 {
	for t%resolution != 0 {
		t += resolution - t%resolution
	}
	return t
}

func bySamples(t *testing.T, s *Store, q series.Query, resolution int64) windows {
	t.Helper()
	set, err := s.Select(context.Background(), tenant, q)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	found := windows{}
	var samples series.Samples
	for set.Next() {
		if err := set.At().Read(&samples); err != nil {
			t.Fatal(err)
		}
		addSamples(found, set.At().Labels().String(), &samples, resolution)
	}
	return found
}

func addSamples(found windows, key string, samples *series.Samples, resolution int64) {
	for i, ts := range samples.Times {
		if samples.HistogramAt(i) == nil {
			found.at(key, windowEnd(ts, resolution)).addSample(ts, samples.Values[i])
		} else {
			found.at(key, windowEnd(ts, resolution)).count++
		}
	}
}

// byAggregates also returns how many buckets were used.
func byAggregates(t *testing.T, s *Store, q series.Query, resolution int64) (found windows, used int) {
	t.Helper()
	set, err := s.SelectAggregates(context.Background(), tenant, aggregate.Query{Query: q, Resolution: resolution, Columns: aggregate.AllColumns})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	found = windows{}
	var samples series.Samples
	var buckets aggregate.Buckets
	for set.Next() {
		if err := set.At().Read(&samples, &buckets); err != nil {
			t.Fatal(err)
		}
		checkApart(t, &samples, &buckets)
		key := set.At().Labels().String()
		used += buckets.Len()
		var before series.Samples // A bucket's share can lie between samples of its window.
		rest := 0
		for i := range buckets.Len() {
			first, _ := buckets.Times(i)
			to, _ := slices.BinarySearch(samples.Times, first)
			before.Reset()
			before.AppendRange(&samples, rest, max(rest, to))
			rest = max(rest, to)
			addSamples(found, key, &before, resolution)
			found.at(key, buckets.Ends[i]).join(windowOf(&buckets, i))
		}
		before.Reset()
		before.AppendRange(&samples, rest, samples.Len())
		addSamples(found, key, &before, resolution)
	}
	return found, used
}

func windowOf(a *aggregate.Buckets, i int) window {
	return window{
		count: a.Counts[i], sum: a.Sums[i], min: a.Mins[i], max: a.Maxs[i], first: a.Firsts[i], firstTime: a.FirstTimes[i],
		last: a.Lasts[i], lastTime: a.LastTimes[i], grown: a.Increases[i], staleAfterLast: a.Stales[i] != 0,
	}
}

// checkApart: no sample is inside of a bucket's time, and no end comes twice but
// where samples lie between its parts.
func checkApart(t *testing.T, samples *series.Samples, buckets *aggregate.Buckets) {
	t.Helper()
	for i := range buckets.Len() {
		first, last := buckets.Times(i)
		if from, to := samples.Range(first, last); from != to {
			t.Fatalf("a sample at %d, and a bucket of %d to %d", samples.Times[from], first, last)
		}
		if i == 0 || buckets.Ends[i-1] < buckets.Ends[i] {
			continue
		}
		_, before := buckets.Times(i - 1)
		if from, to := samples.Range(before, first); from == to || buckets.Ends[i-1] > buckets.Ends[i] {
			t.Fatalf("bucket ends %v", buckets.Ends)
		}
	}
}

func equalWindows(t *testing.T, want, got windows, what string) {
	t.Helper()
	for _, side := range []windows{want, got} {
		for key, ends := range side {
			for end := range ends {
				if w, g := *want.at(key, end), *got.at(key, end); w != g {
					t.Fatalf("%s: %s at %d:\n got %+v\nwant %+v", what, key, end, g, w)
				}
			}
		}
	}
}
