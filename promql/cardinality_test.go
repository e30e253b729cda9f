package promql

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

func TestCardinality(t *testing.T) {
	m := &seriestest.Memory{}
	now := time.Now().UnixMilli()
	for i := range 3 {
		appendOne(t, m, labels.FromStrings("__name__", "up", "job", fmt.Sprint("job", i)), now)
	}
	appendOne(t, m, labels.FromStrings("__name__", "x"), now)
	appendOne(t, m, labels.FromStrings("__name__", "old"), now-2*time.Hour.Milliseconds())
	var got struct {
		Data struct {
			HeadStats                                             struct{ NumSeries, NumLabelPairs int }
			SeriesCountByMetricName, LabelValueCountByLabelName   []map[string]any
			MemoryInBytesByLabelName, SeriesCountByLabelValuePair []map[string]any
		}
	}
	w := get(testAPI(t, m, nil).Handler(), "/api/v1/status/tsdb?limit=2")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	stat := func(name string, n float64) map[string]any { return map[string]any{"name": name, "value": n} }
	want := got
	want.Data.HeadStats.NumSeries, want.Data.HeadStats.NumLabelPairs = 4, 5
	want.Data.SeriesCountByMetricName = []map[string]any{stat("up", 3), stat("x", 1)}
	want.Data.LabelValueCountByLabelName = []map[string]any{stat("job", 3), stat("__name__", 2)}
	want.Data.MemoryInBytesByLabelName = []map[string]any{stat("job", 12), stat("__name__", 7)}
	want.Data.SeriesCountByLabelValuePair = []map[string]any{stat("__name__=up", 3), stat("__name__=x", 1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, w.Body)
	}
}

func appendOne(tb testing.TB, m *seriestest.Memory, ls labels.Labels, at int64) {
	tb.Helper()
	b := &series.Batch{Entries: []series.Entry{{Key: series.AppendKey(nil, ls), Samples: 1}}, Samples: []series.Sample{{T: at, V: 1}}}
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		tb.Fatal(err)
	}
}
