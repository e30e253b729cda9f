package compactor

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// busyNode has a bit of everything that a status shows.
func busyNode(t *testing.T) *testNode {
	y := newTestNode(t, func(o *Options) {
		o.DefaultKeep = 30 * hours
		o.Retention = []retention.Rule{{Matchers: compacttest.Selector(t, "__name__", "<b>"), Keep: 7 * hours}}
	})
	y.add(nil, y.on(40, 1))
	bad := y.add(func(f *catalog.File) { f.Partition = name(1) })[0]
	y.must(y.catalog.Quarantine(t.Context(), bad.ID, "page 3 <i>"))
	y.must(y.Expire(t.Context(), y.now))
	y.must(y.Settle(t.Context()))
	y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
		ID: "d", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", ".*"), MinT: math.MinInt64, MaxT: y.now.UnixMilli(), Created: 1, Hidden: 5,
	}}})
	return y
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestStatusAsJSON(t *testing.T) {
	y := busyNode(t)
	w := get(status.JSON(y.Status), "/api/v1/status/compactor")
	var got struct {
		Status string
		Data   status.Status
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Status != "success" || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	s := got.Data
	levels := []status.LevelRecord{{Level: 0, Kind: "samples", Files: 1, Bytes: 100, Rows: 10}, {Level: 2, Kind: "samples", Files: 1, Bytes: 100, Rows: 20}}
	if diff := cmp.Diff(levels, s.Levels); diff != "" {
		t.Errorf("levels: %s", diff)
	}
	if len(s.Recent) != 1 || len(s.Recent[0].Inputs) != 2 || len(s.Recent[0].Outputs) != 1 || s.Recent[0].Result != "done" {
		t.Errorf("jobs: %+v", s.Recent)
	}
	if len(s.Retention) != 2 || s.Retention[1].Rule != "default" || s.Retention[1].HiddenUntil == nil {
		t.Errorf("retention: %+v", s.Retention)
	}
	if len(s.Tombstones) != 1 || s.Tombstones[0].Start != nil || s.Tombstones[0].End == nil {
		t.Errorf("deletes: %+v", s.Tombstones)
	}
	if len(s.Quarantined) != 1 || s.LastSuccess[status.StepCompact].IsZero() || s.LastSuccess[status.StepExpire].IsZero() {
		t.Errorf("status: %+v", s)
	}
}

func TestStatusAsAPage(t *testing.T) {
	y := busyNode(t)
	w := get(status.Page(y.Status), "/compactor")
	page := w.Body.String()
	for _, want := range []string{"</html>", "page 3 &lt;i&gt;", "&lt;b&gt;", "2 files, 20 rows", `href="compactor.css"`, "merge"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self'") || strings.Contains(page, "<script") || strings.Contains(page, "style=") {
		t.Errorf("the page needs more than its policy %q allows", csp)
	}
	if css := get(status.PageStyle(), "/compactor.css"); !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") {
		t.Errorf("the style is %v", css.Header())
	}
}

func TestStatusOfNothing(t *testing.T) {
	y := newTestNode(t, nil)
	if w := get(status.JSON(y.Status), "/"); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "null") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(status.Page(y.Status), "/"); !strings.Contains(w.Body.String(), "</html>") {
		t.Errorf("the page is cut off: %s", w.Body)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	l := status.NewJournal()
	for i := range 3 * status.MaxHistory {
		l.End(l.Begin(plan.Job{Level: i}, time.Unix(0, 0)), merge.Result{}, "done", nil, 0)
	}
	var s status.Status
	l.Show(&s)
	if len(s.Recent) != status.MaxHistory || s.Recent[0].Level != 3*status.MaxHistory-1 || len(s.Running) != 0 {
		t.Errorf("%d jobs, the newest of level %d", len(s.Recent), s.Recent[0].Level)
	}
}

// receipts is a catalog's answers.
type receipts struct {
	list []catalog.Tombstone
	err  error
}

func (r receipts) Receipt(_ context.Context, id string) (catalog.Tombstone, error) {
	for _, t := range r.list {
		if t.ID == id {
			return t, r.err
		}
	}
	return catalog.Tombstone{}, errors.Join(catalog.ErrUnknown, r.err)
}

