package promql

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

func TestFederation(t *testing.T) {
	now := time.Now().UnixMilli()
	m := &seriestest.Memory{}
	appendOne(t, m, labels.FromStrings("__name__", "up", "job", "a"), now-1000)
	appendOne(t, m, labels.FromStrings("__name__", "up", "instance", "i"), now-2000)
	appendOne(t, m, labels.FromStrings("__name__", "old"), now-10*60_000)
	b := &series.Batch{
		Entries: []series.Entry{
			{Key: series.AppendKeyLabel(nil, "__name__", "ended"), Samples: 2},
			{Key: series.AppendKeyLabel(nil, "__name__", "native"), Histograms: 1},
			{Key: series.AppendKeyLabel(nil, "__name__", "custom"), Histograms: 1},
		},
		Samples: []series.Sample{{T: now - 2000, V: 1}, {T: now - 1000, V: math.Float64frombits(value.StaleNaN)}},
		Histograms: []series.Histogram{
			{T: now - 1000, H: &histogram.Histogram{Count: 2, Sum: 3, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{2}}},
			{T: now - 1000, H: &histogram.Histogram{
				Schema: histogram.CustomBucketsSchema, Count: 3, Sum: 4, CustomValues: []float64{1, 2},
				PositiveSpans: []histogram.Span{{Length: 3}}, PositiveBuckets: []int64{1, 0, 0},
			}},
		},
	}
	if _, err := m.Append(t.Context(), series.DefaultTenant, b); err != nil {
		t.Fatal(err)
	}
	h := testAPI(t, m, nil).Handler()

	const target = "/federate?match[]=%7B__name__!=%22%22%7D&match[]=up"
	want := fmt.Sprintf(`# TYPE custom histogram
custom_bucket{instance="",le="1.0"} 1 %[1]d
custom_bucket{instance="",le="2.0"} 2 %[1]d
custom_bucket{instance="",le="+Inf"} 3 %[1]d
custom_sum{instance=""} 4 %[1]d
custom_count{instance=""} 3 %[1]d
# TYPE up untyped
up{instance="i"} 1 %[2]d
up{job="a",instance=""} 1 %[1]d
`, now-1000, now-2000)
	w := get(h, target)
	if diff := cmp.Diff(want, strings.ReplaceAll(strings.ReplaceAll(w.Body.String(), `le="1"`, `le="1.0"`), `le="2"`, `le="2.0"`)); diff != "" || w.Code != 200 {
		t.Errorf("%d (-want +got):\n%s", w.Code, diff)
	}

	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	p := httptest.NewRecorder()
	h.ServeHTTP(p, r)
	var names []string
	for decoder := expfmt.NewDecoder(p.Body, expfmt.NewFormat(expfmt.TypeProtoDelim)); ; {
		var f dto.MetricFamily
		if decoder.Decode(&f) != nil {
			break
		}
		names = append(names, fmt.Sprint(f.GetName(), " ", f.GetType(), " ", len(f.Metric)))
	}
	if diff := cmp.Diff([]string{"custom HISTOGRAM 1", "native HISTOGRAM 1", "up UNTYPED 2"}, names); diff != "" {
		t.Error(diff)
	}

	if w := get(h, "/federate?match[]=%7B"); w.Code != 400 {
		t.Errorf("bad selector: %d", w.Code)
	}
	if w := get(h, "/federate"); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("no selector: %d %s", w.Code, w.Body)
	}
}

func TestFederationErrors(t *testing.T) {
	for err, code := range map[error]int{series.ErrNotReady: 503, series.ErrCorrupt: 500, series.ErrLimit: 429} {
		w := sourcetest.NewWitness(t)
		appendOne(t, w.Memory, labels.FromStrings("__name__", "up"), time.Now().UnixMilli())
		w.FailRead = fmt.Errorf("file 7: %w", err)
		got := get(testAPI(t, w, nil).Handler(), "/federate?match[]=up")
		if got.Code != code || !strings.Contains(got.Body.String(), "file 7") {
			t.Errorf("%v: %d %s", err, got.Code, got.Body)
		}
	}
}
