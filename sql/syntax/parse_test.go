package syntax

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"herringbone/storage/series"
)

// accepted statements, one of each form.
var accepted = []string{
	"FROM t", "TABLE t", "VALUES (1, 'x')", "WITH x AS (SELECT 1) SELECT * FROM x", "UNPIVOT t ON a, b INTO NAME n VALUE v",
	"SHOW TABLES", "SHOW ALL TABLES", "DESCRIBE t", "SUMMARIZE t", "SHOW t", "DESCRIBE SELECT 1", "SUMMARIZE SELECT a FROM t",
	"SELECT * FROM (SHOW TABLES)", "PIVOT t ON a IN ('x', 'y') USING sum(b) GROUP BY c",
	"FROM t PIVOT (sum(a) AS y FOR (b, c) IN ((1, 2), (3, 4)) GROUP BY z)",
	"FROM t UNPIVOT INCLUDE NULLS ((a, b) FOR n IN ((c, d) AS x, (e, f)))",
	"select a.b, x as \"Y\" from t as a(c, d) where time > now() - interval '1 hour' and job = 'x' order by time desc nulls last limit 10 offset 2",
	"select * from a join b using (x) left join c on a.y = c.y asof join d on a.time >= d.time, lateral (select 1)",
	"select * from t natural join u semi join v using (x) anti join w on true right join z on true full join y on true positional join p cross join q",
	"with recursive r as (select 1 as i union all select i + 1 from r where i < 10) select * from r",
	"with recursive r(i) using key (i) as (select 1 union select 2) select * from r",
	"with a as materialized (select 1), b(x, y) as not materialized (select 2, 3 from a) select * from a, b",
	"select count(*) filter (where x), row_number() over (partition by a order by b rows between 1 preceding and current row exclude ties) from t window w as (order by c) qualify row_number() over w > 1",
	"select lag(x, 1, 0) over (order by y groups between unbounded preceding and 2 following), last(x ignore nulls) over (order by y) from t",
	"select list_transform([1, 2], lambda x: x + 1), {'a': 1}.a, [x for x in [1, 2] if x > 1], a[1:2:3], a[1:], exists(select 1), x in (select 1) from t",
	"select x in (1, 2), x between 1 and 2, not x, case a when 1 then 1 else 2 end, cast(a as integer), current_date, x is null, x is distinct from 2 from t",
	"select columns('a'), t.*, * exclude (a), * replace (1 as b), * rename (a as b), columns(c -> c like 'x%'), unpack(columns(*)) from t",
	"select distinct on (a) b from t using sample 10%", "select * from t tablesample reservoir(10 rows) repeatable (1)",
	"select 1 union (select 2 order by 1 limit 3) except all select 3 intersect select 4", "select x from a union all by name select y from b limit 10%",
	"select grouping(a), a from t group by rollup(a), grouping sets ((a), (b)), cube(a, b)", "select a from t group by all having sum(b) > 1 order by all",
	"select x like 'y' collate nocase, try_cast(x as int), x::json ->> '$.a', json '{\"a\":1}' -> 'a', x::struct(a int, b varchar[]), x::map(int, int) from t",
	"select try(1 / 0), coalesce(1, 2), if(a, b, c), nullif(a, b), array(select 1), (select 1), #1, trim(both 'x' from a), substring(a from 1 for 2), extract(epoch from x) from t",
	"select time at time zone 'Europe/Berlin', time_bucket(interval '5 minutes', time), date_trunc('hour', time), interval 1 day, timestamptz '2024-01-01' from t",
	"select * from range(10) r(i), generate_series(1, 10), unnest([1, 2]) with ordinality u(a, b), (values (1, 2)) v(a, b)",
	"select string_agg(a, ',' order by b desc), quantile_cont(y, 0.5), sum(distinct a) from t",
	"select * from memory.main.t, metric.samples, system.metrics, information_schema.tables, \"a:b\"",
	"select system.main.abs(1), main.abs(2), pg_catalog.pg_typeof(1), 'a' || 'b', -x ** 2, a // b, a % b, a ~ 'x', a similar to 'y', @a from t",
	"select unnest({'a': 1}, max_depth := 2), struct_pack(a := 1), row(1, 2), map {'a': 1}, array[1], a = any([1]), a > all(select 1) from t",
	"select lpad(a, 10), repeat('-', 10), printf('year 2024 %8.2f', 1.0), format('{:>10} of 20000', a), bar(a, 0, 1, 20), list_aggregate([1], 'sum') from t",
	"select * from t where (a, b) in ((1, 2)) and a not in (1, 2) and not exists (from u)", "from t select a where b", "select a: 1, b: 2",
	"select last(value, time), FIRST (value, time) from t group by job", "select 'ü', last(value, time) from system.x, \"system\".\"files\" f",
}

