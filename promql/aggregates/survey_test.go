package aggregates

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	prom "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestSurveyOfTimes(t *testing.T) {
	tests := map[string][2]int64{ // Of a range query from 1000 s to 2000 s.
		"x":                                {700_001, 2_000_000},
		"rate(x[10s])":                     {990_001, 2_000_000},
		"rate(x[10s] offset 1s)":           {989_001, 1_999_000},
		"x @ 50":                           {-249_999, 50_000},
		"max_over_time(x[100s:10s])":       {600_001, 2_000_000},
		"max_over_time(x[100s:10s] @ 500)": {100_001, 500_000},
	}
	for expr, want := range tests {
		e := prom.NewEngine(prom.EngineOpts{LookbackDelta: 5 * time.Minute, EnableAtModifier: true})
		q, err := e.NewRangeQuery(t.Context(), nil, nil, expr, time.Unix(1000, 0), time.Unix(2000, 0), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		s := survey(q.Statement().(*parser.EvalStmt), time.Minute, false)[0]
		if diff := cmp.Diff(want, [2]int64{s.minT, s.maxT}); diff != "" {
			t.Errorf("%s: %s", expr, diff)
		}
	}
}
