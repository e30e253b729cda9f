package plan

import (
	"fmt"
	"slices"
	"strings"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// The columns of a table of aggregates that are neither time, which is the end of
// the bucket, nor labels, and their types.
var aggregates = []struct{ name, kind string }{
	{"count", "BIGINT"}, {"min", "DOUBLE"}, {"max", "DOUBLE"}, {"sum", "DOUBLE"}, {"first", "DOUBLE"}, {"last", "DOUBLE"},
	{"first_time", "TIMESTAMPTZ"}, {"last_time", "TIMESTAMPTZ"}, {"increase", "DOUBLE"},
}

func aggregateType(name string) string {
	for _, a := range aggregates {
		if a.name == name {
			return a.kind
		}
	}
	panic("BUG: no aggregate is called " + name)
}

// AggregateTable is the table of a metric's buckets of one resolution in
// milliseconds. A label that has another name in the table of the metric has that
// name here, too.
func AggregateTable(t catalog.Table, resolution int64) Table {
	out := Table{Metric: t.Metric, Resolution: resolution, Columns: []Column{{Kind: Time, Name: TimeColumn}}}
	taken := slices.Clone(reserved)
	for _, a := range aggregates {
		out.Columns = append(out.Columns, Column{Kind: Aggregate, Name: a.name})
		taken = append(taken, a.name)
	}
	out.Columns = append(out.Columns, labelColumns(t.Labels, taken)...)
	return out
}

// aggregated makes the view of a table of aggregates. Rows of staleness markers
// alone are left out, and buckets that meet what tombstones hide.
func (v *View) aggregated(name string) string {
	var parts []string
	for _, some := range byMask(v.Sources) {
		for _, files := range v.lists(some) {
			parts = append(parts, v.fromAggregates(files))
		}
	}
	if len(parts) == 0 {
		return v.Table.Stub(name)
	}
	rows := "(" + strings.Join(parts, "\nUNION ALL ") + ")"
	list := make([]string, 0, len(v.Table.Columns))
	for i, c := range v.Table.Columns {
		list = append(list, v.inner(i)+" AS "+Quote(c.Name))
	}
	if v.seams() {
		midnight := fmt.Sprintf("epoch_ms(%s) %% %d", colTime, series.DayMillis)
		rows = fmt.Sprintf("(SELECT %s FROM %s WHERE %s <> 0\nUNION ALL %s)", strings.Join(v.carried(), ", "), rows, midnight, v.joined(rows, midnight+" = 0"))
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s FROM %s", name, strings.Join(list, ", "), rows)
}

// seams reports whether a file's days begin where another's end. A bucket that
// ends there can be in both: what is from midnight sharp is in the later one.
func (v *View) seams() bool {
	ends := map[int64]bool{}
	for _, s := range v.Sources {
		ends[s.File.Day+int64(s.File.Days)] = true
	}
	return slices.ContainsFunc(v.Sources, func(s *Source) bool { return ends[s.File.Day] })
}

// fromAggregates selects the columns, by their names inside the view, and what a
// counter's resets add to the difference of its last and first value.
func (v *View) fromAggregates(files []*Source) string {
	var list []string
	union := false
	for i, c := range v.Table.Columns {
		expression := Quote(c.Name)
		if c.Kind == Label {
			some := true
			expression, some = labelFrom(c.Label, files)
			union = union || !some
		}
		list = append(list, expression+" AS "+v.inner(i))
	}
	list = append(list, `CASE WHEN isnan("last" - "first") OR "increase" = "last" - "first" THEN 0 ELSE "increase" - ("last" - "first") END AS `+colResets)
	conditions, everywhere := v.tests(files)
	conditions = append(conditions, `"count" > 0`)
	visible, some := shown(files, func(minT, maxT int64) []string { return meets(minT, maxT, files) })
	return fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), readParquet(files, union || !everywhere || !some), filter(append(conditions, visible...)...))
}

// meets are the conditions on buckets to have something in minT … maxT.
func meets(minT, maxT int64, files []*Source) []string {
	var out []string
	if slices.ContainsFunc(files, func(s *Source) bool { return s.File.MinT < minT }) {
		out = append(out, `"last_time" >= `+literal(minT))
	}
	if slices.ContainsFunc(files, func(s *Source) bool { return s.File.MaxT > maxT }) {
		out = append(out, `"first_time" <= `+literal(maxT))
	}
	return out
}

// joined makes one row of the two parts of a bucket, as series.Coarsen does.
// DuckDB takes not-a-number for the greatest of numbers, which Prometheus does
// not.
func (v *View) joined(rows, where string) string {
	const resets = `sum(x) + CASE WHEN isnan(arg_min(a_last, a_first_time)) OR isnan(arg_max(a_first, a_first_time)) THEN 0
		WHEN arg_max(a_first, a_first_time) < arg_min(a_last, a_first_time) THEN arg_min(a_last, a_first_time) ELSE 0 END`
	of := map[string]string{
		"count": "sum(a_count)::BIGINT", "min": "min(a_min)", "sum": "sum(a_sum)",
		"max":   "COALESCE(max(a_max) FILTER (WHERE NOT isnan(a_max)), max(a_max))",
		"first": "arg_min(a_first, a_first_time)", "last": "arg_max(a_last, a_first_time)",
		"first_time": "min(a_first_time)", "last_time": "max(a_last_time)",
		"increase": "CASE WHEN count(*) = 1 THEN any_value(a_increase) ELSE arg_max(a_last, a_first_time) - arg_min(a_first, a_first_time) + (" + resets + ") END",
	}
	var list, keys []string
	for i, c := range v.Table.Columns {
		if c.Kind == Aggregate {
			list = append(list, of[c.Name]+" AS "+v.inner(i))
			continue
		}
		list, keys = append(list, v.inner(i)), append(keys, v.inner(i))
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s GROUP BY %s", strings.Join(list, ", "), rows, where, strings.Join(keys, ", "))
}
