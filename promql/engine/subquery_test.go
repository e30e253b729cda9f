package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"herringbone/promql/queryable"
	"herringbone/storage/series/seriestest"
)

// TestSubqueryOfDeath: the steps of a subquery cost memory before there is a
// sample, so they are counted before the evaluation.
func TestSubqueryOfDeath(t *testing.T) {
	tests := map[string]bool{ // Is it evaluated?
		"max_over_time(x[1y:10s])":                                              true,
		"max_over_time(x[1y:1s])":                                               false,
		"max_over_time(x[1y:1ms])":                                              false,
		"max_over_time(x[56d:1s])":                                              true, // 4.9 million steps, with the day of the query.
		"max_over_time(max_over_time(x[1h:1s])[57d:1d])":                        false,
		"max_over_time(max_over_time(x[1h:1s])[57d:1d] @ 0)":                    true, // Without that day.
		"max_over_time(max_over_time(x[1h:1s] @ 0)[57d:1d])":                    true,
		"max_over_time(max_over_time(max_over_time(x[1ms:1ms])[1y:1y])[1m:1m])": false,
		"max_over_time(x[1y:])":                                                 true,
		"max_over_time(x[100y:])":                                               false, // At a minute, the default.
		"max_over_time(x[290y:290y])":                                           true,
		"max_over_time(max_over_time(x[290y:290y])[290y:290y])":                 false,
		"max_over_time(x[1h:step()])":                                           true,
		"max_over_time(x[1y:step() / 1000])":                                    false,
		"max_over_time(x[1h:0.0001])":                                           false,
	}
	e := suiteEngine(t, 2, 1000)
	q := queryable.New(&seriestest.Memory{}, "default", 0)
	for text, ok := range tests {
		end := time.Unix(86_400, 0)
		query, err := e.NewRangeQuery(t.Context(), q, nil, text, time.Unix(0, 0), end, time.Minute)
		if ok != (err == nil) {
			t.Errorf("%s as a range: %v", text, err)
		}
		if err == nil {
			if res := query.Exec(t.Context()); res.Err != nil {
				t.Errorf("%s: %v", text, res.Err)
			}
			query.Close()
		}
	}
	if _, err := e.NewInstantQuery(t.Context(), q, nil, "x[1y:1ms]", time.Unix(0, 0)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("at an instant: %v", err)
	}
	if _, err := e.NewInstantQuery(t.Context(), q, nil, "x[1h:0.0001]", time.Unix(0, 0)); !errors.Is(err, errTinyStep) {
		t.Errorf("tiny step: %v", err)
	}
}
