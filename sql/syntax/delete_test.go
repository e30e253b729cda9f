package syntax

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// parseDelete splits and parses a DELETE and sets its bounds.
func parseDelete(t testing.TB, text string, params Params) (*Statement, error) {
	t.Helper()
	command, err := Split(text)
	if err != nil {
		return nil, err
	}
	if !command.Delete {
		t.Fatalf("%s is no DELETE", text)
	}
	st, err := ParseDelete(newJudge().tree(t, command.Select), command.Select, params)
	if err != nil {
		return nil, err
	}
	return st, setBounds(t, st, params)
}

func setBounds(t testing.TB, st *Statement, params Params) error {
	ast, n := st.BoundsQuery()
	if n == 0 {
		st.SetBounds(nil)
		return nil
	}
	text, err := newJudge().rows("SELECT json_deserialize_sql($1::JSON)", Params{"1": string(ast)})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("CASE WHEN c%[1]d = 'infinity' THEN '9223372036854775807' ELSE coalesce(epoch_us(c%[1]d)::VARCHAR, 'NULL') END", i)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	for i := n; i < n+len(st.Params); i++ {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	rows, err := newJudge().rows(fmt.Sprintf("SELECT %s FROM (%s) b(%s)", strings.Join(list, ", "), text[0][0], strings.Join(names, ", ")), params)
	if err != nil {
		return err
	}
	bounds := make([]*int64, n)
	for i, v := range rows[0][:n] {
		if us, err := strconv.ParseInt(v, 10, 64); err == nil {
			bounds[i] = &us
		}
	}
	st.SetBounds(bounds)
	return nil
}

func (d *Deletion) text() string {
	if d.Nothing {
		return "nothing"
	}
	list := make([]string, 0, len(d.Columns))
	for _, c := range d.Columns {
		list = append(list, fmt.Sprintf("%s%s%q", c.Column, c.Type, c.Value))
	}
	text := "{" + strings.Join(list, ", ") + "}"
	if d.MinT != -1<<63 {
		text += " from " + time.UnixMilli(d.MinT).UTC().Format("2006-01-02T15:04:05.000")
	}
	if d.MaxT != 1<<63-1 {
		text += " to " + time.UnixMilli(d.MaxT).UTC().Format("2006-01-02T15:04:05.000")
	}
	return text
}

func TestDeletions(t *testing.T) {
	tests := map[string]string{
		"delete from t where true":                                                             "{}",
		"DELETE FROM t WHERE false":                                                            "nothing",
		"DELETE FROM t WHERE null":                                                             "nothing",
		"DELETE FROM t WHERE NOT false AND job = 'a';":                                         `{job="a"}`,
		"DELETE FROM metric.t AS x WHERE x.job = 'a' AND 'b' = x.instance":                     `{job="a", instance="b"}`,
		"DELETE FROM t WHERE job <> 'a'":                                                       `{job!="", job!="a"}`,
		"DELETE FROM t WHERE job = ''":                                                         "nothing",
		"DELETE FROM t WHERE job <> ''":                                                        `{job!=""}`,
		"DELETE FROM t WHERE job = NULL":                                                       "nothing",
		"DELETE FROM t WHERE NOT job = NULL":                                                   "nothing",
		"DELETE FROM t WHERE job IN ('a', 'b.', NULL)":                                         `{job=~"a|b\\."}`,
		"DELETE FROM t WHERE job NOT IN ('a', 'b')":                                            `{job!="", job!~"a|b"}`,
		"DELETE FROM t WHERE job NOT IN ('a', NULL)":                                           "nothing",
		"DELETE FROM t WHERE job IS NULL":                                                      `{job=""}`,
		"DELETE FROM t WHERE NOT (job IS NULL)":                                                `{job!=""}`,
		"DELETE FROM t WHERE job = 'a' OR job IS NULL OR job IN ('c')":                         `{job=~"|a|c"}`,
		"DELETE FROM t WHERE NOT (job = 'a' OR instance = 'b')":                                `{job!="", job!="a", instance!="", instance!="b"}`,
		"DELETE FROM t WHERE NOT (job <> 'a' AND job <> 'b')":                                  `{job=~"a|b"}`,
		"DELETE FROM t WHERE job IS DISTINCT FROM 'a'":                                         `{job!="a"}`,
		"DELETE FROM t WHERE job IS NOT DISTINCT FROM NULL":                                    `{job=""}`,
		"DELETE FROM t WHERE job LIKE 'a_%.'":                                                  `{job=~"a..*\\.", job!=""}`,
		"DELETE FROM t WHERE NOT job LIKE 'a%'":                                                `{job!~"a.*", job!=""}`,
		"DELETE FROM t WHERE job ~ 'a.'":                                                       `{job=~"(?-s:a.)", job!=""}`,
		"DELETE FROM t WHERE regexp_matches(job, '^a|b$')":                                     `{job=~".*(?-s:^a|b$).*", job!=""}`,
		"DELETE FROM t WHERE job = $j AND time >= $t":                                          `{job="p"} from 2026-01-02T00:00:00.000`,
		"DELETE FROM t WHERE time < '2026-01-01'":                                              "{} to 2025-12-31T23:59:59.999",
		"DELETE FROM t WHERE time < '2026-01-01 00:00:00.0001'":                                "{} to 2026-01-01T00:00:00.000",
		"DELETE FROM t WHERE time > '2026-01-01 00:00:00.0001' AND time <= DATE '2026-01-02'":  "{} from 2026-01-01T00:00:00.001 to 2026-01-02T00:00:00.000",
		"DELETE FROM t WHERE NOT time < '2026-01-01' AND '2026-01-02' > time":                  "{} from 2026-01-01T00:00:00.000 to 2026-01-01T23:59:59.999",
		"DELETE FROM t WHERE time = '2026-01-01 00:00:00.0001'":                                "nothing",
		"DELETE FROM t WHERE time = '2026-01-01'":                                              "{} from 2026-01-01T00:00:00.000 to 2026-01-01T00:00:00.000",
		"DELETE FROM t WHERE time BETWEEN '2026-01-01' AND DATE '2026-01-01' + INTERVAL 1 DAY": "{} from 2026-01-01T00:00:00.000 to 2026-01-02T00:00:00.000",
		"DELETE FROM t WHERE time BETWEEN '2026-01-02' AND '2026-01-01'":                       "nothing",
		"DELETE FROM t WHERE time < NULL":                                                      "nothing",
		"DELETE FROM samples WHERE __name__ = 'a'":                                             `{__name__="a"}`,
	}
	for text, want := range tests {
		params := Params{}
		if strings.Contains(text, "$") {
			params = Params{"j": "p", "t": "2026-01-02"}
		}
		st, err := parseDelete(t, text, params)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, st.Delete.text()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		if len(st.Tables) != 1 || st.Tables[0].Filter.Labels != nil || st.Tables[0].Filter.MinT != -1<<63 {
			t.Errorf("%s reads %+v", text, st.Tables)
		}
	}
}

func TestRefusedDeletions(t *testing.T) {
	tests := []struct {
		text, want string
		position   int // In the text; -1: unknown.
	}{
		{"DELETE", "DELETE FROM table", 6},
		{"DELETE t", "DELETE FROM table", 7},
		{"delete from t", "WHERE true", 13},
		{"EXPLAIN delete from t ;", "WHERE true", 21},
		{"DELETE FROM t WHERE value > 3", "conditions on labels", 26},
		{" DELETE FROM t WHERE job = 'a' AND abs(value) = 3", "conditions on labels", 46},
		{"DELETE FROM t WHERE job = 'a' OR instance = 'b'", "OR only joins", 30},
		{"DELETE FROM t WHERE job = 'a' OR time < now()", "OR only joins", 30},
		{"DELETE FROM t WHERE job = 5", "conditions on labels", 24},
		{"DELETE FROM t WHERE job = instance", "conditions on labels", 24},
		{"DELETE FROM t WHERE job || 'x' = 'ax'", "conditions on labels", 31},
		{"DELETE FROM t WHERE job < 'x'", "conditions on labels", 24},
		{"DELETE FROM t WHERE job ILIKE 'x'", "conditions on labels", 24},
		{"DELETE FROM t WHERE job LIKE instance", "conditions on labels", 24},
		{"DELETE FROM t WHERE job LIKE 'x' ESCAPE 'y'", "conditions on labels", 24},
		{"DELETE FROM t WHERE regexp_matches(job, '(?i)x')", "plain regular", 20},
		{"DELETE FROM t WHERE regexp_matches(job, '\\pL')", "plain regular", 20},
		{"DELETE FROM t WHERE regexp_matches(job, 'a)(b')", "plain regular", 20},
		{"DELETE FROM t WHERE regexp_matches(job, 'a', 'i')", "conditions on labels", 20},
		{"DELETE FROM t WHERE date_trunc('day', time) = '2026-01-01'", "conditions on labels", 44},
		{"DELETE FROM t WHERE time <> '2026-01-01'", "cannot be compared so", 25},
		{"DELETE FROM t WHERE time NOT BETWEEN '2026-01-01' AND '2026-01-02'", "cannot be compared so", -2},
		{"DELETE FROM t WHERE time < now() - to_seconds(random()*5)", "constants, parameters", 25},
		{"DELETE FROM t WHERE time < value", "constants, parameters", 25},
		{"DELETE FROM t WHERE time < (SELECT now())", "no SELECT", 28},
		{"DELETE FROM t WHERE job IN (SELECT 'x')", "no SELECT", 28},
		{"DELETE FROM t WHERE job = (FROM u)", "one table and nothing else", -1},
		{"DELETE FROM t, u WHERE true", "one table and nothing else", -1},
		{"DELETE FROM t JOIN u USING (job) WHERE true", "USING", 21},
		{"DELETE FROM t USING u WHERE t.job = u.job", "no USING", 14},
		{"DELETE FROM t WHERE true RETURNING *", "no RETURNING", 25},
		{"DELETE FROM t SELECT job WHERE true", "no SELECT", 14},
		{"DELETE FROM t WHERE true LIMIT 1", "no modifiers", -1},
		{"DELETE FROM t WHERE true ORDER BY time", "no modifiers", -1},
		{"DELETE FROM t WHERE true GROUP BY job", "DELETE FROM table", -1},
		{"DELETE FROM t WHERE true QUALIFY true", "no qualify", -1},
		{"DELETE FROM t TABLESAMPLE 10% WHERE true", "", -1},
		{"DELETE FROM t x(a, b) WHERE true", "one table", -1},
		{"DELETE FROM t WHERE true UNION ALL FROM u", "DELETE FROM table", -1},
		{"DELETE FROM 'file.parquet' WHERE true", "file", 12},
		{"DELETE FROM range(5) WHERE true", "one table", -1},
		{"DELETE FROM information_schema.tables WHERE true", "one table", -1},
		{"DELETE FROM t WHERE sleep_ms(5) = 1", "sleep_ms", 20},
		{"DELETE FROM t WHERE job = $1", "parameter $1", -1},
		{"DELETE FROM t WHERE job = 'a'; DELETE FROM t WHERE true", "", -2},
		{"DELETE FROM t WHERE job =", "", 25},
		{"WITH x AS (SELECT 1) DELETE FROM t WHERE true", "only SELECT", -1},
	}
	for _, tt := range tests {
		command, err := Split(tt.text)
		if err == nil {
			_, err = ParseDelete(newJudge().tree(t, command.Select), command.Select, nil)
		}
		if !command.Delete && strings.HasPrefix(tt.want, "only") {
			_, err = Parse(newJudge().tree(t, command.Select), command.Select, nil)
		}
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, series.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
			continue
		}
		at := e.Position
		if at >= 0 {
			at += command.Offset
		}
		if tt.position != -2 && at != tt.position {
			t.Errorf("%s: %v is at %d, want %d", tt.text, err, at, tt.position)
		}
	}
}

