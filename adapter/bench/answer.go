package bench

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// answer is a result in a form that does not depend on the order in which a
// server lists series: a key for each, and its points.
type answer map[string][]point

type point struct {
	t float64 // Seconds.
	v float64
}

// parseAnswer reads any of the results that questions ask for: a vector, matrix
// or scalar, a list of strings, a list of label sets.
func parseAnswer(text []byte) (answer, error) {
	var envelope struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Result json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil {
		return nil, fmt.Errorf("parse answer: %w", err)
	}
	if envelope.Status != "success" {
		return nil, fmt.Errorf("answer has status %q: %s", envelope.Status, envelope.Error)
	}
	if strings.HasPrefix(strings.TrimSpace(string(envelope.Result)), "{") {
		return parseValues(envelope.Result)
	}
	return parseList(envelope.Result)
}

func parseList(text []byte) (answer, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, fmt.Errorf("parse list: %w", err)
	}
	a := answer{}
	for _, item := range items {
		var name string
		var labels map[string]string
		switch {
		case json.Unmarshal(item, &name) == nil:
			a[name] = nil
		case json.Unmarshal(item, &labels) == nil:
			a[canonical(labels)] = nil
		default:
			return nil, fmt.Errorf("parse list: %.100s is neither a string nor a label set", item)
		}
	}
	return a, nil
}

func parseValues(text []byte) (answer, error) {
	var values struct {
		Type   string `json:"resultType"`
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  *point            `json:"value"`
			Values []point           `json:"values"`
		} `json:"result"`
	}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("parse values: %w", err)
	}
	if values.Type != "vector" && values.Type != "matrix" {
		return nil, fmt.Errorf("parse values: unexpected result type %q", values.Type)
	}
	a := make(answer, len(values.Result))
	for _, s := range values.Result {
		if s.Value != nil {
			s.Values = append(s.Values, *s.Value)
		}
		key := canonical(s.Metric)
		if _, twice := a[key]; twice {
			return nil, fmt.Errorf("parse values: series %s occurs twice", key)
		}
		a[key] = s.Values
	}
	return a, nil
}

// UnmarshalJSON reads [seconds, "value"].
func (p *point) UnmarshalJSON(text []byte) error {
	var value string
	pair := [2]any{&p.t, &value}
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(value, 64)
	p.v = v
	return err
}

func canonical(labels map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name + "=" + strconv.Quote(labels[name]))
	}
	b.WriteByte('}')
	return b.String()
}

// points is the number of values in the answer.
func (a answer) points() int {
	n := 0
	for _, p := range a {
		n += len(p)
	}
	return n
}

// tolerance is how far two values may be apart, relative to the greater one:
// sums depend on their order in the last digits.
const tolerance = 1e-9

// difference says in a few words how b differs from a; empty if it does not.
func difference(a, b answer) string {
	var missing, extra int
	for key := range a {
		if _, ok := b[key]; !ok {
			missing++
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			extra++
		}
	}
	if missing+extra > 0 {
		return fmt.Sprintf("%d of %d series missing, %d more", missing, len(a), extra)
	}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if d := pointsDifference(a[key], b[key]); d != "" {
			return key + ": " + d
		}
	}
	return ""
}

func pointsDifference(a, b []point) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d points, not %d", len(b), len(a))
	}
	for i := range a {
		if a[i].t != b[i].t {
			return fmt.Sprintf("point %d at %s, not %s", i, showTime(b[i].t), showTime(a[i].t))
		}
		if !near(a[i].v, b[i].v) {
			return fmt.Sprintf("%v at %s, not %v", b[i].v, showTime(b[i].t), a[i].v)
		}
	}
	return ""
}

// showTime shows a time as the API writes it.
func showTime(t float64) string { return strconv.FormatFloat(t, 'f', -1, 64) }

func near(a, b float64) bool {
	if a == b || (math.IsNaN(a) && math.IsNaN(b)) {
		return true
	}
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b)) && !math.IsInf(a, 0) && !math.IsInf(b, 0)
}
