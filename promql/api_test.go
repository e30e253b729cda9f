package promql

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/promql/sourcetest"
	"herringbone/storage/series"
	"herringbone/storage/series/seriestest"
)

// testAPI serves w with Prometheus' limits, changed by change.
func testAPI(tb testing.TB, source series.Source, change func(*Options)) *API {
	tb.Helper()
	o := DefaultOptions()
	o.Source = source
	if m, ok := source.(series.ExemplarSource); ok {
		o.Exemplars = m
	}
	if m, ok := source.(series.MetadataSource); ok {
		o.Metadata = m
	}
	o.Build = Build{Version: "1.2.3", Revision: "abc"}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// filled holds up{job} at 0, 15, 30 s …, and a histogram, an exemplar and metadata.
func filled(tb testing.TB) *seriestest.Memory {
	tb.Helper()
	m := &seriestest.Memory{}
	b := &series.Batch{Metadata: []series.Metadata{
		{Metric: "up", Type: "gauge", Help: "Whether <it> is up."},
		{Metric: "lat", Type: "histogram", Help: "Latency.", Unit: "seconds"},
	}}
	for _, job := range []string{"a", "b"} {
		key := series.AppendKey(nil, labels.FromStrings("__name__", "up", "job", job))
		b.Entries = append(b.Entries, series.Entry{Key: key, Samples: 40})
		for i := range 40 {
			b.Samples = append(b.Samples, series.Sample{T: int64(i) * 15000, V: float64(i)})
		}
	}
	b.Entries = append(b.Entries, series.Entry{
		Key:        series.AppendKey(nil, labels.FromStrings("__name__", "lat", "job", "a")),
		Histograms: 1, Exemplars: 1,
	})
	b.Histograms = []series.Histogram{{T: 60000, H: &histogram.Histogram{
		Count: 3, Sum: 4.5, ZeroThreshold: 0.001, ZeroCount: 1,
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []int64{2},
	}}}
	b.Exemplars = []series.Exemplar{{T: 60479, V: 0.6, Labels: labels.FromStrings("trace_id", "x")}}
	if _, err := m.Append(context.Background(), series.DefaultTenant, b); err != nil {
		tb.Fatal(err)
	}
	return m
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

func post(h http.Handler, target string, form url.Values) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h.ServeHTTP(w, r)
	return w
}

func TestPostIsLikeGet(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	for target, form := range map[string]url.Values{
		"/api/v1/query":           {"query": {"up"}, "time": {"60"}},
		"/api/v1/query_range":     {"query": {"up"}, "start": {"0"}, "end": {"60"}, "step": {"15"}},
		"/api/v1/query_exemplars": {"query": {"lat"}},
		"/api/v1/labels":          {"match[]": {"lat"}},
		"/api/v1/series":          {"match[]": {"lat", "up"}},
		"/api/v1/format_query":    {"query": {"up"}},
		"/api/v1/parse_query":     {"query": {"up"}},
	} {
		a, b := get(h, target+"?"+form.Encode()), post(h, target, form)
		if a.Code != 200 || b.Code != 200 || a.Body.String() != b.Body.String() {
			t.Errorf("%s: GET %d %s, POST %d %s", target, a.Code, a.Body, b.Code, b.Body)
		}
	}
	// Grafana puts a data source's custom parameters into the URL.
	if w := post(h, "/api/v1/query?limit=1", url.Values{"query": {"up"}, "time": {"60"}}); !strings.Contains(w.Body.String(), "truncated") {
		t.Errorf("URL parameter of a POST ignored: %s", w.Body)
	}
}

func TestStats(t *testing.T) {
	for name, steps := range map[string]int{"whole": 3, "split": 59} {
		t.Run(name, func(t *testing.T) {
			a := testAPI(t, filled(t), nil)
			a.engine.ForceParts = true
			target := fmt.Sprintf("/api/v1/query_range?query=sum(up)&start=0&end=%d&step=15&stats=all", (steps-1)*15)
			var got struct {
				Data struct {
					Stats struct {
						Timings map[string]float64
						Samples map[string]any
					}
				}
			}
			if err := json.Unmarshal(get(a.Handler(), target).Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if n := testutil.ToFloat64(a.engine.Metrics.Split); n == 0 && steps > 3 && runtime.GOMAXPROCS(0) > 1 {
				t.Error("not split")
			}
			samples := got.Data.Stats.Samples
			if n := samples["totalQueryableSamples"]; n != float64(2*steps) {
				t.Errorf("%v samples, want %d", n, 2*steps)
			}
			if n := len(samples["totalQueryableSamplesPerStep"].([]any)); n != steps {
				t.Errorf("%d steps, want %d", n, steps)
			}
			for _, timing := range []string{"evalTotalTime", "resultSortTime", "innerEvalTime", "execQueueTime", "execTotalTime"} {
				if got.Data.Stats.Timings[timing] <= 0 {
					t.Errorf("no %s: %v", timing, got.Data.Stats.Timings)
				}
			}
		})
	}
}

func TestBuildInfoHasNoFeatures(t *testing.T) {
	var got struct{ Data map[string]any }
	if err := json.Unmarshal(get(testAPI(t, filled(t), nil).Handler(), "/api/v1/status/buildinfo").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if _, ok := got.Data["features"]; ok || got.Data["version"] != "1.2.3" || got.Data["goVersion"] == "" {
		t.Errorf("got %v", got.Data)
	}
}

func TestRuntimeInfo(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.Retention = "15d" }).Handler()
	if w := get(h, "/api/v1/status/runtimeinfo"); w.Code != 200 || !strings.Contains(w.Body.String(), `"storageRetention":"15d"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSourceErrorStatus(t *testing.T) {
	tests := map[string]struct {
		err  error
		code int
		kind string
	}{
		"damage":    {fmt.Errorf("file default/7.parquet: bad checksum: %w", series.ErrCorrupt), 500, "internal"},
		"not ready": {fmt.Errorf("replaying: %w", series.ErrNotReady), 503, "unavailable"},
		"overload":  {fmt.Errorf("too much: %w", series.ErrOverload), 503, "unavailable"},
		"limit":     {fmt.Errorf("too many series: %w", series.ErrLimit), 429, "execution"},
		"unknown":   {errors.New("disk on fire"), 500, "internal"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := sourcetest.NewWitness(t, "up")
			w.FailSelect = tt.err
			h := testAPI(t, w, nil).Handler()
			for _, target := range []string{
				"/api/v1/query?query=up&time=4",
				"/api/v1/query_range?query=up&start=0&end=36000&step=60",
				"/api/v1/series?match[]=up",
				"/api/v1/status/tsdb",
			} {
				got := get(h, target)
				var body struct{ ErrorType, Error string }
				if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
					t.Fatalf("%s: %v", target, err)
				}
				if got.Code != tt.code || body.ErrorType != tt.kind || !strings.Contains(body.Error, tt.err.Error()) {
					t.Errorf("%s: %d %+v", target, got.Code, body)
				}
			}
		})
	}
}

func TestReadErrorIsNotSwallowed(t *testing.T) {
	w := sourcetest.NewWitness(t, "up")
	w.FailRead = fmt.Errorf("file default/7.parquet: page 3: %w", series.ErrCorrupt)
	h := testAPI(t, w, nil).Handler()
	for _, q := range []string{"up", "rate(up[1m])", "timestamp(up)", "sum(up)", "up+up", "max_over_time(up[5m:1m])"} {
		got := get(h, "/api/v1/query?time=60&query="+url.QueryEscape(q))
		if got.Code != 500 || !strings.Contains(got.Body.String(), "default/7.parquet: page 3") {
			t.Errorf("%s: %d %s", q, got.Code, got.Body)
		}
	}
}

func TestReady(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) {
		o.Ready = func() error { return fmt.Errorf("replaying segment 3 of 9: %w", series.ErrNotReady) }
		o.Replay = func() (int, int, int) { return 1, 9, 3 }
	}).Handler()
	for _, target := range []string{"/api/v1/query?query=1", "/api/v1/metadata", "/api/v1/status/tsdb", "/federate"} {
		w := get(h, target)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "segment 3 of 9") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := get(h, "/api/v1/status/walreplay"); !strings.Contains(w.Body.String(), `{"min":1,"max":9,"current":3}`) {
		t.Errorf("progress is hidden: %s", w.Body)
	}
}

func TestTenantOfRequest(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) {
		o.Tenant = func(r *http.Request) (series.Tenant, error) {
			id := r.Header.Get("X-Scope-OrgID")
			if id == "" {
				return "", errors.New("no tenant")
			}
			return series.ParseTenant(id)
		}
	}).Handler()
	for id, want := range map[string]string{
		"default": `200 {"status":"success","data":["lat","up"]}`,
		"other":   `200 {"status":"success","data":[]}`,
		"":        `401 {"status":"error","errorType":"bad_data","error":"no tenant"}`,
		"../x":    `400 {"status":"error","errorType":"bad_data","error":"tenant`,
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/label/__name__/values", nil)
		r.Header.Set("X-Scope-OrgID", id)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := fmt.Sprint(w.Code, " ", w.Body); !strings.HasPrefix(got, want) {
			t.Errorf("tenant %q: %s", id, got)
		}
	}
	preflight := httptest.NewRecorder()
	h.ServeHTTP(preflight, httptest.NewRequest(http.MethodOptions, "/api/v1/query", nil))
	if preflight.Code != http.StatusNoContent {
		t.Errorf("preflight without a tenant: %d", preflight.Code)
	}
}

func TestCompression(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	for _, target := range []string{"/api/v1/query?query=up&time=60", "/api/v1/metadata"} {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		b, err := io.ReadAll(z)
		if err != nil || !strings.HasPrefix(string(b), `{"status":"success"`) || w.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %s %v", target, b, err)
		}
	}
}

func TestCORS(t *testing.T) {
	tests := map[string]struct{ origins, want string }{
		"any":     {"", "*"},
		"one":     {"https?://(x|y)\\.test", "http://x.test"},
		"another": {"http://z\\.test", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := testAPI(t, filled(t), func(o *Options) { o.CORSOrigin = tt.origins }).Handler()
			for _, target := range []string{"/api/v1/query?query=1", "/api/v1/metadata", "/api/v1/status/walreplay"} {
				r := httptest.NewRequest(http.MethodGet, target, nil)
				r.Header.Set("Origin", "http://x.test")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if got := w.Header().Get("Access-Control-Allow-Origin"); got != tt.want {
					t.Errorf("%s: origin %q, want %q", target, got, tt.want)
				}
			}
			r := httptest.NewRequest(http.MethodOptions, "/api/v1/metadata", nil)
			r.Header.Set("Origin", "http://x.test")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Methods") == "" {
				t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
			}
		})
	}
}