// A DELETE means the rows that the same WHERE would select, for every row there
// can be: SQL's own answer is DuckDB's.
func TestDeletionsMeanTheirWhere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	values := []string{"", "a", "b", "ab", "a\nb", "x%", "é", "a.b", "_"}
	var rows []string
	type row struct {
		ls labels.Labels
		t  int64
	}
	var all []row
	for _, job := range values {
		for _, instance := range []string{"", "1", "2"} {
			for _, ms := range []int64{1767225600000, 1767225600001, 1767225605000} {
				null := func(s string) string {
					if s == "" {
						return "NULL"
					}
					return "'" + s + "'"
				}
				rows = append(rows, fmt.Sprintf("(%d, %s, %s, make_timestamptz(%d))", len(all), null(job), null(instance), ms*1000))
				all = append(all, row{labels.FromStrings("job", job, "instance", instance), ms})
			}
		}
	}
	j := newJudge()
	if _, err := j.rows("CREATE OR REPLACE TABLE deleted AS SELECT * FROM (VALUES "+strings.Join(rows, ", ")+") v(id, job, instance, time)", nil); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for range 800 {
		where := randomWhere(r, values, 2)
		st, err := parseDelete(t, "DELETE FROM deleted WHERE "+where, nil)
		var e *Error
		if errors.As(err, &e) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		accepted++
		answer, err := j.rows("SELECT id::VARCHAR FROM deleted WHERE "+where+" ORDER BY id", nil)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		var want, got []string
		for _, a := range answer {
			want = append(want, a[0])
		}
		matchers := make([]*labels.Matcher, len(st.Delete.Columns))
		for i, c := range st.Delete.Columns {
			matchers[i] = labels.MustNewMatcher(c.Type, c.Column, c.Value)
		}
		for i, row := range all {
			if !st.Delete.Nothing && series.Matches(row.ls, matchers) && row.t >= st.Delete.MinT && row.t <= st.Delete.MaxT {
				got = append(got, strconv.Itoa(i))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s means %s (-SELECT +DELETE):\n%s", where, st.Delete.text(), diff)
		}
	}
	if accepted < 150 {
		t.Errorf("only %d of 800 conditions were accepted", accepted)
	}
}

