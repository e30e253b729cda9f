package seriestest

import (
	"math"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/storage/series"
)

func write(t *testing.T, m *Memory, metric string, samples ...series.Sample) series.Written {
	t.Helper()
	w, err := m.Append(t.Context(), series.DefaultTenant, &series.Batch{
		Entries: []series.Entry{{Key: series.AppendKeyLabel(nil, "__name__", metric), Samples: int32(len(samples))}},
		Samples: samples,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func read(t *testing.T, m *Memory, minT, maxT int64) map[string]series.Samples {
	t.Helper()
	set, err := m.Select(t.Context(), series.DefaultTenant, series.Query{
		Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchNotEqual, "__name__", "")},
		MinT:     minT, MaxT: maxT,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	found := map[string]series.Samples{}
	for set.Next() {
		var s series.Samples
		if err := set.At().Read(&s); err != nil {
			t.Fatal(err)
		}
		found[set.At().Labels().Get("__name__")] = s
	}
	return found
}

func TestMemoryKeepsTheRuleForDuplicates(t *testing.T) {
	stale := math.Float64frombits(value.StaleNaN)
	m := &Memory{}
	write(t, m, "x", series.Sample{T: 30, V: 3}, series.Sample{T: 10, V: 1}, series.Sample{T: 10, V: 2})
	write(t, m, "x", series.Sample{T: 20, V: 9}, series.Sample{T: 30, V: stale}, series.Sample{T: 40, V: 4})
	got := read(t, m, 0, 35)["x"]
	if !slices.Equal(got.Times, []int64{10, 20, 30}) || !slices.Equal(got.Values, []float64{2, 9, 3}) {
		t.Errorf("got %v %v", got.Times, got.Values)
	}
}

func TestMemoryAnswersFromOneMoment(t *testing.T) {
	m := &Memory{}
	write(t, m, "x", series.Sample{T: 1})
	set, err := m.Select(t.Context(), series.DefaultTenant, series.Query{MaxT: 10})
	if err != nil {
		t.Fatal(err)
	}
	write(t, m, "x", series.Sample{T: 2})
	var s series.Samples
	set.Next()
	if err := set.At().Read(&s); err != nil || s.Len() != 1 {
		t.Errorf("%d samples, %v", s.Len(), err)
	}
}

func TestMemoryRejectsBadLabels(t *testing.T) {
	m := &Memory{}
	w, err := m.Append(t.Context(), series.DefaultTenant, &series.Batch{
		Entries: []series.Entry{{Key: series.AppendKeyLabel(nil, "a", "b"), Samples: 1}, {Key: series.AppendKeyLabel(nil, "__name__", "x"), Samples: 1}},
		Samples: []series.Sample{{T: 1, V: 1}, {T: 1, V: 2}},
	})
	if err != nil || w.Samples != 1 || len(w.Rejected) != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	if got := read(t, m, 0, 10); len(got) != 1 || got["x"].Values[0] != 2 {
		t.Errorf("got %v", got)
	}
}
