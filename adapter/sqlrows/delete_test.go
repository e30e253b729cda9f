package sqlrows

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql"
	"herringbone/sql/engine"
	"herringbone/sql/syntax"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// newDeleteRig has rows of jobs a, b and none, in files and in memory.
func newDeleteRig(t *testing.T) *rig {
	r := newRig(t, func(r *rig, o *engine.Options) { o.Delete = r.store.Delete })
	for i, job := range []string{"a", "b", ""} {
		ls := labels.FromStrings("__name__", "m", "job", job, "time", "late")
		r.write(point{ls, start, float64(i)}, point{ls, start + day, float64(i)})
	}
	r.flush()
	r.write(point{labels.FromStrings("__name__", "m", "job", "a"), start + 2*day, 9})
	r.write(point{labels.FromStrings("__name__", "other", "job", "a"), start, 9})
	return r
}

func (r *rig) rows() []string {
	r.t.Helper()
	return r.mustAsk(engine.Request{SQL: "SELECT job, count(*), any_value(label_time) FROM m GROUP BY job ORDER BY job"})
}

func TestSQLDelete(t *testing.T) {
	tests := map[string]struct {
		statement string
		want      []string
		hidden    string
	}{
		"a label's value":                 {"DELETE FROM m WHERE job = 'a'", []string{"b|2|late", "(null)|2|late"}, "3|hidden"},
		"not a value keeps what has none": {"DELETE FROM m WHERE job <> 'a'", []string{"a|3|late", "(null)|2|late"}, "2|hidden"},
		"what has none":                   {"DELETE FROM M WHERE job IS NULL;", []string{"a|3|late", "b|2|late"}, "2|hidden"},
		"a range":                         {"DELETE FROM m WHERE time < '2026-01-02'", []string{"a|2|late", "b|1|late", "(null)|1|late"}, "3|hidden"},
		"a label that goes by another name": {
			"DELETE FROM m WHERE label_time = 'late' AND job IN ('a', 'x') AND time >= '2026-01-02'", []string{"a|2|late", "b|2|late", "(null)|2|late"}, "1|hidden"},
		"all of a metric":   {"DELETE FROM metric.m WHERE true", nil, "7|hidden"},
		"of all metrics":    {"DELETE FROM samples WHERE job = 'a' AND __name__ <> 'x'", []string{"b|2|late", "(null)|2|late"}, "4|hidden"},
		"what cannot be":    {"DELETE FROM m WHERE job = ''", []string{"a|3|late", "b|2|late", "(null)|2|late"}, "0|purged"},
		"what there is not": {"DELETE FROM m WHERE job = 'z'", []string{"a|3|late", "b|2|late", "(null)|2|late"}, "0|purged"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newDeleteRig(t)
			plan := strings.Join(r.mustAsk(engine.Request{SQL: "EXPLAIN " + tt.statement}), "\n")
			if !strings.Contains(plan, "DeleteExec") {
				t.Error(plan)
			}
			if got := r.rows(); len(got) != 3 {
				t.Fatalf("EXPLAIN deleted: %v", got)
			}
			answer := r.mustAsk(engine.Request{SQL: tt.statement, Writes: true})
			if len(answer) != 1 || !strings.HasSuffix(answer[0], "|"+tt.hidden) {
				t.Errorf("%v, want %s", answer, tt.hidden)
			}
			if diff := gocmp.Diff(tt.want, r.rows()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSQLRefusedDelete(t *testing.T) {
	r := newDeleteRig(t)
	for statement, want := range map[string]string{
		"DELETE FROM m WHERE value > 3":                                 "conditions on labels",
		"DELETE FROM m WHERE value = 'x'":                               "value is no label",
		"DELETE FROM m WHERE nosuch = 'x'":                              "nosuch",
		"DELETE FROM nosuch WHERE true":                                 "there is no table",
		"DELETE FROM m WHERE time < 'garbage'":                          "garbage",
		"DELETE FROM m WHERE time < 5":                                  "Cannot compare",
		"DELETE FROM system.files WHERE true":                           "cannot be deleted",
		"DELETE FROM exemplars WHERE true":                              "cannot be deleted",
		"EXPLAIN ANALYZE DELETE FROM m WHERE true":                      "leave ANALYZE out",
		"DELETE FROM m WHERE job = 'a' AND time < now() - INTERVAL 'x'": "",
	} {
		_, err := r.ask(engine.Request{SQL: statement, Writes: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", statement, err, want)
		}
	}
	_, err := r.ask(engine.Request{SQL: "EXPLAIN DELETE FROM m WHERE nosuch = 'x'", Writes: true})
	if err == nil {
		t.Error("a column that is not there")
	}
	var at *syntax.Error
	if _, err := r.ask(engine.Request{SQL: " DELETE FROM m WHERE value = 'x'", Writes: true}); !errors.As(err, &at) || at.Position != 21 {
		t.Errorf("%v", err)
	}
	if got := r.rows(); len(got) != 3 {
		t.Errorf("something was deleted: %v", got)
	}
}

// What may delete: a POST, where the operator allows it.
func TestSQLDeleteOverHTTP(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		off    bool
		fails  bool
		code   int
		body   string
	}{
		"a POST":                  {method: http.MethodPost, code: http.StatusOK, body: "id,rows_hidden,state"},
		"a GET":                   {method: http.MethodGet, code: http.StatusMethodNotAllowed, body: "POST"},
		"a POST that is off":      {method: http.MethodPost, off: true, code: http.StatusForbidden, body: "--web.enable-admin-api"},
		"a store that is at work": {method: http.MethodPost, fails: true, code: http.StatusServiceUnavailable, body: "delete"},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			r := newRig(t, func(r *rig, o *engine.Options) {
				if !tt.off {
					o.Delete = func(_ context.Context, tenant series.Tenant, minT, maxT int64, matchers []*labels.Matcher) (catalog.Tombstone, error) {
						called = true
						if tt.fails {
							return catalog.Tombstone{}, series.ErrOverload
						}
						return catalog.Tombstone{ID: "x", Hidden: 5}, nil
					}
				}
			})
			r.write(point{labels.FromStrings("__name__", "m", "job", "a"), start, 1})
			h, err := sql.New(sql.Options{Engine: r.engine})
			if err != nil {
				t.Fatal(err)
			}
			q := url.Values{"query": {"DELETE FROM m WHERE job = 'a'"}, "format": {"csv"}}.Encode()
			req := httptest.NewRequest(tt.method, "/api/v1/sql?"+q, nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if called != (tt.code == http.StatusOK || tt.fails) {
				t.Errorf("the store was asked: %v", called)
			}
			for _, f := range []string{"json", "jsonl", "arrow", "parquet", "pretty"} {
				if tt.code != http.StatusOK {
					break
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(tt.method, "/api/v1/sql?"+strings.Replace(q, "csv", f, 1), nil))
				if w.Code != http.StatusOK {
					t.Errorf("%s: %d %s", f, w.Code, w.Body)
				}
			}
		})
	}
}
