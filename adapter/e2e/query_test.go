package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// call asks the query API and returns the data of its answer.
func (s *server) call(path string, form url.Values) (json.RawMessage, error) {
	text, err := s.get("/api/v1/" + path + "?" + form.Encode())
	if err != nil {
		return nil, fmt.Errorf("%s %v: %w", path, form, err)
	}
	var res struct {
		Status string
		Data   json.RawMessage
	}
	if err := json.Unmarshal(text, &res); err != nil {
		return nil, fmt.Errorf("%s %v: %w", path, form, err)
	}
	if res.Status != "success" {
		return nil, fmt.Errorf("%s %v: status %q", path, form, res.Status)
	}
	return res.Data, nil
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// queryRange evaluates expr at each second from one time to another.
func (s *server) queryRange(expr string, from, to time.Time) (matrix, error) {
	data, err := s.call("query_range", url.Values{"query": {expr}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {"1"}})
	if err != nil {
		return nil, err
	}
	return parseMatrix(data)
}

// query evaluates expr, a range selector, at one time.
func (s *server) query(expr string, at time.Time) (matrix, error) {
	data, err := s.call("query", url.Values{"query": {expr}, "time": {seconds(at)}})
	if err != nil {
		return nil, err
	}
	return parseMatrix(data)
}

// matrix is a result by the text of its labels: for each sample its time and then
// its numbers, as they were written.
type matrix map[string][][]string

func parseMatrix(data json.RawMessage) (matrix, error) {
	var res struct {
		ResultType string
		Result     []struct {
			Metric     map[string]string
			Values     [][2]any
			Histograms [][2]any
		}
	}
	if err := json.Unmarshal(data, &res); err != nil {
		return nil, err
	}
	if res.ResultType != "matrix" {
		return nil, fmt.Errorf("result type %q where a matrix was asked for", res.ResultType)
	}
	m := matrix{}
	for _, r := range res.Result {
		key := labels.FromMap(r.Metric).String()
		if _, ok := m[key]; ok {
			return nil, fmt.Errorf("%s occurs twice in one result", key)
		}
		for _, v := range append(r.Values, r.Histograms...) {
			m[key] = append(m[key], flatten(nil, []any{v[0], v[1]}))
		}
	}
	return m, nil
}

// flatten lists every number in v in a fixed order.
func flatten(out []string, v any) []string {
	switch v := v.(type) {
	case string:
		return append(out, v)
	case float64:
		return append(out, strconv.FormatFloat(v, 'f', -1, 64))
	case []any:
		for _, x := range v {
			out = flatten(out, x)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = flatten(append(out, k), v[k])
		}
	}
	return out
}

// compareMatrix says how got differs from want. Numbers may differ by the given
// part of their size: sums depend on the order in which series are added.
func compareMatrix(got, want matrix, tolerance float64) error {
	var c complaints
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			c.add("%s is missing with %d samples", key, len(w))
			continue
		}
		if len(g) != len(w) {
			c.add("%s has %d samples, want %d", key, len(g), len(w))
			continue
		}
		for i := range w {
			if !slices.EqualFunc(g[i], w[i], func(a, b string) bool { return near(a, b, tolerance) }) {
				c.add("%s sample %d is %v, want %v", key, i, g[i], w[i])
				break
			}
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			c.add("%s was not expected", key)
		}
	}
	return c.err()
}

func near(a, b string, tolerance float64) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return false
	}
	return math.Abs(x-y) <= tolerance*max(math.Abs(x), math.Abs(y))
}

// exemplars returns all exemplars between two times, one line each, sorted.
func (s *server) exemplars(from, to time.Time) ([]string, error) {
	data, err := s.call("query_exemplars", url.Values{"query": {`{__name__=~".+"}`}, "start": {seconds(from)}, "end": {seconds(to)}})
	if err != nil {
		return nil, err
	}
	var list []struct {
		SeriesLabels map[string]string
		Exemplars    []struct {
			Labels    map[string]string
			Value     string
			Timestamp float64
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	var lines []string
	for _, s := range list {
		for _, e := range s.Exemplars {
			lines = append(lines, fmt.Sprintf("%s %s %s @ %.3f", labels.FromMap(s.SeriesLabels), labels.FromMap(e.Labels), e.Value, e.Timestamp))
		}
	}
	sort.Strings(lines)
	return lines, nil
}

// description is what the metadata API says of a metric.
type description struct{ Type, Help, Unit string }

func (s *server) metadata() (map[string][]description, error) {
	data, err := s.call("metadata", nil)
	if err != nil {
		return nil, err
	}
	all := map[string][]description{}
	return all, json.Unmarshal(data, &all)
}

func (s *server) metricNames() ([]string, error) {
	data, err := s.call("label/__name__/values", nil)
	if err != nil {
		return nil, err
	}
	var names []string
	return names, json.Unmarshal(data, &names)
}

// metricValue reads one unlabelled metric, or the sum of a labelled one, from
// the server's own /metrics.
func (s *server) metricValue(name string) (float64, error) {
	text, err := s.do(http.MethodGet, "/metrics", "", nil)
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("%s has no metric %s", s.name, name)
	}
	return sum, nil
}
