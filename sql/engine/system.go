package engine

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
	"herringbone/sql/rows"
	"herringbone/sql/syntax"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// made is a table that is not read from sample files: it is made for the query.
type made struct {
	name    string
	columns string // As SQL.
	write   func(q *query, w io.Writer, f syntax.Filter) error
}

// systemTables are the tables of the schema system.
var systemTables = []made{
	{"metrics", "name VARCHAR, type VARCHAR, help VARCHAR, unit VARCHAR, series BIGINT", writeMetrics},
	{"labels", "name VARCHAR, metrics BIGINT, \"values\" BIGINT", writeLabels},
	{"files", "id VARCHAR, kind VARCHAR, partition VARCHAR, day DATE, days BIGINT, level BIGINT, name VARCHAR, bytes BIGINT, rows BIGINT, series BIGINT, min_time TIMESTAMPTZ, max_time TIMESTAMPTZ, min_name VARCHAR, max_name VARCHAR, sequence BIGINT, writer VARCHAR, created TIMESTAMPTZ", writeFiles},
	{"partitions", "kind VARCHAR, partition VARCHAR, day DATE, days BIGINT, files BIGINT, max_level BIGINT, files_by_level MAP(VARCHAR, VARCHAR), bytes BIGINT, rows BIGINT, min_time TIMESTAMPTZ, max_time TIMESTAMPTZ", writePartitions},
	{"queries", "id BIGINT, started TIMESTAMPTZ, seconds DOUBLE, state VARCHAR, sql VARCHAR, rows BIGINT, bytes BIGINT, error VARCHAR", writeQueries},
}

var exemplars = made{tableExemplar, "__name__ VARCHAR, time TIMESTAMPTZ, value DOUBLE, labels MAP(VARCHAR, VARCHAR), exemplar_labels MAP(VARCHAR, VARCHAR)", writeExemplars}

// madeTable finds the table that ref means, if it is one that is made.
func madeTable(ref syntax.Table) (t made, ok bool) {
	switch schema := strings.ToLower(ref.Schema); {
	case schema == schemaSystem:
		for _, t := range systemTables {
			if strings.EqualFold(t.name, ref.Name) {
				return t, true
			}
		}
		return made{}, true
	case (schema == "" || schema == schemaMain) && strings.EqualFold(ref.Name, tableExemplar):
		return exemplars, true
	}
	return made{}, false
}

// makeTable makes the table that ref means; if it is one of samples, nothing.
func (q *query) makeTable(ref syntax.Table) error {
	t, ok := madeTable(ref)
	switch {
	case !ok || slices.Contains(q.made, t.name):
		return nil
	case t.name == tableExemplar:
		return q.make(t, schemaMain+"."+plan.Quote(t.name), ref.Filter)
	case t.name != "":
		return q.make(t, "memory."+schemaSystem+"."+plan.Quote(t.name), ref.Filter)
	}
	names := make([]string, len(systemTables))
	for i, t := range systemTables {
		names[i] = t.name
	}
	return &syntax.Error{Position: -1, Message: fmt.Sprintf("there is no table system.%s, only %s", ref.Name, strings.Join(names, ", "))}
}

// make loads t and gives it its name by a view.
func (q *query) make(t made, view string, f syntax.Filter) error {
	name := fmt.Sprintf("__made_%d", len(q.report.loaded))
	q.made = append(q.made, t.name)
	q.report.loaded = append(q.report.loaded, name)
	if err := q.session.Load(q.ctx, name, func(w io.Writer) error { return t.write(q, w, f) }); err != nil {
		return fmt.Errorf("make table %s: %w", t.name, err)
	}
	if err := q.session.Exec(q.ctx, "CREATE VIEW "+view+" AS SELECT * FROM "+name); err != nil {
		return fmt.Errorf("name table %s: %w", t.name, err)
	}
	return nil
}

// stubs make every table visible that the statement does not read: for SHOW
// TABLES and information_schema.
func (q *query) stubs() error {
	tables, err := q.engine.opts.Store.Tables(q.tenant)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	taken := map[string]bool{tableExemplar: true}
	for _, r := range q.relations {
		if r.schema == schemaMain {
			taken[strings.ToLower(r.ref.Name)] = true
		}
	}
	var statements []string
	if !taken[tableSamples] {
		taken[tableSamples] = true
		samples := plan.SamplesTable(tables)
		statements = append(statements, samples.Stub(tableSamples))
	}
	if !slices.Contains(q.made, tableExemplar) {
		statements = append(statements, "CREATE TABLE "+tableExemplar+" ("+exemplars.columns+")")
	}
	for _, t := range tables {
		if low := strings.ToLower(t.Metric); !taken[low] {
			taken[low] = true
			table := plan.MetricTable(t)
			statements = append(statements, table.Stub(schemaMain+"."+plan.Quote(t.Metric)))
		}
	}
	statements = append(statements, q.aggregateStubs(tables, taken)...)
	for _, t := range systemTables {
		if !slices.Contains(q.made, t.name) {
			statements = append(statements, "CREATE TABLE memory."+schemaSystem+"."+t.name+" ("+t.columns+")")
		}
	}
	if err := q.session.Exec(q.ctx, statements...); err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	return nil
}