func TestDeleteSeries(t *testing.T) {
	type deleted struct {
		tenant     series.Tenant
		minT, maxT int64
		matchers   string
	}
	var got []deleted
	admin := testAPI(t, filled(t), func(o *Options) {
		o.Delete = func(_ context.Context, tenant series.Tenant, minT, maxT int64, ms []*labels.Matcher) (string, error) {
			got = append(got, deleted{tenant, minT, maxT, fmt.Sprint(ms)})
			return fmt.Sprint("r", len(got)), nil
		}
	}).Handler()
	const target = "/api/v1/admin/tsdb/delete_series?match[]=up&start=1&end=2.5"
	if w := post(admin, target, nil); w.Code != http.StatusNoContent {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff([]deleted{{"default", 1000, 2500, `[__name__="up"]`}}, got, cmp.AllowUnexported(deleted{})); diff != "" {
		t.Error(diff)
	}
	if w := post(testAPI(t, filled(t), nil).Handler(), target, nil); w.Code != 500 || !strings.Contains(w.Body.String(), "admin APIs disabled") {
		t.Errorf("admin off: %d %s", w.Code, w.Body)
	}
	if w := post(admin, "/api/v1/admin/tsdb/snapshot", nil); w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "not supported") {
		t.Errorf("snapshot: %d %s", w.Code, w.Body)
	}
}

