package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDifference(t *testing.T) {
	vector := func(results string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + results + `]}}`
	}
	list := func(items string) string { return `{"status":"success","data":[` + items + `]}` }
	a := `{"metric":{"x":"1","y":"2"},"value":[10,"1"]}`
	b := `{"metric":{"x":"2"},"value":[10,"NaN"]}`
	tests := map[string]struct {
		left, right string
		same        bool
	}{
		"equal":                         {vector(a), vector(a), true},
		"order of series and labels":    {vector(a + "," + b), vector(b + "," + `{"value":[10,"1"],"metric":{"y":"2","x":"1"}}`), true},
		"last digits of a sum":          {vector(a), vector(strings.Replace(a, `"1"]`, `"1.0000000001"]`, 1)), true},
		"more than last digits":         {vector(a), vector(strings.Replace(a, `"1"]`, `"1.00000001"]`, 1)), false},
		"number against NaN":            {vector(a), vector(strings.Replace(a, `"1"]`, `"NaN"]`, 1)), false},
		"number against infinity":       {vector(a), vector(strings.Replace(a, `"1"]`, `"+Inf"]`, 1)), false},
		"time":                          {vector(a), vector(strings.Replace(a, `[10,`, `[11,`, 1)), false},
		"label":                         {vector(a), vector(strings.Replace(a, `"y"`, `"z"`, 1)), false},
		"series missing":                {vector(a + "," + b), vector(a), false},
		"series too many":               {vector(a), vector(a + "," + b), false},
		"nothing and nothing":           {vector(""), vector(""), true},
		"lists in any order":            {list(`"a","b"`), list(`"b","a"`), true},
		"lists that differ":             {list(`"a","b"`), list(`"a"`), false},
		"label sets in any order":       {list(`{"a":"1"},{"b":"2"}`), list(`{"b":"2"},{"a":"1"}`), true},
		"one label set of two":          {list(`{"a":"1"},{"b":"2"}`), list(`{"b":"2"}`), false},
		"matrix with a point missing":   {matrix(`[1,"1"],[2,"2"]`), matrix(`[1,"1"]`), false},
		"matrix with a point changed":   {matrix(`[1,"1"],[2,"2"]`), matrix(`[1,"1"],[2,"3"]`), false},
		"matrix of the same points":     {matrix(`[1,"1"],[2.5,"2"]`), matrix(`[1,"1"],[2.50,"2.0"]`), true},
		"label value that needs quotes": {list(`{"a":"1\",b=\"2"}`), list(`{"a":"1","b":"2"}`), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			left, err := parseAnswer([]byte(tt.left))
			if err != nil {
				t.Fatal(err)
			}
			right, err := parseAnswer([]byte(tt.right))
			if err != nil {
				t.Fatal(err)
			}
			if d := difference(left, right); (d == "") != tt.same {
				t.Errorf("difference is %q", d)
			}
			if d := difference(right, left); (d == "") != tt.same {
				t.Errorf("the other way round it is %q", d)
			}
		})
	}
}

func matrix(points string) string {
	return `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"x":"1"},"values":[` + points + `]}]}}`
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `<html>`, `{"status":"error","error":"too many samples"}`, `{"status":"success","data":[1]}`,
		`{"status":"success","data":{"resultType":"string","result":[]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}`,
		`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]},{"metric":{},"value":[1,"1"]}]}}`,
	} {
		if a, err := parseAnswer([]byte(text)); err == nil {
			t.Errorf("%s was read as %v", text, a)
		}
	}
}

// oracle answers every question with a fixed text and remembers what was asked.
type oracle struct {
	value string
	fail  string // Path that is answered 422.

	mu    sync.Mutex // Guards asked.
	asked []string
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.asked = append(o.asked, r.URL.String())
	o.mu.Unlock()
	switch {
	case r.URL.Path == o.fail:
		http.Error(w, `{"status":"error","error":"too many samples"}`, http.StatusUnprocessableEntity)
	case strings.HasPrefix(r.URL.Path, "/api/v1/query"):
		io.WriteString(w, matrix(`[1,"`+o.value+`"]`))
	default:
		io.WriteString(w, `{"status":"success","data":["a"]}`)
	}
}

