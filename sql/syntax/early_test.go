package syntax

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTop(t *testing.T) {
	params := Params{"n": int64(7), "s": "7"}
	yes := map[string]Top{
		"select * from t order by time desc limit 10":                                                       {true, 10, 10, true},
		"from t order by time limit 5 offset 3":                                                             {false, 8, 5, true},
		"select * from metric.t x where job = 'a' order by X.TIME desc nulls last, job limit $n offset 1":   {true, 8, 7, true},
		"select value * 2 as v, job || 'x', time at time zone 'Europe/Berlin' from t order by time limit 1": {false, 1, 1, true},
		"select time as ts, value from t order by ts desc limit 1":                                          {true, 1, 1, true},
		"select t.time as \"Ts\", value as time2 from t order by TS desc limit 1":                           {true, 1, 1, true},
		"select value, time from t order by 2 desc limit 1":                                                 {true, 1, 1, true},
		"select *, value + 1 as v from t order by time limit 0":                                             {false, 0, 0, true},
		"select * exclude (value) from t where value > random() order by time limit 3":                      {false, 3, 3, false},
		"select time at time zone 'UTC' as local from t order by t.time desc limit 3":                       {true, 3, 3, true},
		"select 'x' as time from t order by t.time desc limit 3":                                            {true, 3, 3, true},
		"select list_transform([1], lambda time: time) from samples order by time limit 3":                  {false, 3, 3, true},
	}
	for text, want := range yes {
		st := mustParse(t, text, params)
		if st.Top == nil {
			t.Errorf("%s: %s", text, st.WhyNotTop)
			continue
		}
		if diff := cmp.Diff(want, *st.Top); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	no := map[string]string{
		"select * from t order by time":                                                 "no LIMIT",
		"select * from t limit 5":                                                       "not the column time",
		"select * from t order by value, time limit 5":                                  "not the column time",
		"select -value as time from t order by time limit 5":                            "not the column time",
		"select time at time zone 'Europe/Berlin' as time from t order by time limit 5": "not the column time",
		"select date_trunc('day', time) as d from t order by d limit 5":                 "not the column time",
		"select * replace (value as time) from t order by time limit 5":                 "not the column time",
		"select * rename (value as time) from t order by time limit 5":                  "not the column time",
		"select *, time from t order by 2 limit 5":                                      "not the column time",
		"select columns('x') as time from t order by time limit 5":                      "not the column time",
		"select value, time from t order by 1 limit 5":                                  "not the column time",
		"select time from t order by all limit 5":                                       "not the column time",
		"select time from t order by -1 limit 5":                                        "not the column time",
		"select * from t order by time limit 5 percent":                                 "percentage",
		"select * from t order by time limit 5 offset (select 1)":                       "subquery",
		"select * from t order by time limit $s":                                        "constant number",
		"select * from t order by time limit -1":                                        "constant number",
		"select * from t order by time limit 9223372036854775807 offset 1":              "constant number",
		"select * from t order by time limit 2 + 3":                                     "constant number",
		"select distinct * from t order by time limit 5":                                "DISTINCT",
		"select distinct on (job) * from t order by time limit 5":                       "DISTINCT",
		"select time, sum(value) from t group by time order by time limit 5":            "aggregates",
		"select time from t group by all order by time limit 5":                         "aggregates",
		"select time from t group by 1 order by time limit 5":                           "aggregates",
		"select geomean(value) from t order by max(time) limit 5":                       "aggregates",
		"select max(time) as time from t order by time limit 5":                         "aggregates",
		"select time, row_number() over () from t order by time limit 5":                "window",
		"select time from t qualify row_number() over () < 3 order by time limit 5":     "window",
		"select unnest([1, 2]), time from t order by time limit 5":                      "several rows",
		"select regexp_split_to_table(job, 'a') from t order by time limit 5":           "several rows",
		"select * from t join u using (a) order by t.time limit 5":                      "exactly one table",
		"select * from t, range(3) order by time limit 5":                               "exactly one table",
		"select * from (from t) order by time limit 5":                                  "subquery",
		"select * from t where job in (select 'a') order by time limit 5":               "subquery",
		"with c as (from t) select * from c order by time limit 5":                      "WITH",
		"select * from t union all select * from t order by time limit 5":               "set operation",
		"select * from t using sample 5% order by time limit 5":                         "",
		"select * from t tablesample 5% order by time limit 5":                          "sample",
		"select * from t as t(a, b) order by time limit 5":                              "other names",
		"select * from system.queries order by time limit 5":                            "schema system",
		"from t pivot (sum(a) for b in (1)) order by time limit 5":                      "exactly one table",
		"select * from (describe t) order by time limit 5":                              "describes",
		"values (1) order by time limit 5":                                              "exactly one table",
	}
	for text, want := range no {
		st, err := parse(t, text, params)
		if want == "" && err != nil {
			continue // DuckDB takes no such order of clauses.
		}
		if err != nil || st.Top != nil || want != "" && !strings.Contains(st.WhyNotTop, want) {
			t.Errorf("%s: %+v, %v, want %q", text, st, err, want)
		}
	}
}

func TestLast(t *testing.T) {
	yes := map[string]Last{
		"select job, last(value, time) from t group by job":                                                                             {true, []string{"job"}, []int{1}},
		"select arg_max(value, time), max(time), Job from t group by all order by 1":                                                    {true, []string{"Job"}, []int{0, 1}},
		"select first(value, time) from t where job = 'a'":                                                                              {false, []string{}, []int{0}},
		"select min_by(value * 2, t.time), min(time), upper(job), 1 from t group by 3, job":                                             {},
		"select max_by(value, time) v, job as j, k from t where k like 'a%' and time > now() - interval 1 day group by j, 3 order by j": {true, []string{"job", "k"}, []int{0}},
		"select arg_max({'v': value, 'k': k}, time) from metric.t group by job, job":                                                    {true, []string{"job"}, []int{0}},
	}
	for text, want := range yes {
		st := mustParse(t, text, nil)
		if want.Group == nil {
			if st.Last != nil {
				t.Errorf("%s: %+v", text, st.Last)
			}
			continue
		}
		if st.Last == nil {
			t.Errorf("%s: %s", text, st.WhyNotLast)
			continue
		}
		if diff := cmp.Diff(want, *st.Last); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	no := map[string]string{
		"select job from t group by job":                                        "no last or first",
		"select job, last(value, time), avg(value) from t group by job":         "something else",
		"select job, round(last(value, time)) from t group by job":              "something else",
		"select last(value, time), first(value, time) from t":                   "both",
		"select last(value, time), min(time) from t":                            "both",
		"select last(value) from t":                                             "something else",
		"select last(value, epoch(time)) from t":                                "something else",
		"select max(value) from t":                                              "something else",
		"select arg_max(value, time, 2) from t":                                 "something else",
		"select last(value, time) filter (where value > 1) from t":              "something else",
		"select last(distinct value, time) from t":                              "something else",
		"select last(value, time order by value) from t":                        "something else",
		"select last(value, time) from t where value > 1":                       "WHERE",
		"select last(value, time) from t group by time":                         "GROUP BY",
		"select last(value, time) from t group by upper(job)":                   "GROUP BY",
		"select upper(job) as j, last(value, time) from t group by j":           "GROUP BY",
		"select value, last(value, time) from t group by 1":                     "something else",
		"select last(value, time) from t group by rollup(job)":                  "grouping sets",
		"select last(value, time) from t group by grouping sets ((job), (k))":   "grouping sets",
		"select last(value, time) from t group by job having max(time) > now()": "HAVING",
		"select last(value, time) from t limit 3":                               "LIMIT",
		"select job, last(value, time) from t group by job order by avg(value)": "ORDER BY",
		"select distinct last(value, time) from t":                              "DISTINCT",
		"select last(value, time) over () from t":                               "",
		"select max(time) over () from t":                                       "window",
		"select last(t.value, t.time) from t join u on true":                    "exactly one table",
		"select last(value, (select 1)) from t":                                 "subquery",
	}
	for text, want := range no {
		st, err := parse(t, text, nil)
		if want == "" && err != nil {
			continue // DuckDB's parser refuses it.
		}
		if err != nil || st.Last != nil || !strings.Contains(st.WhyNotLast, want) {
			t.Errorf("%s: %+v, %v, want %q", text, st, err, want)
		}
	}
}

// Where Parse gives a Top or Last, stopping by its rule gives DuckDB's answer.
func TestStoppingEarlyLeavesTheAnswer(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	j := newJudge()
	must := func(text string) [][]string {
		rows, err := j.rows(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return rows
	}
	must("CREATE OR REPLACE TABLE early_rows AS SELECT make_timestamptz(i * 1000000) AS time, CASE WHEN i % 4 > 0 THEN i * 7 % 50 END AS value, " +
		"chr(97 + (i * 5 % 3)::INT) AS job, CASE WHEN i % 5 > 0 THEN 'k' END AS k FROM range(100) r(i)")
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	stopped := 0
	for range 200 {
		item := func() string {
			return pick("*", "time", "value as time", "-epoch(time) as time", "time as ts", "value", "value as ts", "job", "time at time zone 'Asia/Tokyo' as x", "t.time")
		}
		text := "select " + item() + ", " + item() + ", value as tag from t" + pick("", " where job = 'a'", " where value > 20") +
			" order by " + pick("time", "ts", "t.time", "1", "2", "value", "time + interval 1 day") + pick("", " desc") + fmt.Sprintf(", value, job limit %d offset %d", rng.IntN(9), rng.IntN(3))
		if rng.IntN(2) == 0 {
			f := pick("last", "first", "arg_max", "min_by")
			text = "select job, " + f + "(value, time) as v, " + pick("max(time)", "min(time)", f+"(k, time)", f+"(value + 1, time)") +
				" from t" + pick("", " where job <> 'a'", " where time < make_timestamptz(50000000)") + " group by job" + pick("", ", k", " order by 1")
		}
		st := mustParse(t, text, nil)
		if st.Top == nil && st.Last == nil {
			continue
		}
		must("CREATE OR REPLACE VIEW t AS FROM early_rows")
		groups, _ := strconv.Atoi(must("SELECT count(DISTINCT job)::VARCHAR FROM t")[0][0])
		run := "select q::VARCHAR from (" + st.Text + ") q"
		want, err := j.rows(run, nil)
		if err != nil {
			continue // ts may be no column; then there is no answer.
		}
		desc := st.Last != nil && st.Last.Desc || st.Top != nil && st.Top.Desc
		for cut := 0; cut < 100; cut += 1 + rng.IntN(20) {
			op, at := "<=", cut
			if desc {
				op, at = ">=", 99-cut
			}
			must(fmt.Sprintf("CREATE OR REPLACE VIEW t AS FROM early_rows WHERE time %s make_timestamptz(%d)", op, at*1000000))
			got := must(run)
			done := st.Top != nil && int64(len(got)) == st.Top.Limit
			if st.Last != nil && len(st.Last.Group) == 1 {
				done = len(got) == groups && !strings.Contains(fmt.Sprint(got), "NULL")
			}
			if !done {
				continue
			}
			stopped++
			if st.Last != nil && !strings.Contains(text, "order by") {
				got, want = sortedRows(got), sortedRows(want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, cut %d (-all +early):\n%s", text, cut, diff)
			}
			break
		}
	}
	if stopped < 20 {
		t.Errorf("only %d stopped early", stopped)
	}
}

func sortedRows(rows [][]string) [][]string {
	slices.SortFunc(rows, slices.Compare)
	return rows
}

func TestNearest(t *testing.T) {
	for where, want := range map[string]bool{
		"host = 'a'":                                                         true,
		"host IN ('a', 'b') AND job LIKE 'x%'":                               true,
		"host = 'a' OR job IS NULL":                                          true,
		"time > now() - INTERVAL 1 DAY":                                      true,
		"host = 'a' AND TIMESTAMPTZ '2026-01-01' <= time":                    true,
		"time < TIMESTAMPTZ '2026-01-01'":                                    false,
		"time BETWEEN TIMESTAMPTZ '2026-01-01' AND TIMESTAMPTZ '2026-01-02'": false,
		"time = TIMESTAMPTZ '2026-01-01'":                                    false,
		"value > 3":                                                          false,
		"host = 'a' AND value IS NOT NULL":                                   false,
		"host = 'a' OR time > now()":                                         false,
		"NOT time > now()":                                                   false,
		"random() < 0.5":                                                     false,
		"time > to_timestamp(1e9 * random())":                                false,
		"time > TIMESTAMPTZ '2026-01-01' + (TIMESTAMPTZ '2026-01-01' - now())": false,
	} {
		st := mustParse(t, "SELECT * FROM m WHERE "+where+" ORDER BY time DESC LIMIT 3", nil)
		if st.Top == nil || st.Top.Nearest != want {
			t.Errorf("%s: %+v, want %v", where, st.Top, want)
		}
	}
	for where, want := range map[string]bool{"time < TIMESTAMPTZ '2026-01-01'": true, "time > now() - INTERVAL 1 DAY": false} {
		st := mustParse(t, "SELECT * FROM m WHERE "+where+" ORDER BY time LIMIT 3", nil)
		if st.Top == nil || st.Top.Nearest != want {
			t.Errorf("ascending, %s: %+v, want %v", where, st.Top, want)
		}
	}
}
