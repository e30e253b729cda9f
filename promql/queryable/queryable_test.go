package queryable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

func TestHintsNarrowTheQuery(t *testing.T) {
	tests := map[string]struct {
		hints *storage.SelectHints
		want  series.Query
	}{
		"none":                    {nil, series.Query{MinT: 100, MaxT: 200}},
		"inside":                  {&storage.SelectHints{Start: 120, End: 180}, series.Query{MinT: 120, MaxT: 180}},
		"wider":                   {&storage.SelectHints{Start: 0, End: 500}, series.Query{MinT: 100, MaxT: 200}},
		"empty, as a client's":    {&storage.SelectHints{}, series.Query{MinT: 100, MaxT: 200}},
		"labels only, with limit": {&storage.SelectHints{Start: 100, End: 200, Func: "series", Limit: 7}, series.Query{MinT: 100, MaxT: 200, Limit: 7, NoSamples: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := sourcetest.NewWitness(t, "m")
			q := New(w, "a", 0).querier(100, 200)
			set := q.Select(t.Context(), false, tt.hints, sourcetest.AnyMetric())
			if len(w.Queries) != 0 {
				t.Error("the Source was asked before the set was advanced")
			}
			set.Next()
			tt.want.Matchers = w.Queries[0].Matchers
			if diff := cmp.Diff(tt.want, w.Queries[0], cmp.Comparer(func(a, b *labels.Matcher) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			if err := q.Close(); err != nil || w.Open != 0 {
				t.Errorf("after Close: %v, %d sets open", err, w.Open)
			}
		})
	}
}

// TestSortedSets: a label name before __name__ makes the two orders differ, and
// merging sets needs the one of labels.Compare.
func TestSortedSets(t *testing.T) {
	m := &seriestest.Memory{}
	for _, ls := range []labels.Labels{
		labels.FromStrings("__name__", "a", "Z", "2"),
		labels.FromStrings("__name__", "b", "Z", "1"),
		labels.FromStrings("__name__", "c"),
	} {
		b := &series.Batch{Entries: []series.Entry{{Key: series.AppendKey(nil, ls), Samples: 1}}, Samples: []series.Sample{{T: 1}}}
		if _, err := m.Append(t.Context(), series.DefaultTenant, b); err != nil {
			t.Fatal(err)
		}
	}
	q := New(m, series.DefaultTenant, 0).querier(0, 10)
	defer q.Close()
	var got []labels.Labels
	for set := q.Select(t.Context(), true, nil, sourcetest.AnyMetric()); set.Next(); {
		got = append(got, set.At().Labels())
	}
	if len(got) != 3 || !slices.IsSortedFunc(got, labels.Compare) {
		t.Errorf("not sorted: %v", got)
	}
}

func TestTenants(t *testing.T) {
	w := sourcetest.NewWitness(t, "m")
	q := New(w, "", 0).querier(0, 1e9)
	set := q.Select(t.Context(), false, nil, sourcetest.AnyMetric())
	if set.Next() || !errors.Is(set.Err(), errNoTenant) {
		t.Errorf("no tenant: %v", set.Err())
	}
	set = q.Select(WithTenant(t.Context(), "other"), false, nil, sourcetest.AnyMetric())
	if set.Next() || set.Err() != nil || !slices.Equal(w.Tenants, []series.Tenant{"other"}) {
		t.Errorf("asked for %v: %v", w.Tenants, set.Err())
	}
	set = q.Select(WithTenant(t.Context(), series.DefaultTenant), false, nil, sourcetest.AnyMetric())
	if !set.Next() {
		t.Error("nothing for the tenant that has it")
	}
	if _, _, err := q.LabelNames(t.Context(), nil); !errors.Is(err, errNoTenant) {
		t.Errorf("label names without a tenant: %v", err)
	}
}

func TestSourceErrorsComeOut(t *testing.T) {
	corrupt := fmt.Errorf("file default/1.parquet: page 3: %w", series.ErrCorrupt)
	var asStorage prom.ErrStorage
	check := func(t *testing.T, err error) {
		t.Helper()
		if !errors.Is(err, series.ErrCorrupt) || !errors.As(err, &asStorage) || err.Error() != corrupt.Error() {
			t.Errorf("got %v", err)
		}
	}
	for _, sorted := range []bool{false, true} {
		w := sourcetest.NewWitness(t, "m")
		w.FailSelect = corrupt
		set := New(w, "default", 0).querier(0, 1e9).Select(t.Context(), sorted, nil, sourcetest.AnyMetric())
		if set.Next() {
			t.Error("a series of a set that could not be opened")
		}
		check(t, set.Err())

		w = sourcetest.NewWitness(t, "m")
		w.FailSet = corrupt
		set = New(w, "default", 0).querier(0, 1e9).Select(t.Context(), sorted, nil, sourcetest.AnyMetric())
		for set.Next() {
		}
		check(t, set.Err())
	}
	w := sourcetest.NewWitness(t, "m")
	w.FailRead = corrupt
	set := New(w, "default", 0).querier(0, 1e9).Select(t.Context(), false, nil, sourcetest.AnyMetric())
	set.Next()
	it := set.At().Iterator(nil)
	if it.Next() != chunkenc.ValNone {
		t.Error("a sample of a series that could not be read")
	}
	check(t, it.Err())
}

func TestErrorClasses(t *testing.T) {
	var canceled prom.ErrQueryCanceled
	var timeout prom.ErrQueryTimeout
	var ours prom.ErrStorage
	tests := map[string]struct {
		err  error
		want func(error) bool
	}{
		"canceled":  {context.Canceled, func(err error) bool { return errors.As(err, &canceled) }},
		"deadline":  {fmt.Errorf("x: %w", context.DeadlineExceeded), func(err error) bool { return errors.As(err, &timeout) }},
		"not ready": {series.ErrNotReady, func(err error) bool { return errors.Is(err, tsdb.ErrNotReady) && errors.Is(err, series.ErrNotReady) }},
		"overload":  {series.ErrOverload, func(err error) bool { return errors.Is(err, tsdb.ErrNotReady) }},
		"limit":     {series.ErrLimit, func(err error) bool { return err == series.ErrLimit }},
		"anything":  {errors.New("disk on fire"), func(err error) bool { return errors.As(err, &ours) }},
		"none":      {nil, func(err error) bool { return err == nil }},
	}
	for name, tt := range tests {
		if got := SourceError(tt.err); !tt.want(got) {
			t.Errorf("%s: got %#v", name, got)
		}
	}
}

func TestPartsShareTheLimit(t *testing.T) {
	whole := New(sourcetest.NewWitness(t), "default", 100)
	if part := whole.Share(4); part.limit != 25 || whole.limit != 100 {
		t.Errorf("a fourth of %d is %d", whole.limit, part.limit)
	}
	if part := New(sourcetest.NewWitness(t), "default", 0).Share(4); part.limit != 0 {
		t.Errorf("a fourth of no limit is %d", part.limit)
	}
}

func TestLabelLimits(t *testing.T) {
	w := sourcetest.NewWitness(t, "a", "b", "c")
	q := New(w, "default", 0).querier(0, 1e9)
	got, _, err := q.LabelValues(t.Context(), "__name__", &storage.LabelHints{Limit: 2})
	if err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v %v", got, err)
	}
}
