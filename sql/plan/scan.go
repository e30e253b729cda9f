package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// lists cuts sources into those that one scan can read, in their order: memory
// alone, and files whose columns do not differ by letter case alone, which
// DuckDB would take for one column.
func (v *View) lists(sources []*Source) [][]*Source {
	var out [][]*Source
	spelling := map[string]string{}
	for _, s := range sources {
		n := len(out)
		if n == 0 || s.Memory() || out[n-1][0].Memory() || !agrees(spelling, s.Columns) {
			out = append(out, nil)
			n, spelling = n+1, map[string]string{}
		}
		for _, c := range s.Columns {
			spelling[strings.ToLower(c)] = c
		}
		out[n-1] = append(out[n-1], s)
	}
	return out
}

func agrees(spelling map[string]string, columns []string) bool {
	for _, c := range columns {
		if known, ok := spelling[strings.ToLower(c)]; ok && known != c {
			return false
		}
	}
	return true
}

// from selects the table's columns, by their names inside the view, from sources
// that one scan can read. first is the rank of the first of them.
func (v *View) from(sources []*Source, first int) string {
	if sources[0].Memory() {
		return v.fromMemory(sources[0], first)
	}
	// The same order as of fromMemory: UNION ALL goes by position.
	list := []string{
		`"time" AS ` + colTime, `"value" AS ` + colValue, `__stale__ AS ` + colStale,
		fmt.Sprintf("file_index::BIGINT + %d AS %s", first, colRank),
	}
	union := false
	for i, c := range v.Table.Columns {
		if c.Kind == Time || c.Kind == Value {
			continue
		}
		expression, everywhere := fileColumn(c, sources)
		list = append(list, expression+" AS "+v.inner(i))
		union = union || !everywhere
	}
	where, everywhere := v.where(sources)
	return fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), readParquet(sources, union || !everywhere), where)
}

// fileColumn is the expression for a column of the table in files; everywhere is
// false if not all of them have all columns that it names.
func fileColumn(c Column, files []*Source) (expression string, everywhere bool) {
	switch c.Kind {
	case Count:
		return "__hist_count__", true
	case Sum:
		return "__hist_sum__", true
	case Start:
		return "__start_time__", true
	case Name:
		return "__name__", true
	default:
		return labelFrom(c.Label, files)
	}
}

func readParquet(sources []*Source, union bool) string {
	paths := make([]string, len(sources))
	for i, s := range sources {
		paths[i] = Text(s.Path)
	}
	option := ""
	if union {
		option = ", union_by_name = true"
	}
	return "read_parquet([" + strings.Join(paths, ", ") + "]" + option + ")"
}

// labelFrom is the expression for a label; everywhere is false if not all files
// have all columns that it names.
func labelFrom(label string, files []*Source) (expression string, everywhere bool) {
	columns, mapped := 0, false
	for _, f := range files {
		if slices.Contains(f.Columns, label) {
			columns++
		} else if slices.Contains(f.Mapped, label) {
			mapped = true
		}
	}
	inMap := "__labels__[" + Text(label) + "]"
	switch {
	case columns == 0 && !mapped:
		return "NULL::VARCHAR", true
	case columns == 0:
		return inMap, true
	case mapped:
		return "COALESCE(" + Quote(label) + ", " + inMap + ")", columns == len(files)
	default:
		return Quote(label), columns == len(files)
	}
}

// where are the conditions on the columns of files; everywhere is false if not
// all files have all columns that they name.
func (v *View) where(files []*Source) (where string, everywhere bool) {
	conditions, everywhere := v.tests(files)
	conditions = append(conditions, v.times(`"time"`, files)...)
	visible, some := shown(files, func(minT, maxT int64) []string { return between(`"time"`, minT, maxT, files) })
	return filter(append(conditions, visible...)...), everywhere && some
}

// tests are those of the view's labels and metric.
func (v *View) tests(files []*Source) (conditions []string, everywhere bool) {
	everywhere = true
	if v.Table.Metric != "" {
		conditions = append(conditions, "__name__ = "+Text(v.Table.Metric))
	}
	for _, t := range v.Tests {
		expression := "__name__"
		if t.Label != labels.MetricName {
			some := true
			expression, some = labelFrom(t.Label, files)
			everywhere = everywhere && some
		}
		conditions = append(conditions, expression+" IN ("+texts(t.Values)+")")
	}
	return conditions, everywhere
}

// between are the conditions on times of files to be in minT … maxT; what is true
// for all of them is left out.
func between(column string, minT, maxT int64, files []*Source) []string {
	var out []string
	if slices.ContainsFunc(files, func(s *Source) bool { return s.File.MinT < minT }) {
		out = append(out, column+" >= "+literal(minT))
	}
	if slices.ContainsFunc(files, func(s *Source) bool { return s.File.MaxT > maxT }) {
		out = append(out, column+" <= "+literal(maxT))
	}
	return out
}

func texts(values []string) string {
	quoted := make([]string, len(values))
	for i, s := range values {
		quoted[i] = Text(s)
	}
	return strings.Join(quoted, ", ")
}

// times are the conditions on time, left out where no source needs them.
func (v *View) times(column string, sources []*Source) []string {
	var out []string
	if slices.ContainsFunc(sources, func(s *Source) bool { return s.MinT < v.MinT }) {
		out = append(out, column+" >= "+literal(v.MinT))
	}
	if slices.ContainsFunc(sources, func(s *Source) bool { return s.MaxT > v.MaxT }) {
		out = append(out, column+" <= "+literal(v.MaxT))
	}
	return out
}

// fromMemory reads the table of the rows in memory, whose columns have the names
// used here and which holds only what the query may want.
func (v *View) fromMemory(s *Source, rank int) string {
	list := []string{colTime, colValue, colStale, fmt.Sprintf("%d::BIGINT AS %s", rank, colRank)}
	for i, c := range v.Table.Columns {
		if c.Kind != Time && c.Kind != Value {
			list = append(list, v.inner(i))
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), s.Path, filter(v.times(colTime, []*Source{s})...))
}
