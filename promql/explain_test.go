package promql

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"herringbone/promql/engine"
)

func explain(t *testing.T, h http.Handler, form url.Values) (e engine.Explained) {
	t.Helper()
	w := get(h, "/api/v1/explain?"+form.Encode())
	var answer struct {
		Status string
		Data   *engine.Explained
	}
	answer.Data = &e
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.Status != "success" {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return e
}

func TestExplainInstant(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	e := explain(t, h, url.Values{"query": {`sum by (job) (rate(up[1m])) + on (job) up{job="a"}`}, "time": {"100"}})
	reads := func(series, samples int64) *engine.PlanReads {
		return &engine.PlanReads{Selects: 1, SeriesInMemory: series, SamplesReturned: samples}
	}
	name := `__name__="up"`
	want := &engine.PlanNode{Type: "binary", Expr: `sum by (job) (rate(up[1m])) + on (job) up{job="a"}`, Children: []*engine.PlanNode{
		{Type: "aggregate", Expr: `sum by (job) (rate(up[1m]))`, Children: []*engine.PlanNode{
			{Type: "call", Expr: `rate(up[1m])`, Children: []*engine.PlanNode{
				{
					Type: "range_selector", Expr: `up[1m]`, Matchers: []string{name}, Storage: reads(2, 8),
					MinTime: "1970-01-01T00:00:40.001Z", MaxTime: "1970-01-01T00:01:40.000Z",
				},
			}},
		}},
		{
			Type: "selector", Expr: `up{job="a"}`, Matchers: []string{`job="a"`, name}, Storage: reads(1, 7),
			MinTime: "1969-12-31T23:55:00.001Z", MaxTime: "1970-01-01T00:01:40.000Z",
		},
	}}
	want.Children[1].MinTime = e.Plan.Children[1].MinTime // The lookback is the engine's affair.
	if diff := cmp.Diff(want, e.Plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	got := e.Totals
	if len(got.Infos) != 1 || !strings.Contains(got.Infos[0], "might not be a counter") || !strings.Contains(e.Text, got.Infos[0]) {
		t.Errorf("infos %q in\n%s", got.Infos, e.Text)
	}
	got.Infos = nil
	if got.Seconds <= 0 || got.Samples == 0 || got.PeakSamples == 0 {
		t.Errorf("totals %+v", got)
	}
	got.Seconds, got.QueuedSeconds, got.Samples, got.PeakSamples = 0, 0, 0, 0
	wantTotals := engine.ExplainTotals{
		PlanReads: engine.PlanReads{Selects: 2, SeriesInMemory: 3, SamplesReturned: 15},
		Series:    1, Points: 1, Parts: 1, Whole: "it is an instant query",
	}
	if diff := cmp.Diff(wantTotals, got, cmp.AllowUnexported(engine.ExplainTotals{})); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	text := get(h, "/api/v1/explain?format=text&time=100&query=sum(up)")
	for _, line := range []string{"aggregate: sum(up)\n  selector: up\n    matchers: __name__=\"up\"\n", "series: 2 in memory, 0 in files", "instant query at 1970-01-01T00:01:40.000Z", "result: 1 series, 1 points"} {
		if !strings.Contains(text.Body.String(), line) || text.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("no %q in %v\n%s", line, text.Header(), text.Body)
		}
	}
}

func TestExplainRange(t *testing.T) {
	a := testAPI(t, filled(t), nil)
	a.engine.ForceParts = true
	a.engine.Parts = 2
	form := url.Values{"query": {"sum(up)"}, "start": {"0"}, "end": {"870"}, "step": {"15"}}
	whole := form
	e := explain(t, a.Handler(), form)
	if e.Totals.Parts != 2 || e.Totals.Whole != "" || e.Plan.Children[0].Storage.Selects != 2 || e.Totals.Series != 1 || e.Totals.Points != 59 {
		t.Errorf("totals %+v, selector %+v", e.Totals, e.Plan.Children[0].Storage)
	}
	if !strings.Contains(e.Text, "59 steps of 15s") || !strings.Contains(e.Text, "evaluated in 2 parts") {
		t.Error(e.Text)
	}
	// Of the parts together, every sample was returned at least once.
	if e.Totals.SamplesReturned < 80 || e.Plan.Children[0].MaxTime != "1970-01-01T00:14:30.000Z" {
		t.Errorf("totals %+v, selector %+v", e.Totals, e.Plan.Children[0])
	}
	for query, why := range map[string]string{
		`{job="a"}`:      `because of {job="a"}`,
		"-up + (up @ 5)": "because of up @ 5",
	} {
		whole.Set("query", query)
		e := explain(t, a.Handler(), whole)
		if e.Totals.Parts != 1 || !strings.Contains(e.Totals.Whole, why) || !strings.Contains(e.Text, "evaluated as a whole") {
			t.Errorf("%s: %+v", query, e.Totals)
		}
	}
	short := url.Values{"query": {"up"}, "start": {"0"}, "end": {"30"}, "step": {"15"}}
	if e := explain(t, a.Handler(), short); !strings.Contains(e.Totals.Whole, "too short") {
		t.Errorf("%+v", e.Totals)
	}
}

// Errors are those of query and query_range, to the byte.
func TestExplainErrorsAreTheQuerys(t *testing.T) {
	h := testAPI(t, filled(t), func(o *Options) { o.MaxSamples = 30 }).Handler()
	for _, tt := range []struct{ path, params string }{
		{"query", "query=up("},
		{"query", "query=up&time=x"},
		{"query", "query=up&timeout=x"},
		{"query", "query=sum(up[10m:1ms])&time=100"},
		{"query", "query=rate(up[10m])&time=600"},
		{"query", "query=x[1y:1ms]"},
		{"query_range", "query=up&start=0&end=10"},
		{"query_range", "query=up&start=10&end=0&step=1"},
		{"query_range", "query=up&start=0&end=100000&step=1"},
		{"query_range", "query=up&start=0&end=600&step=1"},
	} {
		want, got := get(h, "/api/v1/"+tt.path+"?"+tt.params), get(h, "/api/v1/explain?"+tt.params)
		if want.Code == 200 || got.Code != want.Code || got.Body.String() != want.Body.String() {
			t.Errorf("%s: %d %s, want %d %s", tt.params, got.Code, got.Body, want.Code, want.Body)
		}
	}
	if w := get(h, "/api/v1/explain?query=up&time=1&step=1"); w.Code != 400 || !strings.Contains(w.Body.String(), "bad_data") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	form := url.Values{"query": {"up"}, "time": {"60"}, "verbose": {"1"}}
	if w := post(h, "/api/v1/explain", form); w.Code != 200 || !strings.Contains(w.Body.String(), `"type":"selector"`) {
		t.Errorf("POST: %d %s", w.Code, w.Body)
	}
}
