package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Test restricts a label to values; it is put inside a view where DuckDB cannot
// push the query's own predicate.
type Test struct {
	Label  string // __name__ for the metric.
	Values []string
}

// View is how one table is read in one query.
type View struct {
	Table   Table
	Sources []*Source // In the order of writing; memory last.
	Groups  []Group
	MinT    int64 // Rows outside are left out; MinTime and MaxTime leave out none.
	MaxT    int64
	Tests   []Test // What the query's own predicates say; wider is right too.
}

// Columns inside a view; l0, l1 … are the labels in the order of the table.
const (
	colTime  = "t"
	colValue = "v"
	colStale = "s"
	colStart = "st"
	colCount = "hc"
	colSum   = "hs"
	colName  = "n"
	colRank  = "r"

	colResets       = "x" // Of aggregates.
	prefixAggregate = "a_"
)

// SQL is the statement that makes the view, called name (quoted as needed).
func (v *View) SQL(name string) string {
	if v.Table.Resolution > 0 {
		return v.aggregated(name)
	}
	var parts []string
	parts = append(parts, v.plain()...)
	for _, g := range v.Groups {
		parts = append(parts, v.deduplicated(g))
	}
	if len(parts) == 0 {
		return v.Table.Stub(name)
	}
	list := make([]string, 0, len(v.Table.Columns))
	for i, c := range v.Table.Columns {
		list = append(list, v.inner(i)+" AS "+Quote(c.Name))
	}
	return fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT %s FROM (%s)", name, strings.Join(list, ", "), strings.Join(parts, "\nUNION ALL "))
}

// inner is the name inside the view of the table's column i.
func (v *View) inner(i int) string { return Inner(i, v.Table.Columns[i]) }

// Inner names column i of a table inside views and in the tables of rows in
// memory that they read.
func Inner(i int, c Column) string {
	switch c.Kind {
	case Time:
		return colTime
	case Value:
		return colValue
	case Count:
		return colCount
	case Sum:
		return colSum
	case Start:
		return colStart
	case Name:
		return colName
	case Aggregate:
		return prefixAggregate + c.Name
	default:
		return fmt.Sprintf("l%d", i)
	}
}

// plain reads what no group holds: the sources outside of groups, and of those in
// a group the time that is not shared.
func (v *View) plain() []string {
	grouped := map[int]bool{}
	var parts []string
	for _, g := range v.Groups {
		in := v.pick(g.Sources)
		for _, i := range g.Sources {
			grouped[i] = true
		}
		in = slices.DeleteFunc(in, func(s *Source) bool { return s.MinT >= g.MinT && s.MaxT <= g.MaxT })
		outside := fmt.Sprintf("(%s < %s OR %s > %s)", colTime, literal(g.MinT), colTime, literal(g.MaxT))
		parts = append(parts, v.scans(in, outside)...)
	}
	var rest []*Source
	for i, s := range v.Sources {
		if !grouped[i] {
			rest = append(rest, s)
		}
	}
	return append(v.scans(rest, ""), parts...)
}

func (v *View) pick(indexes []int) []*Source {
	out := make([]*Source, len(indexes))
	for k, i := range indexes {
		out[k] = v.Sources[i]
	}
	return out
}

// scans reads sources that share nothing; staleness markers are left out.
func (v *View) scans(sources []*Source, where string) []string {
	var parts []string
	for _, some := range byMask(sources) {
		for _, files := range v.lists(some) {
			from := v.from(files, 0)
			parts = append(parts, "SELECT "+strings.Join(v.carried(), ", ")+" FROM ("+from+")"+filter(where, notStale(files)))
		}
	}
	return parts
}

// byMask cuts sources in those that tombstones hide nothing of and the others:
// the first need not read columns that only tombstones ask for.
func byMask(sources []*Source) [2][]*Source {
	var out [2][]*Source
	for _, s := range sources {
		if s.Masked == nil {
			out[0] = append(out[0], s)
		} else {
			out[1] = append(out[1], s)
		}
	}
	return out
}

func filter(conditions ...string) string {
	conditions = slices.DeleteFunc(conditions, func(c string) bool { return c == "" })
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

func notStale(sources []*Source) string {
	if slices.ContainsFunc(sources, func(s *Source) bool { return s.Stale }) {
		return "NOT " + colStale
	}
	return ""
}

// carried are the columns that leave a branch of the view.
func (v *View) carried() []string {
	list := make([]string, len(v.Table.Columns))
	for i := range v.Table.Columns {
		list[i] = v.inner(i)
	}
	return list
}

// deduplicated reads the shared time of a group and keeps, of samples of one
// series and time, the one that series.Merge keeps: a real value beats a
// staleness marker, then the later write wins. That is said by the rank, and a
// row stays if there is none of higher rank with the same labels and time.
func (v *View) deduplicated(g Group) string {
	in := v.pick(g.Sources)
	stale := slices.ContainsFunc(in, func(s *Source) bool { return s.Stale })
	var branches []string
	first := 0
	for _, list := range v.lists(in) {
		branches = append(branches, v.from(list, first))
		first += len(list)
	}
	shared := fmt.Sprintf("%s BETWEEN %s AND %s", colTime, literal(g.MinT), literal(g.MaxT))
	rank := colRank
	if stale {
		rank = fmt.Sprintf("%s + CASE WHEN %s THEN 0 ELSE %d END AS %s", colRank, colStale, len(in), colRank)
	}
	columns := strings.Join(v.carried(), ", ")
	rows := func(list string) string {
		return fmt.Sprintf("(SELECT %s, %s FROM (%s) WHERE %s)", list, rank, strings.Join(branches, " UNION ALL "), shared)
	}
	keys := v.keys()
	conditions := []string{"a." + colTime + " = b." + colTime}
	for _, k := range keys {
		conditions = append(conditions, fmt.Sprintf("a.%s IS NOT DISTINCT FROM b.%s", k, k))
	}
	conditions = append(conditions, "b."+colRank+" > a."+colRank)
	out := v.carried()
	for i := range out {
		out[i] = "a." + out[i]
	}
	where := ""
	if stale {
		where = " WHERE NOT a." + colStale
		columns += ", " + colStale
	}
	return fmt.Sprintf("SELECT %s FROM %s a ANTI JOIN %s b ON %s%s", strings.Join(out, ", "),
		rows(columns), rows(strings.Join(append([]string{colTime}, keys...), ", ")), strings.Join(conditions, " AND "), where)
}

// keys are the columns that tell series apart.
func (v *View) keys() []string {
	var keys []string
	for i, c := range v.Table.Columns {
		if c.Kind == Label || c.Kind == Name {
			keys = append(keys, v.inner(i))
		}
	}
	return keys
}