// metricRow is one row of system.metrics.
type metricRow struct {
	series.Metadata
	name   string
	series int64
}

func writeMetrics(q *query, w io.Writer, _ syntax.Filter) error {
	list, err := q.metricRows()
	if err != nil {
		return err
	}
	return rows.Write(w, []rows.Column[metricRow]{
		rows.Text("name", func(r metricRow) string { return r.name }),
		rows.Maybe("type", func(r metricRow) string { return r.Type }),
		rows.Maybe("help", func(r metricRow) string { return r.Help }),
		rows.Maybe("unit", func(r metricRow) string { return r.Unit }),
		rows.Int("series", func(r metricRow) int64 { return r.series }),
	}, list)
}

func (q *query) metricRows() ([]metricRow, error) {
	byName := map[string]*metricRow{}
	row := func(name string) *metricRow {
		if byName[name] == nil {
			byName[name] = &metricRow{name: name}
		}
		return byName[name]
	}
	tables, err := q.engine.opts.Store.Tables(q.tenant)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		row(t.Metric)
	}
	metadata, err := q.engine.opts.Store.Metadata(q.ctx, q.tenant, "")
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	for _, m := range metadata {
		row(m.Metric).Metadata = m
	}
	err = q.eachSeries(func(ls labels.Labels) { row(ls.Get(labels.MetricName)).series++ })
	if err != nil {
		return nil, err
	}
	list := make([]metricRow, 0, len(byName))
	for _, r := range byName {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b metricRow) int { return cmp.Compare(a.name, b.name) })
	return list, nil
}

// eachSeries visits every series that the tenant has.
func (q *query) eachSeries(fn func(labels.Labels)) error {
	set, err := q.engine.opts.Store.Select(q.ctx, q.tenant, series.Query{MinT: math.MinInt64, MaxT: math.MaxInt64, NoSamples: true})
	if err != nil {
		return fmt.Errorf("select all series: %w", err)
	}
	defer set.Close()
	for set.Next() {
		fn(set.At().Labels())
	}
	return set.Err()
}

// labelRow is one row of system.labels.
type labelRow struct {
	name            string
	metrics, values map[string]struct{}
}

func writeLabels(q *query, w io.Writer, _ syntax.Filter) error {
	byName := map[string]*labelRow{}
	err := q.eachSeries(func(ls labels.Labels) {
		metric := ls.Get(labels.MetricName)
		ls.Range(func(l labels.Label) {
			r := byName[l.Name]
			if r == nil {
				r = &labelRow{l.Name, map[string]struct{}{}, map[string]struct{}{}}
				byName[l.Name] = r
			}
			r.metrics[metric], r.values[l.Value] = struct{}{}, struct{}{}
		})
	})
	if err != nil {
		return err
	}
	list := make([]*labelRow, 0, len(byName))
	for _, r := range byName {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *labelRow) int { return cmp.Compare(a.name, b.name) })
	return rows.Write(w, []rows.Column[*labelRow]{
		rows.Text("name", func(r *labelRow) string { return r.name }),
		rows.Int("metrics", func(r *labelRow) int64 { return int64(len(r.metrics)) }),
		rows.Int("values", func(r *labelRow) int64 { return int64(len(r.values)) }),
	}, list)
}

// liveFiles are the tenant's files of all kinds.
func (q *query) liveFiles() []*catalog.File {
	snapshot := q.engine.opts.Store.Snapshot()
	var list []*catalog.File
	for _, kind := range snapshot.Kinds(q.tenant) {
		list = append(list, snapshot.Files(q.tenant, kind, math.MinInt64, math.MaxInt64)...)
	}
	return list
}

func writeFiles(q *query, w io.Writer, _ syntax.Filter) error {
	type file = *catalog.File
	return rows.Write(w, []rows.Column[file]{
		rows.Text("id", func(f file) string { return f.ID }),
		rows.Text("kind", func(f file) string { return string(f.Kind) }),
		rows.Text("partition", func(f file) string { return f.Partition }),
		rows.Days("day", func(f file) int64 { return f.Day }),
		rows.Int("days", func(f file) int64 { return int64(f.Days) }),
		rows.Int("level", func(f file) int64 { return int64(f.Level) }),
		rows.Text("name", func(f file) string { return f.Name }),
		rows.Int("bytes", func(f file) int64 { return f.Size }),
		rows.Int("rows", func(f file) int64 { return f.Rows }),
		rows.Int("series", func(f file) int64 { return f.Series }),
		rows.Millis("min_time", func(f file) int64 { return f.MinT }),
		rows.Millis("max_time", func(f file) int64 { return f.MaxT }),
		rows.Maybe("min_name", func(f file) string { return f.MinName }),
		rows.Maybe("max_name", func(f file) string { return f.MaxName }),
		rows.Int("sequence", func(f file) int64 { return f.Seq }),
		rows.Text("writer", func(f file) string { return f.Writer }),
		rows.Millis("created", func(f file) int64 { return f.Created }),
	}, q.liveFiles())
}