func TestSampleLimit(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.MaxSamples = 10 }).Handler()
	w := get(h, "/api/v1/query_range?query=up&start=0&end=600&step=15")
	if w.Code != 422 || !strings.Contains(w.Body.String(), "too many samples") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestInvalidOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no source":       func(o *Options) { o.Source = nil },
		"no concurrency":  func(o *Options) { o.MaxConcurrency = 0 },
		"no time":         func(o *Options) { o.Timeout = 0 },
		"unknown feature": func(o *Options) { o.Features = []string{"x"} },
		"bad origin":      func(o *Options) { o.CORSOrigin = "(" },
	} {
		o := DefaultOptions()
		o.Source = &seriestest.Memory{}
		change(&o)
		if _, err := New(o); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigText(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.Config = func() string { return "a: 1\n" } }).Handler()
	if w := get(h, "/api/v1/status/config"); w.Body.String() != `{"status":"success","data":{"yaml":"a: 1\n"}}` {
		t.Errorf("got %s", w.Body)
	}
}

func TestMetadataPerMetric(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.Metadata = manyMeanings{} }).Handler()
	w := get(h, "/api/v1/metadata?limit_per_metric=1")
	if want := `{"status":"success","data":{"x":[{"type":"gauge","unit":"","help":""}]}}`; w.Body.String() != want {
		t.Errorf("got %s", w.Body)
	}
}

type manyMeanings struct{}

func (manyMeanings) Metadata(context.Context, series.Tenant, string) ([]series.Metadata, error) {
	return []series.Metadata{{Metric: "x", Type: "gauge"}, {Metric: "x", Type: "counter"}}, nil
}

// TestConcurrencyIsGivenBack: more queries than slots, one after the other.
func TestConcurrencyIsGivenBack(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.MaxConcurrency, o.Timeout = 1, 5*time.Second }).Handler()
	for _, q := range []string{"up", "bad(", "up + on() up", "up"} {
		if w := get(h, "/api/v1/query?query="+url.QueryEscape(q)); w.Code == http.StatusServiceUnavailable {
			t.Errorf("%s: %s", q, w.Body)
		}
	}
}
