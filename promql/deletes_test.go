package promql

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"

	"herringbone/storage/series"
)

const deleteTarget = "/api/v1/admin/tsdb/delete_series"

// deletable serves deletes and tells of each the range it was asked for.
func deletable(t *testing.T) (http.Handler, *[][2]int64) {
	t.Helper()
	var ranges [][2]int64
	h := testAPI(t, filled(t), func(o *Options) {
		o.Delete = func(_ context.Context, _ series.Tenant, minT, maxT int64, _ []*labels.Matcher) (string, error) {
			ranges = append(ranges, [2]int64{minT, maxT})
			return "id", nil
		}
	}).Handler()
	return h, &ranges
}

// A delete that is refused has deleted nothing, whatever else it names.
func TestRefusedDelete(t *testing.T) {
	tests := map[string]struct {
		form url.Values
		want []string // Parts of the error.
	}{
		"second selector cannot be read": {url.Values{"match[]": {"up", "{"}}, []string{"match[]", "{"}},
		"second selects everything":      {url.Values{"match[]": {"up", "{}"}}, []string{"match[]", "empty string"}},
		"second matches the empty":       {url.Values{"match[]": {"up", `{x=""}`}}, []string{"match[]", `x=`, "empty string"}},
		"everything":                     {url.Values{"match[]": {"{}"}}, []string{"match[]"}},
		"not UTF-8":                      {url.Values{"match[]": {"up", `{x="\xff"}`}}, []string{"match[]", "UTF-8"}},
		"backwards":                      {url.Values{"match[]": {"up"}, "start": {"2"}, "end": {"1"}}, []string{"end", "1", "before start"}},
		"start is no time":               {url.Values{"match[]": {"up"}, "start": {"soon"}}, []string{"start", "soon"}},
		"end is no time":                 {url.Values{"match[]": {"up"}, "end": {"soon"}}, []string{"end", "soon"}},
		"nothing":                        {url.Values{}, []string{"match[]"}},
	}
	for _, wrong := range wrongTimes {
		for _, name := range []string{"start", "end"} {
			tests[name+"="+wrong] = struct {
				form url.Values
				want []string
			}{url.Values{"match[]": {"up"}, name: {wrong}}, []string{name, wrong}}
		}
	}
	h, ranges := deletable(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for where, w := range map[string]*httptest.ResponseRecorder{
				"body": post(h, deleteTarget, tt.form), "URL": post(h, deleteTarget+"?"+tt.form.Encode(), nil),
			} {
				if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"errorType":"bad_data"`) {
					t.Errorf("in the %s: %d %s", where, w.Code, w.Body)
				}
				for _, part := range tt.want {
					if !strings.Contains(w.Body.String(), part) {
						t.Errorf("in the %s: %s does not say %s", where, w.Body, part)
					}
				}
			}
			if len(*ranges) > 0 {
				t.Fatalf("deleted %v", *ranges)
			}
		})
	}
}

func TestDeletedRange(t *testing.T) {
	h, ranges := deletable(t)
	minTime, maxTime := apiv1.MinTime.UnixMilli(), apiv1.MaxTime.UnixMilli()
	for _, form := range []url.Values{
		{"match[]": {"up"}}, {"match[]": {"up"}, "start": {"1"}, "end": {"1"}}, {"match[]": {"up"}, "start": {""}, "end": {"-5"}},
		{"match[]": {`{job=~".+",x=""}`}, "start": {"1970-01-01T00:00:02Z"}},
	} {
		if w := post(h, deleteTarget, form); w.Code != http.StatusNoContent {
			t.Errorf("%v: %d %s", form, w.Code, w.Body)
		}
	}
	if diff := cmp.Diff([][2]int64{{minTime, maxTime}, {1000, 1000}, {minTime, -5000}, {2000, maxTime}}, *ranges); diff != "" {
		t.Error(diff)
	}
}