// refused statements, and what the error says.
var refused = []struct{ text, want string }{
	// The table of what DuckDB calls a SELECT.
	{"select 1; select 2", "2 statements"},
	{"", "no statement"}, {"-- nothing", "no statement"}, {";", "no statement"},
	{"PRAGMA table_info('t')", "only SELECT"}, {"PRAGMA version", "only SELECT"}, {"PRAGMA memory_limit='1GB'", "only SELECT"},
	{"USE x", "only SELECT"}, {"CALL pragma_version()", "only SELECT"}, {"CHECKPOINT", "only SELECT"}, {"PIVOT t ON a", "PIVOT needs its values"},
	{"IMPORT DATABASE 'd'", "only SELECT"}, {"COPY t TO '/tmp/x'", "only SELECT"}, {"ATTACH '/tmp/x'", "only SELECT"},
	{"INSTALL httpfs", "only SELECT"}, {"LOAD httpfs", "only SELECT"}, {"SET memory_limit='1GB'", "only SELECT"},
	{"EXPORT DATABASE 'd'", "only SELECT"}, {"PREPARE x AS SELECT 1", "only SELECT"}, {"EXECUTE x", "only SELECT"},
	{"CREATE TABLE x (a int)", "only SELECT"}, {"TRUNCATE t", "only SELECT"}, {"INSERT INTO t VALUES (1)", "only SELECT"},
	{"WITH x AS (INSERT INTO t VALUES (1)) SELECT 1", "CTE needs a SELECT"}, {"EXPLAIN ANALYZE INSERT INTO t VALUES (1)", "only SELECT"},
	{"EXPLAIN EXPLAIN SELECT 1", "only SELECT"},
	{"select * from query('insert into t values (1)')", "function query is not available"},
	{"select * from '/etc/passwd'", `file "/etc/passwd"`}, {"select * from $$file.parquet$$", `file "file.parquet"`},
	{"describe 'file.csv'", `file "file.csv"`}, {"summarize 'file.csv'", `file "file.csv"`}, {"select 1 from t, lateral (from 'x.csv')", `file "x.csv"`},
	// What changes state or touches files.
	{"select * from enable_logging('QueryLog', storage='file', storage_path='/x')", "enable_logging"},
	{"select * from disable_logging()", "disable_logging"}, {"select * from truncate_duckdb_logs()", "truncate_duckdb_logs"},
	{"select * from enable_profiling(format='json', save_location='/x.json')", "enable_profiling"},
	{"select * from disable_profiling()", "disable_profiling"}, {"select * from enable_peg_parser()", "enable_peg_parser"},
	{"select * from checkpoint()", "checkpoint"}, {"select write_log('x')", "write_log"}, {"select sleep_ms(1000)", "sleep_ms"},
	{"select setseed(0.5)", "setseed"}, {"select * from json_execute_serialized_sql('x')", "json_execute_serialized_sql"},
	{"select * from glob('*')", "function glob is not available: it reads or lists files"}, {"select * from read_text('/etc/passwd')", "read_text"},
	{"select * from read_csv('x')", "tables listed by SHOW TABLES"}, {"select * from read_parquet('x')", "read_parquet"},
	{"select * from system.main.read_parquet('x')", "read_parquet"}, {"select * from parquet_metadata('x')", "parquet_metadata"},
	{"select * from read_duckdb('x')", "read_duckdb"}, {"select * from sniff_csv('x')", "sniff_csv"}, {"select * from sql_auto_complete('x')", "sql_auto_complete"},
	{"select * from duckdb_logs()", "duckdb_logs"}, {"select * from duckdb_secrets()", "duckdb_secrets"}, {"select * from duckdb_settings()", "duckdb_settings"},
	{"select * from duckdb_prepared_statements()", "duckdb_prepared_statements"}, {"select * from which_secret('x', 'y')", "which_secret"},
	{"select * from pragma_table_info('t')", "pragma_table_info"}, {"select current_setting('x')", "current_setting"}, {"select getvariable('x')", "getvariable"},
	{"select * from arrow_scan(null, null, null)", "arrow_scan"}, {"select * from query_table('t')", "query_table"}, {"select * from histogram(t, a)", "histogram is not available in FROM"},
	{"select * from summary(t)", "summary"}, {"select nextval('s')", "nextval"}, {"select getenv('HOME')", "unknown function getenv"}, {"select * from repeat('x', 3)", "repeat"},
	{"select 1 where (select sleep_ms(1)) is null", "sleep_ms"}, {"select sum(a) filter (where sleep_ms(1) is null) from t", "sleep_ms"},
	{"select sum(a) over (order by sleep_ms(1)) from t", "sleep_ms"}, {"select 1 order by sleep_ms(1)", "sleep_ms"}, {"select 1 limit (select sleep_ms(1))", "sleep_ms"},
	{"with a as (select sleep_ms(1)) select 1", "sleep_ms"}, {"values (sleep_ms(1))", "sleep_ms"}, {"select * replace (sleep_ms(1) as a) from t", "sleep_ms"},
	{"select list_transform([1], lambda x: sleep_ms(x))", "sleep_ms"}, {"select case when sleep_ms(1) is null then 1 end", "sleep_ms"},
	{"select string_agg('a', ',' order by sleep_ms(1))", "sleep_ms"}, {"from t pivot (max(sleep_ms(a)) for b in (1))", "sleep_ms"}, {"describe select sleep_ms(1)", "sleep_ms"},
	{"select * from range(sleep_ms(1))", "sleep_ms"}, {"select * from a join b on sleep_ms(1) is null", "sleep_ms"},
	// Tables and functions of elsewhere.
	{"select * from pg_catalog.pg_class", "the schemas are"}, {"select * from information_schema.character_sets", "information_schema.character_sets"},
	{"select * from other.main.t", "no database other"}, {"select * from temp.main.t", "no database temp"}, {"select * from system.main.duckdb_logs", "no database system"},
	{"select x.abs() from t", "x.abs"}, {"select temp.main.abs(1)", "temp.main.abs"}, {"show databases", "SHOW databases"}, {"show tables from main", "use SHOW TABLES"},
	{"show variables", "SHOW variables"}, {"select * from t at (version => 1)", "at_clause"}, {"select 1::geometry", "GEOMETRY"}, {"select null::int[1000][1000]", "fixed size"},
	{"select 'a'::enum('a')", "ENUM"}, {"select null::variant", "VARIANT"}, {"select null::sch.foo", "foo"},
	// Much out of little.
	{"select json_structure('[[[')", "json_structure"}, {"select length(repeat('x', 4000000000))", "argument 2 of repeat"},
	{"select repeat(repeat('x', 1000), 1000)", "constant string"}, {"select levenshtein('a', 'b')", "levenshtein"}, {"select length(lpad('x', 2000000000, 'y'))", "argument 2 of lpad"},
	{"select lpad('x', a::int) from t", "argument 2 of lpad"}, {"select printf('%1000000000d', 1)", "widths"}, {"select printf('%*d', 1, 2)", "widths"}, {"select format('{:1000000}', 1)", "widths"},
	{"select format('{:{}}', 1, 2)", "widths"}, {"select printf(a, 1) from t", "constant string"}, {"select range(60000000)", "more than 1000000"}, {"select * from range(600000000)", "more than 10000000"},
	{"select list_aggregate([1], 'bitstring_agg')", "argument 2"}, {"select json_transform('1', '1')", "json_transform"},
	{"select 1 where " + strings.Repeat("a=0 or ", 3000) + "a=1", "use IN"}, {"select 1" + strings.Repeat(" union all select 1", 600), "more than 500"},
	{"select " + strings.Repeat("a+b*c,", 10000) + "1 from t", "too many terms"},
	// Parameters and mistakes.
	{"select $1", "parameter $1"}, {"select $x", "parameter $x"}, {"selec 1", "at byte 0"}, {"select 'üü' 5 6", "at byte 14"}, {"select 'üü', sleep_ms(1)", "at byte 15"}, {"select 1 from t where", "at byte 21"}, {"select  sleep_ms(1)", "at byte 8"},
	{strings.Repeat("x", MaxLength+1), "65537 bytes"}, {"select \x00", "zero byte"}, {"select '\xff'", "UTF-8"}, {"EXPLAIN (FORMAT json) SELECT 1", "no FORMAT"},
	{"EXPLAIN (ANALYZE, TIMING) SELECT 1", "ANALYZE and VERBOSE"},
}