func randomWhere(r *rand.Rand, values []string, depth int) string {
	value := func() string {
		if r.IntN(8) == 0 {
			return "NULL"
		}
		return "'" + values[r.IntN(len(values))] + "'"
	}
	column := []string{"job", "instance", "job"}[r.IntN(3)]
	list := func() string { return strings.Join([]string{value(), value(), value()}[:1+r.IntN(3)], ", ") }
	instants := []string{"'2026-01-01'", "'2026-01-01 00:00:00.001'", "'2026-01-01 00:00:00.0005'", "TIMESTAMPTZ '2026-01-01 00:00:05'", "DATE '2026-01-01' + INTERVAL 1 SECOND", "NULL", "'infinity'"}
	instant := func() string { return instants[r.IntN(len(instants))] }
	compare := func() string { return []string{"<", "<=", "=", ">=", ">"}[r.IntN(5)] }
	switch n := r.IntN(15); {
	case n < 2 && depth > 0:
		return "(" + randomWhere(r, values, depth-1) + " AND " + randomWhere(r, values, depth-1) + ")"
	case n < 4 && depth > 0:
		return "(" + randomWhere(r, values, depth-1) + " OR " + randomWhere(r, values, depth-1) + ")"
	case n < 6 && depth > 0:
		return "NOT (" + randomWhere(r, values, depth-1) + ")"
	case n < 8:
		return column + []string{" = ", " <> ", " IS DISTINCT FROM ", " IS NOT DISTINCT FROM "}[r.IntN(4)] + value()
	case n < 10:
		return column + []string{" IN (", " NOT IN ("}[r.IntN(2)] + list() + ")"
	case n == 10:
		return column + []string{" IS NULL", " IS NOT NULL"}[r.IntN(2)]
	case n == 11:
		return column + []string{" LIKE ", " NOT LIKE "}[r.IntN(2)] + []string{"'%'", "'a%'", "'_'", "'a_b'", "''", "'x\\%'", "'%b'", "NULL"}[r.IntN(8)]
	case n == 12:
		re := []string{"'a.b'", "'^a|b$'", "''", "'[^x]b'", "'a|'", "'(a)(b)?'", "'.'", "'é'", "'a\\.b'", "NULL"}[r.IntN(10)]
		return []string{"regexp_matches", "regexp_full_match"}[r.IntN(2)] + "(" + column + ", " + re + ")"
	case n == 13:
		return "time BETWEEN " + instant() + " AND " + instant()
	default:
		return "time " + compare() + " " + instant()
	}
}