func (r receipts) Receipts(context.Context, int) ([]catalog.Tombstone, error) { return r.list, r.err }

func TestReceipts(t *testing.T) {
	all := receipts{list: []catalog.Tombstone{
		{ID: "2", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", "b"), MinT: 1000, MaxT: math.MaxInt64, Created: 2000, Hidden: 7},
		{ID: "1", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", "b"), MinT: 1000, MaxT: 2000, Created: 1000, Hidden: 7, Purged: 6, Rewritten: 3, Done: 9000},
		{ID: "0", Tenant: "other", Cause: catalog.Deleted, Created: 500},
		{ID: "e", Tenant: "default", Cause: catalog.Expired},
	}}
	hidden := `{"id":"2","tenant":"default","state":"hidden","matchers":"{a=~\"b\"}","start":"1970-01-01T00:00:01Z","end":null,` +
		`"created":"1970-01-01T00:00:02Z","done":null,"rows_hidden":7,"rows_purged":0,"files_rewritten":0}`
	purged := `{"id":"1","tenant":"default","state":"purged","matchers":"{a=~\"b\"}","start":"1970-01-01T00:00:01Z","end":"1970-01-01T00:00:02Z",` +
		`"created":"1970-01-01T00:00:01Z","done":"1970-01-01T00:00:09Z","rows_hidden":7,"rows_purged":6,"files_rewritten":3}`
	unknown := `{"status":"error","errorType":"not_found","error":"there is no delete with this id"}`
	overload := receipts{err: series.ErrOverload}
	tests := map[string]struct {
		from receipts
		path string
		code int
		want string
	}{
		"one that hides":            {all, "/2", 200, `{"status":"success","data":` + hidden + `}`},
		"one that is done":          {all, "/1", 200, `{"status":"success","data":` + purged + `}`},
		"another tenant's":          {all, "/0", 404, unknown},
		"one of retention":          {all, "/e", 404, unknown},
		"one that is not known":     {all, "/x", 404, unknown},
		"the list":                  {receipts{list: all.list[:3]}, "", 200, `{"status":"success","data":[` + hidden + `,` + purged + `]}`},
		"an empty list":             {receipts{}, "", 200, `{"status":"success","data":[]}`},
		"a catalog that is busy":    {overload, "", 503, `{"status":"error","errorType":"unavailable","error":"overloaded"}`},
		"a catalog that is damaged": {receipts{err: series.ErrCorrupt}, "", 500, `{"status":"error","errorType":"internal","error":"corrupt"}`},
	}
	tenant := func(*http.Request) (series.Tenant, error) { return "default", nil }
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := get(status.Deletes(tt.from, tenant), "/api/v1/admin/deletes"+tt.path)
			if w.Code != tt.code || strings.TrimSpace(w.Body.String()) != tt.want {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	t.Run("nobody's", func(t *testing.T) {
		w := get(status.Deletes(all, func(*http.Request) (series.Tenant, error) { return "", errTest }), "/api/v1/admin/deletes/1")
		if w.Code != 400 || !strings.Contains(w.Body.String(), "bad_data") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// Samples that a job made aggregates of, and left where they are, are not said
// to be dropped.
func TestDroppedAndAggregatedAreTwoFigures(t *testing.T) {
	y := newTestNode(t, nil)
	y.Compactor.metrics.ran(plan.Job{}, merge.Result{Dropped: 3, Aggregated: 40}, "done", time.Second)
	for what, want := range map[string]float64{"dropped": 3, "aggregated": 40} {
		if got := testutil.ToFloat64(y.Compactor.metrics.rows.WithLabelValues(what)); got != want {
			t.Errorf("%v rows %s, want %v", got, what, want)
		}
	}
	y.journal.End(y.journal.Begin(plan.Job{}, y.now), merge.Result{Dropped: 3, Aggregated: 40}, "done", nil, time.Second)
	if r := y.Status().Recent[0]; r.Dropped != 3 || r.Aggregated != 40 {
		t.Errorf("in the history: %d dropped, %d aggregated", r.Dropped, r.Aggregated)
	}
	w := httptest.NewRecorder()
	status.Page(y.Status).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !strings.Contains(w.Body.String(), "3 dropped, 40 aggregated") {
		t.Error("the page does not tell them apart")
	}
}