func TestAccepted(t *testing.T) {
	for _, text := range accepted {
		if _, err := parse(t, text, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range refused {
		_, err := parse(t, tt.text, nil)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, series.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.100s: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// What the shapes do not know is refused, whatever it is.
func TestUnknownShapes(t *testing.T) {
	const tree = `{"error":false,"statements":[{"node":{"type":"SELECT_NODE","select_list":[%],"from_table":{"type":"EMPTY"}}}]}`
	for name, tt := range map[string]struct{ item, want string }{
		"class":  {`{"class":"BOUND_FUNCTION","type":"X"}`, `"BOUND_FUNCTION"`},
		"type":   {`{"class":"OPERATOR","type":"OPERATOR_NEW","children":[]}`, `"OPERATOR_NEW"`},
		"field":  {`{"class":"CONJUNCTION","type":"CONJUNCTION_AND","children":[],"extra":{"class":"FUNCTION"}}`, `"extra"`},
		"object": {`{"class":"CAST","type":"OPERATOR_CAST","child":[]}`, `"child"`},
		"list":   {`{"class":"CONJUNCTION","type":"CONJUNCTION_AND","children":{"a":1}}`, `"children"`},
		"deep":   {strings.Repeat(`{"class":"COLLATE","type":"COLLATE","child":`, 3000) + `1` + strings.Repeat("}", 3000), "deep"},
	} {
		_, err := Parse([]byte(strings.Replace(tree, "%", tt.item, 1)), "select x", nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		text string
		want Command
	}{
		{"select 1", Command{Select: "select 1"}},
		{" /* a /* b */ ; */ select ';' -- c ;\n ; -- d", Command{Select: "select ';'", Offset: 19}},
		{"explain select 1;", Command{Explain: true, Select: "select 1", Offset: 8}},
		{"EXPLAIN ANALYZE VERBOSE from t", Command{Explain: true, Analyze: true, Verbose: true, Select: "from t", Offset: 24}},
		{"explain verbose analyse from t", Command{Explain: true, Analyze: true, Verbose: true, Select: "from t", Offset: 24}},
		{"explain (verbose, Analyze) from t", Command{Explain: true, Analyze: true, Verbose: true, Select: "from t", Offset: 27}},
		{"explain (select 1)", Command{Explain: true, Select: "(select 1)", Offset: 8}},
		{`select "a;", $$;$$, $x$ ; $x$, e'\';', u&'x' ;`, Command{Select: `select "a;", $$;$$, $x$ ; $x$, e'\';', u&'x'`}},
		{"select\u00a0'\u00a0', 1", Command{Select: "select  '\u00a0', 1"}},
		{`"explain" `, Command{Select: `"explain"`}},
		{" delete from t where a; ", Command{Delete: true, Select: "from t where a", Offset: 8}},
		{"EXPLAIN DELETE FROM t", Command{Explain: true, Delete: true, Select: "FROM t", Offset: 15}},
		{`"delete" from t`, Command{Select: `"delete" from t`}},
	}
	for _, tt := range tests {
		got, err := Split(tt.text)
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestText(t *testing.T) {
	tests := map[string]string{
		"select 'ü😀', last(value, time) from system.x":                                         "select 'ü😀', arg_max(value, time) from memory.system.x",
		`select LAST /* last( */ (v, t), "last"(v, t) from t`:                                  `select arg_max /* last( */ (v, t), arg_max(v, t) from t`,
		"select main.first(v, t), first(v), 'last(v, t)' from t, memory.system.x, metric.last": "select main.arg_min(v, t), first(v), 'last(v, t)' from t, memory.system.x, metric.last",
		"from system.a pivot (last(v, t) for b in (1)), \"System\" . b":                        "from memory.system.a pivot (arg_max(v, t) for b in (1)), memory.\"System\" . b",
		"select\u2003last(a, b),\u00a0last(a, b) from t":                                       "select   arg_max(a, b),  arg_max(a, b) from t",
		"select array(select last(v, t) from system.x)":                                        "select array(select arg_max(v, t) from memory.system.x)",
	}
	for text, want := range tests {
		st := mustParse(t, text, nil)
		if diff := cmp.Diff(want, st.Text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		command, _ := Split(text)
		const mark = " from " // Behind the edits; its place comes back to itself.
		if at := strings.LastIndex(st.Text, mark); at >= 0 && !strings.HasPrefix(command.Select[st.Origin(at):], mark) {
			t.Errorf("%s: position %d of the text is %d", text, at, st.Origin(at))
		}
	}
}

func TestParameters(t *testing.T) {
	st := mustParse(t, "select $b, $a, $B", Params{"A": int64(1), "b": "x"})
	if diff := cmp.Diff([]string{"a", "b"}, st.Params); diff != "" {
		t.Error(diff)
	}
	if st := mustParse(t, "DESCRIBE t", nil); !st.Describe || st.NeedsAll {
		t.Errorf("%+v", st)
	}
	for _, text := range []string{"SHOW TABLES", "SHOW ALL TABLES", "from information_schema.columns"} {
		if st := mustParse(t, text, nil); !st.NeedsAll || st.Describe {
			t.Errorf("%s: %+v", text, st)
		}
	}
}
