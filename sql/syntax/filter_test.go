package syntax

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const day = 86_400_000

// showTables writes a statement's tables on a line each.
func showTables(st *Statement) string {
	var lines []string
	for _, t := range st.Tables {
		line := t.Schema + "." + t.Name + "(*)"
		if t.Columns != nil {
			line = t.Schema + "." + t.Name + "(" + strings.Join(t.Columns, " ") + ")"
		}
		for _, l := range t.Filter.Labels {
			line += " " + l.Column + "=" + strings.Join(l.Values, "|")
		}
		if t.Filter.MinT != math.MinInt64 {
			line += fmt.Sprintf(" from %d", t.Filter.MinT)
		}
		if t.Filter.MaxT != math.MaxInt64 {
			line += fmt.Sprintf(" to %d", t.Filter.MaxT)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// ask runs the bounds query as the caller does and gives its answer back.
func ask(t testing.TB, st *Statement, params Params) {
	t.Helper()
	ast, n := st.BoundsQuery()
	if n == 0 {
		return
	}
	text, err := newJudge().rows("SELECT json_deserialize_sql($1::VARCHAR)", Params{"1": string(ast)})
	if err != nil {
		t.Fatalf("%s: %v", ast, err)
	}
	columns := make([]string, n)
	for i := range columns {
		columns[i] = fmt.Sprintf("epoch_us(#%d)::VARCHAR", i+1)
	}
	used := Params{}
	for _, name := range st.Params {
		used[name], _ = params.value(name)
	}
	rows, err := newJudge().rows(fmt.Sprintf("SELECT %s FROM (%s)", strings.Join(columns, ", "), text[0][0]), used)
	if err != nil {
		st.SetBounds(nil)
		return
	}
	answer := make([]*int64, n)
	for i, s := range rows[0] {
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			answer[i] = &v
		}
	}
	st.SetBounds(answer)
}

func TestTables(t *testing.T) {
	params := Params{"1": "x", "2": int64(5), "day": "1970-01-02", "s": "y"}
	tests := []struct{ text, want string }{
		{"select value from t where job = 'a' and 'b' = k and i in ('y', 'x', 'y')", ".t(i job k value) job=a k=b i=x|y"},
		{"select value from t where job = $1 and i in ($1, 'z')", ".t(i job value) job=x i=x|z"},
		{"select value from t where job = $2", ".t(job value)"},
		{"select value from t where (job = 'a' or job in ('c', 'b')) and (i = 'a' or k = 'b')", ".t(i job k value) job=a|b|c"},
		{"select value from t where job = 'a' or k = 'b'", ".t(job k value)"},
		{"select value from t where not (job = 'a') and k <> 'x' and i not in ('a') and value = '5' and lower(k) = 'a'", ".t(i job k value)"},
		{"select value from t where job = 'a' and job in ('a', 'b')", ".t(job value) job=a"},
		{"select value from t where time >= '1970-01-02' and time < '1970-01-03'", ".t(time value) from 86400000 to 172799999"},
		{"select value from t where time > '1970-01-02' and '1970-01-03' >= time", ".t(time value) from 86400001 to 172800000"},
		{"select value from t where time > '1970-01-02 00:00:00.0005' and time < '1970-01-02 00:00:00.0005'", ".t(time value) from 86400001 to 86400000"},
		{"select value from t where time >= '1969-12-31 23:59:59.9995' and time <= '1969-12-31 23:59:59.9995'", ".t(time value) from 0 to -1"},
		{"select value from t where time between timestamptz '1970-01-02' and date '1970-01-02' + interval 1 day", ".t(time value) from 86400000 to 172800000"},
		{"select value from t where time = $day::timestamptz", ".t(time value) from 86400000 to 86400000"},
		{"select value from t where time >= $day and time < $nothing", ".t(time value) from 86400000"},
		{"select value from t where time >= to_timestamp(86400) and time < make_timestamptz(1970, 1, 3, 0, 0, 0, 'UTC')", ".t(time value) from 86400000 to 172799999"},
		{"select value from t where time not between '1970-01-02' and '1970-01-03' and time <> '1970-01-02'", ".t(time value)"},
		{"select value from t where job = $s and time >= $day", ".t(job time value) job=y from 86400000"},
		{"select value from t where time >= case when 1 in (1, 2) and not 1 between 2 and 3 then ['1970-01-02'::timestamptz][1] else coalesce(null, {'a': timestamp '1970-01-01'}.a) end",
			".t(time value) from 86400000"},
		{"select value from t where time > value and time < (select max(time) from t)", ".t(time value)"},
		{"select value from t where time < now() and time <= ago(interval 1 hour) and time > timestamptz '2200-01-01' - (now() - timestamptz '2000-01-01')", ".t(time value)"},
		// Columns.
		{"select * from t", ".t(*)"}, {"select count(*) from t", ".t()"}, {"select t from t", ".t(*)"}, {"select x.* from t x", ".t(*)"}, {"describe t", ".t(*)"},
		{"select t.a, count(*) from t, u x group by all order by all", ".t(a t)\n.u(a t)"}, {"select A from (select * from u) x, t", ".t(a)\n.u(*)"},
		{"select 1 from t natural join u", ".t(*)\n.u(*)"}, {"select 1 from t join u using (a)", ".t(a)\n.u(a)"}, {"from t pivot (sum(a) for b in (1))", ".t(*)"},
		{"select x from t as t(x)", ".t(*)"}, {"select #1 from t", ".t(*)"}, {"select 1 from t, lateral (select t.*)", ".t(*)"},
		// Names.
		{"select 1 from main.t, T, memory.main.t, metric.t, \"x:ü\", system.files", ".t()\n.x:ü()\nmetric.t()\nsystem.files()"},
		{"with t as (select 1 from t2) select 1 from T, main.t", ".t()\n.t2()"},
		{"with a as (select 1 from b), b as (select 1) select 1 from a, b", ".b()"},
		{"with recursive r as (select 1 from r union select 1 from r join q on true) select 1 from r", ".q()\n.r()"},
		{"select 1 from (with c as (select 1) select 1 from c), c", ".c()"},
		{"with c as (select 1) select (with d as (select 1 from c) select 1 from d)", ""},
		// Several uses.
		{"select 1 from t where job = 'a' and k = 'a' union all select 1 from T where job = 'b'", ".t(job k) job=a|b"},
		{"select 1 from t where job = 'a' union all select 1 from t", ".t(job)"},
		{"select 1 from t where time < '1970-01-02' union all select 1 from t where time between '1970-01-05' and '1970-01-06'", ".t(time) to 432000000"},
		{"with c as (select 1 from t where job = 'a') select 1 from c where job = 'x'", ".t(job) job=a"},
		// Joins.
		{"select 1 from t join u on t.a = u.a and t.a = 'y' where t.job = 'a' and u.job = 'b' and k = 'c'", ".t(a job k t u) job=a\n.u(a job k t u) job=b"},
		{"select 1 from t full join u using (a) where t.job = 'a' and u.job = 'b' and a = 'x'", ".t(a job t u) job=a\n.u(a job t u) job=b"},
		{"select 1 from t asof join u on t.time >= u.time where t.job = 'a' and u.job = 'b'", ".t(job t time u) job=a\n.u(job t time u)"},
		{"select 1 from (t positional join u) cross join v where t.job = 'a' and u.job = 'b' and v.job = 'c'", ".t(job t u v)\n.u(job t u v)\n.v(job t u v) job=c"},
		{"select 1 from t anti join u using (a) where t.job = 'a'", ".t(a job t) job=a\n.u(a job t)"},
		{"select 1 from t x join t y on x.a = y.a where x.job = 'a' and y.job = 'b' and t.job = 'c'", ".t(a job t x y) job=a|b"},
		{"select 1 from t where exists (select 1 from u where u.job = t.job and job = 'b' and t.k = 'c')", ".t(job k t u)\n.u(job k t u) job=b"},
		// Where rows may not be left out.
		{"select x from t as t(x, job) where job = 'a'", ".t(*)"}, {"select 1 from t tablesample 10% where job = 'a'", ".t(job)"},
		{"select 1 from t where job = 'a' using sample 10%", ".t(job)"}, {"from (from t pivot (sum(a) for b in (1))) where job = 'a'", ".t(*)"},
		{"from t pivot (sum(a) for b in (1)) where t.job = 'a'", ".t(*)"}, {"select 1 from t having max(job) = 'a'", ".t(job)"},
		{"select 1 from system.files where job = 'a' and time > '1970-01-02'", "system.files(job time)"},
	}
	for _, tt := range tests {
		params := Params{"1": params["1"], "2": params["2"], "day": params["day"], "s": params["s"], "nothing": "no time"}
		st, err := parse(t, tt.text, params)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		ask(t, st, params)
		if diff := cmp.Diff(tt.want, showTables(st)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

// Lower bounds that move with the clock are used.
func TestMovingBounds(t *testing.T) {
	for _, text := range []string{
		"time > now() - interval '1 hour'", "time >= current_timestamp - interval 1 hour", "time > ago(interval 1 hour)", "time > now()::timestamptz - interval 1 hour",
		"time between now() - interval 1 hour and now()", "time >= interval '-1 hour' + get_current_timestamp()", "time >= date_trunc('hour', now())",
	} {
		st := mustParse(t, "select value from t where "+text, nil)
		ask(t, st, nil)
		now := time.Now().UnixMilli()
		if f := st.Tables[0].Filter; f.MinT < now-3_700_000 || f.MinT > now || f.MaxT != math.MaxInt64 {
			t.Errorf("%s: %+v, now %d", text, f, now)
		}
	}
}

func TestEndlessBounds(t *testing.T) {
	st := mustParse(t, "select 1 from t where time >= 'infinity' and time <= '-infinity' and time > $1", Params{"1": "x"})
	forever, never, odd := int64(math.MaxInt64), int64(-math.MaxInt64), int64(math.MinInt64)
	st.SetBounds([]*int64{&forever, &never, &odd})
	if f := st.Tables[0].Filter; f.MinT != math.MaxInt64/1000+1 || f.MaxT != -math.MaxInt64/1000-1 {
		t.Errorf("%+v", f)
	}
}

func TestResolve(t *testing.T) {
	st := mustParse(t, "select 'a' as alias from t where alias = 'a' and job = 'x' and time > current_date - 1 and time < '1970-01-02'", nil)
	ask(t, st, nil)
	has := map[string]bool{"job": true, "time": true, "value": true}
	st.Tables[0].Resolve(func(column string) bool { return has[column] })
	if f := st.Tables[0].Filter; len(f.Labels) != 1 || f.Labels[0].Column != "job" || f.MinT < 1e12 || f.MaxT != day-1 {
		t.Errorf("%+v", f)
	}
	has["current_date"] = true
	st.Tables[0].Resolve(func(column string) bool { return has[column] })
	if f := st.Tables[0].Filter; f.MinT != math.MinInt64 || f.MaxT != day-1 {
		t.Errorf("%+v", f)
	}
}

// A statement gives the same answer from all rows and from those that the filter
// lets through, for random conditions and joins.
func TestFilterLeavesTheAnswer(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	j := newJudge()
	must := func(text string) [][]string {
		rows, err := j.rows(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return rows
	}
	must("CREATE OR REPLACE TABLE rows AS SELECT make_timestamptz((i // 4) * 500000) AS time, random() AS value, " +
		"CASE WHEN i % 3 > 0 THEN chr(97 + (random() * 3)::INT) END AS job, CASE WHEN i % 5 > 0 THEN chr(97 + (random() * 3)::INT) END AS k FROM range(60) r(i)")
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	at := func() string { return fmt.Sprintf("make_timestamptz(%d)", rng.IntN(8_000)*1000+rng.IntN(2)) }
	condition := func(q string) string {
		switch rng.IntN(6) {
		case 0:
			return q + pick("job", "k") + " = '" + pick("a", "b", "c") + "'"
		case 1:
			return "'" + pick("a", "b") + "' = " + q + pick("job", "k")
		case 2:
			return q + pick("job", "k") + " " + pick("", "not ") + "in ('a', '" + pick("a", "b", "c") + "')"
		case 3:
			return q + "time " + pick("<", "<=", ">", ">=", "=", "<>") + " " + at()
		case 4:
			return at() + " " + pick("<", "<=", ">", ">=") + " " + q + "time"
		default:
			return q + "time " + pick("", "not ") + "between " + at() + " and " + at()
		}
	}
	where := func(qs ...string) string {
		text := " where true"
		for range 1 + rng.IntN(3) {
			c := condition(pick(qs...))
			if rng.IntN(4) == 0 {
				c = pick("not ", "") + "(" + c + pick(" or ", " and ") + condition(pick(qs...)) + ")"
			}
			text += " and " + c
		}
		return text
	}
	pruned := 0
	for range 200 {
		var text string
		switch rng.IntN(5) {
		case 0:
			text = "select * from t" + where("", "t.")
		case 1:
			text = "select * from t x " + pick("join", "left join", "right join", "full join") + " t y using (" + pick("job", "time") + ")" + where("x.", "y.")
		case 2:
			text = "select * from t x " + pick("asof join", "asof left join") + " t y on x.job = y.job and x.time >= y.time" + where("x.", "y.")
		case 3:
			text = "select * from t x " + pick("semi join", "anti join") + " t y using (" + pick("job", "time") + ")" + where("x.")
		default:
			text = "select * from t x where exists (select 1 from t y" + where("y.", "y.", "x.") + ") and " + condition("x.") + " union all select * from t" + where("")
		}
		text = "select count(*)::VARCHAR, coalesce(md5(string_agg(q::VARCHAR, '' order by q::VARCHAR)), '') from (" + text + ") q"
		st := mustParse(t, text, nil)
		ask(t, st, nil)
		must("CREATE OR REPLACE VIEW t AS FROM rows")
		want := must(st.Text)
		f := st.Tables[0].Filter
		view := "CREATE OR REPLACE VIEW t AS FROM rows WHERE true"
		for _, l := range f.Labels {
			view += " AND " + l.Column + " IN ('" + strings.Join(l.Values, "','") + "')"
		}
		view += fmt.Sprintf(" AND epoch_ms(time) BETWEEN %d AND %d", f.MinT, f.MaxT)
		must(view)
		if len(f.Labels) > 0 || f.MinT != math.MinInt64 || f.MaxT != math.MaxInt64 {
			pruned++
		}
		if diff := cmp.Diff(want, must(st.Text)); diff != "" {
			t.Fatalf("%s with %s (-all +pruned):\n%s", text, view, diff)
		}
	}
	if pruned < 20 {
		t.Errorf("only %d statements of 200 were pruned", pruned)
	}
}
