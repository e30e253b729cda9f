package promql

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/timestamp"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// wrongTimes are none that Prometheus could mean anything by; it takes them all.
var wrongTimes = []string{
	"1795362404000000000", "-1795362404000000000", "NaN", "Inf", "-Inf", "1e300", "-1e300", "9223372036854776", "9223309901257976",
}

func TestWrongTimes(t *testing.T) {
	h := testAPI(t, filled(t), nil).Handler()
	for target, names := range map[string][]string{
		"/api/v1/query?query=up":                    {"time"},
		"/api/v1/query_range?query=up&step=15":      {"start", "end"},
		"/api/v1/explain?query=up":                  {"time", "start", "end"},
		"/api/v1/series?match[]=up":                 {"start", "end"},
		"/api/v1/labels?x=y":                        {"start", "end"},
		"/api/v1/label/job/values?x=y":              {"start", "end"},
		"/api/v1/query_exemplars?query=lat&limit=1": {"start", "end"},
	} {
		for _, name := range names {
			for _, wrong := range wrongTimes {
				w := get(h, target+"&"+name+"="+wrong)
				if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), badData) ||
					!strings.Contains(w.Body.String(), name) || !strings.Contains(w.Body.String(), wrong) {
					t.Errorf("%s, %s=%s: %d %s", target, name, wrong, w.Code, w.Body)
				}
			}
		}
	}
}

// What Prometheus takes and means something by is taken here, with its meaning.
func TestTimesOfPrometheus(t *testing.T) {
	ms := func(t time.Time) int64 { return timestamp.FromTime(t) }
	for text, want := range map[string]int64{
		"0": 0, "-1.5": -1500, "1.25": 1250, "1e3": 1_000_000, "2026-01-01T00:00:00Z": 1767225600000,
		"2026-01-01T01:00:00.25+01:00":                   1767225600250,
		apiv1.MinTime.Format(time.RFC3339Nano):           ms(apiv1.MinTime),
		apiv1.MaxTime.Format(time.RFC3339Nano):           ms(apiv1.MaxTime),
		fmt.Sprintf("%.3f", secondsOf(apiv1.MinTime)):    ms(apiv1.MinTime), // As client_golang writes them.
		fmt.Sprintf("%.3f", secondsOf(apiv1.MaxTime)):    apiv1.MaxTime.Unix() * 1000,
		fmt.Sprint(time.UnixMilli(1795362404000).Unix()): 1795362404000,
	} {
		got, err := parseTime(text)
		if err != nil || ms(got) != want {
			t.Errorf("%s: %d, %v; want %d", text, ms(got), err, want)
		}
	}
	h := testAPI(t, filled(t), nil).Handler()
	whole := url.Values{"match[]": {"up"}, "start": {apiv1.MinTime.Format(time.RFC3339Nano)}, "end": {apiv1.MaxTime.Format(time.RFC3339Nano)}}
	if w := get(h, "/api/v1/series?"+whole.Encode()); w.Code != http.StatusOK || strings.Count(w.Body.String(), `"job"`) != 2 {
		t.Errorf("series of all times: %d %s", w.Code, w.Body)
	}
	if w := get(h, "/api/v1/query?query=up&time=soon"); w.Code != http.StatusBadRequest ||
		!strings.Contains(w.Body.String(), `invalid parameter \"time\": invalid time value for 'time': cannot parse \"soon\" to a valid timestamp`) {
		t.Errorf("no time at all: %d %s", w.Code, w.Body)
	}
}

func secondsOf(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }
