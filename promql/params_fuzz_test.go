package promql

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzParams: whatever a client asks, it is answered, and what is its own fault
// is not called ours.
func FuzzParams(f *testing.F) {
	for i := range fuzzPaths {
		f.Add(uint8(i), false, "query=up&time=4", "")
		f.Add(uint8(i), true, "match[]=up&limit=1", "start=0&end=60&step=15&query=sum(rate(up[5m]))&stats=all")
		f.Add(uint8(i), false, "query=up&start=1700000000000&end=1700000100000&step=1e9&timeout=1", "")
		f.Add(uint8(i), false, "match[]=%7Bx=~%22(%22%7D&start=-9223372036854775808&end=9223372036854775807&limit=-1&metric=x&limit_per_metric=1e9", "")
		f.Add(uint8(i), true, "query=up[1h:1ms]&step=0.0001&start=NaN&end=Inf&lookback_delta=1", "%zz;a=b")
	}
	a := testAPI(f, filled(f), func(o *Options) {
		o.MaxSamples, o.Timeout = 50_000, 2*time.Second
		o.Features = knownFeatures
	})
	a.engine.ForceParts = true
	h := a.Handler()
	f.Fuzz(func(t *testing.T, path uint8, isPost bool, query, body string) {
		target := &url.URL{Path: fuzzPaths[int(path)%len(fuzzPaths)], RawQuery: query}
		method := http.MethodGet
		if isPost {
			method = http.MethodPost
		}
		r := httptest.NewRequest(method, "/", strings.NewReader(body))
		r.URL = target
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError && !strings.Contains(w.Body.String(), `"errorType":"unavailable"`) {
			t.Errorf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
	})
}

var fuzzPaths = []string{
	"/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars", "/api/v1/format_query", "/api/v1/parse_query",
	"/api/v1/labels", "/api/v1/label/job/values", "/api/v1/label/U__a_20_b/values", "/api/v1/series", "/api/v1/metadata",
	"/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/targets/relabel_steps",
	"/api/v1/scrape_pools/config", "/api/v1/status/tsdb", "/api/v1/status/self_metrics", "/api/v1/search/metric_names",
	"/api/v1/admin/tsdb/delete_series", "/api/v1/admin/tsdb/snapshot", "/federate", "/api/v1/read",
}