func testQuery(t *testing.T, oracles ...*oracle) QueryOptions {
	t.Helper()
	o := DefaultQueryOptions()
	o.Load, o.Rounds = testLoad(), 2
	for _, or := range oracles {
		s := httptest.NewServer(or)
		t.Cleanup(s.Close)
		o.Targets = append(o.Targets, Target{Name: "t" + or.value, URL: s.URL + "/", PID: os.Getpid()})
	}
	return o
}

func TestQueryAsksAllTheSame(t *testing.T) {
	a, b := &oracle{value: "1"}, &oracle{value: "1.0"}
	o := testQuery(t, a, b)
	o.Strict = true
	o.JSON = filepath.Join(t.TempDir(), "results.json")
	if err := Query(context.Background(), o, io.Discard); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.asked, b.asked); diff != "" {
		t.Errorf("targets were asked different things (-first +second):\n%s", diff)
	}
	if want := len(questions(o.Load)) * (1 + quickFactor*o.Rounds); len(a.asked) != want {
		t.Errorf("%d requests, want %d", len(a.asked), want)
	}
	text, err := os.ReadFile(o.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var results []QueryResult
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	if len(results) != 2*len(questions(o.Load)) {
		t.Errorf("%d results", len(results))
	}
	for _, r := range results {
		if r.Median <= 0 || r.P90 < r.Median || r.CPU <= 0 || r.Ratio <= 0 || r.Series != 1 || r.Bytes == 0 {
			t.Errorf("result %+v", r)
		}
	}
}

func TestQueryTellsDifferencesAndFailsIfStrict(t *testing.T) {
	o := testQuery(t, &oracle{value: "1"}, &oracle{value: "2"})
	o.Only = "instant_one_series"
	var out bytes.Buffer
	if err := Query(context.Background(), o, &out); err != nil {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "instant_one_series of t2 differs") || !strings.Contains(out.String(), "t2 against t1: slower in ") {
		t.Errorf("report is\n%s", out.String())
	}
	o.Strict = true
	if err := Query(context.Background(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("error %v", err)
	}
}

func TestQueryReportsErrorsAndGoesOn(t *testing.T) {
	o := testQuery(t, &oracle{value: "1", fail: "/api/v1/series"}, &oracle{value: "1.0"})
	var out bytes.Buffer
	err := Query(context.Background(), o, &out)
	if err == nil || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("error %v", err)
	}
	for _, q := range questions(o.Load) {
		if !strings.Contains(out.String(), q.name) {
			t.Errorf("report lacks %s", q.name)
		}
	}
}

// TestRefusalInARoundIsNoAnswer: a server that answers once and then refuses
// would be the fastest of all.
func TestRefusalInARoundIsNoAnswer(t *testing.T) {
	or := &oracle{value: "1"}
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked > 2 {
			http.Error(w, "too many queries", http.StatusServiceUnavailable)
			return
		}
		or.ServeHTTP(w, r)
	}))
	defer s.Close()
	o := testQuery(t)
	o.Targets, o.Only = []Target{{Name: "x", URL: s.URL}}, "instant_one_series"
	var out bytes.Buffer
	if err := Query(context.Background(), o, &out); err == nil || !strings.Contains(out.String(), "too many queries") {
		t.Errorf("error %v, report\n%s", err, out.String())
	}
}

func TestQueryNeedsAStart(t *testing.T) {
	o := testQuery(t, &oracle{value: "1"})
	o.Load.Start = DefaultLoad().Start
	if err := Query(context.Background(), o, io.Discard); err == nil {
		t.Error("a load without a start was taken")
	}
}

// TestQuestionsMatchTheFleet: a question about a metric that nobody writes would
// be answered fast by everyone.
func TestQuestionsMatchTheFleet(t *testing.T) {
	names := map[string]bool{}
	for _, e := range exporter() {
		names[e.name] = true
	}
	for _, q := range questions(testLoad()) {
		for _, text := range append(q.params["query"], q.params["match[]"]...) {
			for _, word := range strings.FieldsFunc(text, func(r rune) bool {
				return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", r)
			}) {
				if (strings.HasPrefix(word, "node_") || strings.HasPrefix(word, "http_")) && !names[word] {
					t.Errorf("%s asks for %s, which no host shows", q.name, word)
				}
			}
		}
	}
}
