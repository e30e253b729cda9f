package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// sqlAnswer is an answer in JSON.
type sqlAnswer struct {
	Columns []struct{ Name, Type string }
	Rows    [][]any
}

// sql asks SQL; more are further parameters.
func (s *server) sql(statement string, more ...string) ([]byte, error) {
	form := url.Values{"query": {statement}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return s.do(http.MethodPost, "/api/v1/sql", "application/x-www-form-urlencoded", []byte(form.Encode()))
}

func (s *server) sqlRows(statement string, more ...string) (sqlAnswer, error) {
	var a sqlAnswer
	text, err := s.sql(statement, more...)
	if err != nil {
		return a, fmt.Errorf("%s: %w", statement, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return a, d.Decode(&a)
}

// mustSQL is sqlRows for what must work.
func (n *node) mustSQL(statement string, more ...string) sqlAnswer {
	n.t.Helper()
	a, err := n.sqlRows(statement, more...)
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

// sqlSeries reads a table with all its columns, as a stock Arrow library sees it,
// and puts the rows together to series. names gives the labels of columns that
// are called otherwise.
func (n *node) sqlSeries(table, metric string, names map[string]string, more ...string) (answer, error) {
	text, err := n.sql("SELECT * FROM "+table+" ORDER BY time", append(more, "format", "arrow")...)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	a := answer{}
	for r.Next() {
		if err := addRows(a, r.RecordBatch(), metric, names); err != nil {
			return nil, err
		}
	}
	return a, r.Err()
}

func addRows(a answer, b arrow.RecordBatch, metric string, names map[string]string) error {
	for row := range int(b.NumRows()) {
		ls := labels.NewScratchBuilder(8)
		if metric != "" {
			ls.Add("__name__", metric)
		}
		var p point
		histogram := false
		for i, f := range b.Schema().Fields() {
			c := b.Column(i)
			switch {
			case f.Name == "time":
				unit := c.DataType().(*arrow.TimestampType).Unit
				p.t = c.(*array.Timestamp).Value(row).ToTime(unit).UnixMilli()
			case f.Name == "value":
				if histogram = c.IsNull(row); !histogram {
					p.bits = math.Float64bits(c.(*array.Float64).Value(row))
				}
			case f.Name == "count" || f.Name == "start_time" || c.IsNull(row):
			case f.Name == "sum":
				p.bits = math.Float64bits(c.(*array.Float64).Value(row))
			default:
				name := f.Name
				if other, ok := names[name]; ok {
					name = other
				}
				ls.Add(name, c.ValueStr(row))
			}
		}
		ls.Sort()
		key := ls.Labels().String()
		a[key] = append(a[key], p)
	}
	return nil
}

// shown is what SQL shows of points: no staleness markers; of a histogram its sum.
func (a answer) shown() answer {
	out := answer{}
	for key, points := range a {
		for _, p := range points {
			switch {
			case p.stale() || p.h != nil && value.IsStaleNaN(p.h.Sum) || p.fh != nil && value.IsStaleNaN(p.fh.Sum):
				continue
			case p.h != nil:
				p = point{t: p.t, bits: math.Float64bits(p.h.Sum)}
			case p.fh != nil:
				p = point{t: p.t, bits: math.Float64bits(p.fh.Sum)}
			}
			out[key] = append(out[key], p)
		}
	}
	return out
}

// sqlData writes random, overlapping, repeated data.
type sqlData struct {
	*node
	rng  *rand.Rand
	from int64 // Milliseconds.
}

// sqlTables are the tables that sqlData fills, with the columns of labels that
// are called otherwise in SQL.
var sqlTables = map[string]map[string]string{
	"plain": nil, "odd": nil, "hist": nil, "job:rate:sum": nil, "température": nil, "samples": nil, "only_old": nil,
	"clash": {"label_time": "time", "label_Value": "Value", "label_label_value": "value", "label_value": "value", "label_host": "host", "label_count": "count"},
}

const sqlDays = 3

func (d *sqlData) series(metric string) labels.Labels {
	l := map[string]string{"__name__": metric, "host": fmt.Sprintf("h%d", d.rng.IntN(4))}
	if d.rng.IntN(3) > 0 {
		l["job"] = []string{"a", "b", "c"}[d.rng.IntN(3)]
	}
	if metric == "clash" {
		for _, name := range []string{"time", "Value", "value", "Host", "count", "le"} {
			if d.rng.IntN(2) == 0 {
				l[name] = fmt.Sprintf("%s-%d", name, d.rng.IntN(2))
			}
		}
	}
	return labels.FromMap(l)
}

// points are n points at 1 ms behind multiples of 15 s, so that writes meet at
// the same times, and never on the edge of an hour.
func (d *sqlData) points(metric string, n int) []point {
	at := map[int64]bool{}
	slots := int64(sqlDays * 24 * 240)
	if d.rng.IntN(2) == 0 {
		slots = 60 // Many writers of few times.
	}
	for range n {
		at[d.from+d.rng.Int64N(slots)*15_000+1] = true
	}
	var out []point
	for _, t := range slices.Sorted(maps.Keys(at)) {
		p := floatPoint(t, math.Round(d.rng.Float64()*1e6)/100)
		switch {
		case metric == "hist" && d.rng.IntN(2) == 0:
			p = point{t: t, h: deriveInt(d.rng)}
		case metric == "odd" && d.rng.IntN(3) == 0:
			p = point{t: t, bits: deriveBits(d.rng)}
		case d.rng.IntN(15) == 0:
			p = point{t: t, bits: value.StaleNaN}
		}
		out = append(out, p)
	}
	return out
}

// write sends one request about all tables.
func (d *sqlData) write() {
	d.t.Helper()
	var list []sent
	seen := map[string]bool{}
	for metric := range sqlTables {
		for range 1 + d.rng.IntN(4) {
			ls := d.series(metric)
			if metric == "samples" && d.rng.IntN(4) > 0 || metric == "only_old" || seen[ls.String()] {
				continue
			}
			seen[ls.String()] = true
			list = append(list, sent{labels: ls, points: d.points(metric, 1+d.rng.IntN(120))})
		}
	}
	d.send(list)
}

func (d *sqlData) send(list []sent) {
	d.t.Helper()
	body, err := encodeTwo(list)
	if err != nil {
		d.t.Fatal(err)
	}
	if code, _, text, err := d.node.write(protocolTwo, body); err != nil || code != http.StatusNoContent {
		d.t.Fatalf("write: %d %s %v", code, text, err)
	}
}

func newSQLData(t *testing.T) *sqlData { return newSQLDataOn(t, "") }

func newSQLDataOn(t *testing.T, config string) *sqlData {
	t.Helper()
	seed := envNumber(t, "SEED", uint64(time.Now().UnixNano()))
	t.Logf("SEED=%d", seed)
	n := newNode(t, config)
	n.startReady()
	from := time.Now().Add(-sqlDays * 24 * time.Hour).Truncate(time.Hour)
	return &sqlData{node: n, rng: rand.New(rand.NewPCG(seed, 1)), from: from.UnixMilli()}
}

// TestSQLAgreesWithPromQL: in memory, in files, in both, overlapping, and after a
// crash, SQL shows exactly the samples that remote read does, and aggregations
// written in both languages give equal numbers.
func TestSQLAgreesWithPromQL(t *testing.T) {
	d := newSQLData(t)
	for metric := range sqlTables { // Each exists from the first check on.
		d.send([]sent{{labels: labels.FromStrings("__name__", metric, "host", "h0", "job", "a"), points: []point{floatPoint(d.from+1, 42)}}})
	}
	steps := []struct {
		name string
		do   func()
	}{
		{"in memory", func() { d.write() }},
		{"flushed", d.flush},
		{"overlapping in memory", func() { d.write(); d.write() }},
		{"overlapping files", d.flush},
		{"more files and memory", func() {
			for range 4 {
				d.write()
				d.flush()
			}
			d.write()
		}},
		{"after kill -9", func() { d.process.kill(); d.startReady() }},
		{"three more writes", func() { d.write(); d.flush(); d.write(); d.write() }},
	}
	for _, s := range steps {
		s.do()
		d.checkSeries(s.name)
		d.checkAggregates(s.name)
		d.checkProgressive(s.name)
	}
}

func (d *sqlData) checkSeries(when string) {
	d.t.Helper()
	all := answer{}
	for metric, names := range sqlTables {
		want, err := d.readSamples(d.from-1, d.from+sqlDays*86_400_000, labels.MustNewMatcher(labels.MatchEqual, "__name__", metric))
		if err != nil {
			d.t.Fatal(err)
		}
		want = want.shown()
		maps.Copy(all, want)
		if len(want) == 0 {
			continue
		}
		d.checkTable(when, `metric."`+metric+`"`, metric, names, want)
	}
	d.checkTable(when, "samples", "", sqlTables["clash"], all)
}

// checkTable reads a table by scans and, as it is small, by series indexes.
func (d *sqlData) checkTable(when, table, metric string, names map[string]string, want answer) {
	d.t.Helper()
	for _, indexed := range []string{"false", "true"} {
		got, err := d.sqlSeries(table, metric, names, "indexed", indexed)
		if err != nil {
			d.t.Fatalf("%s: %v", when, err)
		}
		if text := got.differs(want); text != "" {
			d.t.Fatalf("%s: table %s, indexed %s: %s", when, table, indexed, text)
		}
	}
}

// differs names the first difference.
func (a answer) differs(want answer) string {
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(want))) {
		return fmt.Sprintf("SQL has the series %v, PromQL %v", slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(want)))
	}
	for key, points := range want {
		if len(a[key]) != len(points) {
			return fmt.Sprintf("%s: SQL has %d samples, PromQL %d", key, len(a[key]), len(points))
		}
		for i, p := range points {
			if !a[key][i].equal(p) {
				return fmt.Sprintf("%s: sample %d is %v in SQL and %v in PromQL", key, i, a[key][i], p)
			}
		}
	}
	return ""
}

// pairs of the same aggregation in PromQL, of the range selector R, and in SQL.
// The columns of SQL are the labels and then the value.
var sqlPairs = []struct{ promql, sql string }{
	{`sum(count_over_time(plain[R]))`, `SELECT count(*) FROM plain`},
	{`sum by (host) (count_over_time(plain[R]))`, `SELECT host, count(value) FROM plain GROUP BY host`},
	{`sum by (host) (sum_over_time(plain[R]))`, `SELECT host, sum(value) FROM plain GROUP BY ALL`},
	{`avg_over_time(plain[R])`, `SELECT host, job, avg(value) FROM plain GROUP BY host, job`},
	{`min_over_time(plain[R])`, `SELECT host, job, min(value) FROM plain GROUP BY host, job`},
	{`max_over_time(plain[R])`, `SELECT host, job, max(value) FROM plain GROUP BY host, job`},
	{`stddev_over_time(plain[R])`, `SELECT host, job, stddev_pop(value) FROM plain GROUP BY host, job`},
	{`stdvar_over_time(plain[R])`, `SELECT host, job, var_pop(value) FROM plain GROUP BY host, job`},
	{`last_over_time(plain[R])`, `SELECT host, job, last(value, time) FROM plain GROUP BY host, job`},
	{`quantile_over_time(0.5, plain[R])`, `SELECT host, job, quantile_cont(value, 0.5) FROM plain GROUP BY host, job`},
	{`quantile_over_time(0.9, plain[R])`, `SELECT host, job, quantile_cont(value, 0.9) FROM plain GROUP BY host, job`},
	{`max by (job) (max_over_time(plain[R]))`, `SELECT job, max(value) FROM plain GROUP BY job`},
	{`count(count by (host) (count_over_time(plain[R])))`, `SELECT count(DISTINCT host) FROM plain`},
	{`topk(2, sum by (host) (sum_over_time(plain[R])))`, `SELECT host, sum(value) s FROM plain GROUP BY host ORDER BY s DESC LIMIT 2`},
	{`avg_over_time(plain{job="a"}[R])`, `SELECT host, job, avg(value) FROM plain WHERE job = 'a' GROUP BY host, job`},
	{`sum by (host) (sum_over_time(plain{host=~"h1|h2"}[R]))`, `SELECT host, sum(value) FROM plain WHERE host IN ('h1', 'h2') GROUP BY host`},
	{`sum by (host) (sum_over_time(plain{job!="a"}[R]))`, `SELECT host, sum(value) FROM plain WHERE job <> 'a' OR job IS NULL GROUP BY host`},
	{`sum by (host, job) (count_over_time(samples[R]))`, `SELECT host, job, count(*) FROM metric.samples GROUP BY host, job`},
	{`sum(sum_over_time(plain[R])) + sum(sum_over_time(clash[R]))`, `SELECT sum(value) FROM samples WHERE __name__ IN ('plain', 'clash')`},
	{`sum by (host) (sum_over_time(plain[R])) / on () group_left () sum(sum_over_time(plain[R]))`,
		`WITH t AS (SELECT host, sum(value) s FROM plain GROUP BY host) SELECT host, s / sum(s) OVER () FROM t`},
	{`max(max_over_time(plain[R])) - min(min_over_time(plain[R]))`, `SELECT max(value) - min(value) FROM plain`},
	{`sum(count_over_time({__name__="job:rate:sum"}[R])) + sum(count_over_time({"température"}[R]))`,
		`SELECT (SELECT count(*) FROM "job:rate:sum") + (SELECT count(*) FROM "température")`},
	{`sum by (job) (count_over_time(plain[86400s]))`, `SELECT job, count(*) FROM plain WHERE time > to_timestamp($1) - INTERVAL 1 DAY GROUP BY job`},
}

func (d *sqlData) checkAggregates(when string) {
	d.t.Helper()
	end := d.from/1000 + sqlDays*86_400
	for _, p := range sqlPairs {
		expr := strings.ReplaceAll(p.promql, "[R]", fmt.Sprintf("[%ds]", sqlDays*86_400+10))
		data, err := d.call("query", url.Values{"query": {expr}, "time": {strconv.FormatInt(end, 10)}})
		if err != nil {
			d.t.Fatal(err)
		}
		want, err := parseVector(data)
		if err != nil {
			d.t.Fatal(err)
		}
		more := []string{"indexed", strconv.FormatBool(d.rng.IntN(2) == 0)}
		if strings.Contains(p.sql, "$1") {
			more = append(more, "params", fmt.Sprintf("[%d]", end))
		}
		a := d.mustSQL(p.sql, more...)
		got := map[string]float64{}
		for _, row := range a.Rows {
			got[groupOf(a, row)] = number(row[len(row)-1])
		}
		if len(got) != len(want) {
			d.t.Fatalf("%s: %s: %v\n%s: %v", when, p.promql, want, p.sql, got)
		}
		for key, v := range want {
			if g, ok := got[key]; !ok || math.Abs(g-v) > 1e-9*max(1, math.Abs(v)) {
				d.t.Fatalf("%s: group %s: %s is %v, %s is %v", when, key, p.promql, v, p.sql, got)
			}
		}
	}
}

// groupOf is the text of a row's labels, as PromQL's would be.
func groupOf(a sqlAnswer, row []any) string {
	m := map[string]string{}
	for i, v := range row[:len(row)-1] {
		if s, ok := v.(string); ok {
			m[a.Columns[i].Name] = s
		}
	}
	return fmt.Sprint(m)
}

func number(v any) float64 {
	f, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

func parseVector(data json.RawMessage) (map[string]float64, error) {
	var res struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := json.Unmarshal(data, &res); err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, r := range res.Result {
		delete(r.Metric, "__name__")
		out[fmt.Sprint(r.Metric)] = number(r.Value[1])
	}
	return out, nil
}

// checkProgressive: with and without progressive evaluation the answers are the
// same, to the bit and in the same order.
func (d *sqlData) checkProgressive(when string) {
	d.t.Helper()
	where := []string{"", "WHERE host = 'h1'", "WHERE host IN ('h0', 'h3') AND value > 5000", "WHERE job IS NULL", "WHERE host = 'none'",
		fmt.Sprintf("WHERE time < TIMESTAMPTZ '%s'", time.UnixMilli(d.from).Add(36*time.Hour).UTC().Format(time.RFC3339))}
	statements := []string{}
	for _, w := range where {
		for _, order := range []string{"DESC", "ASC"} {
			statements = append(statements,
				fmt.Sprintf("SELECT time, host, job, value, value * 2 AS double FROM plain %s ORDER BY time %s, host, job LIMIT %d", w, order, 1+d.rng.IntN(60)),
				fmt.Sprintf("SELECT time AT TIME ZONE 'Europe/Berlin' AS local, time AS t, host, job, value FROM plain %s ORDER BY t %s, host, job LIMIT %d OFFSET %d", w, order, 1+d.rng.IntN(60), d.rng.IntN(30)))
		}
		statements = append(statements,
			"SELECT host, job, last(value, time) AS v, max(time) AS t FROM plain "+w+" GROUP BY host, job ORDER BY ALL",
			"SELECT host, job, arg_min(value, time) AS v FROM plain "+w+" GROUP BY host, job ORDER BY ALL",
			"SELECT max(time) FROM plain "+w,
			"SELECT host, job, arg_max(value, time), max(time) FROM hist GROUP BY host, job ORDER BY ALL")
	}
	for _, s := range statements {
		got, want := d.mustSQL(s, "indexed", strconv.FormatBool(d.rng.IntN(2) == 0)), d.mustSQL(s, "progressive", "false", "indexed", "false")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			d.t.Fatalf("%s: %s\nprogressively: %v\nas a whole:   %v", when, s, got, want)
		}
	}
}