// partition sums up the files of one partition.
type partition struct {
	first       *catalog.File
	files       int64
	level       int
	byLevel     map[int]int // Files.
	bytes, rows int64
	minT, maxT  int64
}

func writePartitions(q *query, w io.Writer, _ syntax.Filter) error {
	type key struct {
		kind      catalog.Kind
		partition string
		day       int64
		days      int
	}
	known := map[key]*partition{}
	var list []*partition
	for _, f := range q.liveFiles() {
		k := key{f.Kind, f.Partition, f.Day, f.Days}
		p := known[k]
		if p == nil {
			p = &partition{first: f, byLevel: map[int]int{}, minT: f.MinT, maxT: f.MaxT}
			known[k] = p
			list = append(list, p)
		}
		p.files++
		p.byLevel[f.Level]++
		p.level = max(p.level, f.Level)
		p.bytes, p.rows = p.bytes+f.Size, p.rows+f.Rows
		p.minT, p.maxT = min(p.minT, f.MinT), max(p.maxT, f.MaxT)
	}
	return rows.Write(w, []rows.Column[*partition]{
		rows.Text("kind", func(p *partition) string { return string(p.first.Kind) }),
		rows.Text("partition", func(p *partition) string { return p.first.Partition }),
		rows.Days("day", func(p *partition) int64 { return p.first.Day }),
		rows.Int("days", func(p *partition) int64 { return int64(p.first.Days) }),
		rows.Int("files", func(p *partition) int64 { return p.files }),
		rows.Int("max_level", func(p *partition) int64 { return int64(p.level) }),
		rows.Map("files_by_level", func(p *partition, add func(level, files string)) {
			for _, level := range slices.Sorted(maps.Keys(p.byLevel)) {
				add(strconv.Itoa(level), strconv.Itoa(p.byLevel[level]))
			}
		}),
		rows.Int("bytes", func(p *partition) int64 { return p.bytes }),
		rows.Int("rows", func(p *partition) int64 { return p.rows }),
		rows.Millis("min_time", func(p *partition) int64 { return p.minT }),
		rows.Millis("max_time", func(p *partition) int64 { return p.maxT }),
	}, list)
}

func writeQueries(q *query, w io.Writer, _ syntax.Filter) error {
	type row = shownQuery
	return rows.Write(w, []rows.Column[row]{
		rows.Int("id", func(r row) int64 { return r.ID }),
		rows.Millis("started", func(r row) int64 { return r.Began }),
		rows.Float("seconds", func(r row) float64 { return r.Seconds }),
		rows.Text("state", func(r row) string { return r.State }),
		rows.Text("sql", func(r row) string { return r.SQL }),
		rows.Int("rows", func(r row) int64 { return r.Rows }),
		rows.Int("bytes", func(r row) int64 { return r.Bytes }),
		rows.Maybe("error", func(r row) string { return r.Message }),
	}, q.engine.running.of(q.tenant))
}

// exemplarRow is one row of exemplars.
type exemplarRow struct {
	labels labels.Labels
	series.Exemplar
}

func writeExemplars(q *query, w io.Writer, f syntax.Filter) error {
	all := []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, ".*")}
	for _, t := range f.Labels {
		if strings.EqualFold(t.Column, plan.NameColumn) {
			all = []*labels.Matcher{anyOf(labels.MetricName, t.Values)}
		}
	}
	found, err := q.engine.opts.Store.SelectExemplars(q.ctx, q.tenant, f.MinT, f.MaxT, all)
	if err != nil {
		return fmt.Errorf("select exemplars: %w", err)
	}
	var list []exemplarRow
	for _, s := range found {
		for _, e := range s.Exemplars {
			list = append(list, exemplarRow{s.Labels, e})
		}
	}
	pairs := func(ls labels.Labels, add func(k, v string)) {
		ls.Range(func(l labels.Label) {
			if l.Name != labels.MetricName {
				add(l.Name, l.Value)
			}
		})
	}
	return rows.Write(w, []rows.Column[exemplarRow]{
		rows.Text("__name__", func(r exemplarRow) string { return r.labels.Get(labels.MetricName) }),
		rows.Millis("time", func(r exemplarRow) int64 { return r.T }),
		rows.Float("value", func(r exemplarRow) float64 { return r.V }),
		rows.Map("labels", func(r exemplarRow, add func(k, v string)) { pairs(r.labels, add) }),
		rows.Map("exemplar_labels", func(r exemplarRow, add func(k, v string)) { pairs(r.Exemplar.Labels, add) }),
	}, list)
}
