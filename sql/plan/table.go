package plan

import (
	"cmp"
	"slices"
	"strings"

	"herringbone/storage/catalog"
)

// Kind says what a column is.
type Kind int

// The kinds of column.
const (
	Time Kind = iota
	Value
	Label
	Count
	Sum
	Start
	Name
	Aggregate // Of a bucket; Column.Name says which.
)

// The names of the columns that are not labels.
const (
	TimeColumn  = "time"
	ValueColumn = "value"
	CountColumn = "count"
	SumColumn   = "sum"
	StartColumn = "start_time"
	NameColumn  = "__name__"
)

// reserved are taken before any label, whether a table shows the column or not:
// a label keeps its column's name when the first histogram arrives. In lower
// case: SQL does not tell letter case apart.
var reserved = []string{TimeColumn, ValueColumn, CountColumn, SumColumn, StartColumn, NameColumn}

// ClashPrefix is put before the name of a label that is taken.
const ClashPrefix = "label_"

// Column is one column of a table.
type Column struct {
	Kind  Kind
	Name  string // As SQL sees it, without quotes.
	Label string // Of a Label.
}

// Type is the column's SQL type.
func (c Column) Type() string {
	switch c.Kind {
	case Aggregate:
		return aggregateType(c.Name)
	case Time, Start:
		return "TIMESTAMPTZ"
	case Value, Count, Sum:
		return "DOUBLE"
	default:
		return "VARCHAR"
	}
}

// Table is what SQL sees of one metric, or of all.
type Table struct {
	Metric  string // "" is samples: all metrics in one, with the column __name__.
	Columns []Column
	// Resolution, in milliseconds, of a table of aggregates; 0 of samples.
	Resolution int64
	// Histograms and Starts: some row may have one.
	Histograms, Starts bool
}

// MetricTable is the table of one metric.
func MetricTable(t catalog.Table) Table {
	out := Table{Metric: t.Metric, Histograms: t.Histograms, Starts: t.Starts}
	out.Columns = columns(nil, t.Labels, t.Histograms, t.Starts)
	return out
}

// SamplesTable is the table of all metrics.
func SamplesTable(tables []catalog.Table) Table {
	var out Table
	var names []string
	for _, t := range tables {
		names = append(names, t.Labels...)
		out.Histograms = out.Histograms || t.Histograms
		out.Starts = out.Starts || t.Starts
	}
	slices.Sort(names)
	out.Columns = columns([]Column{{Kind: Name, Name: NameColumn}}, slices.Compact(names), out.Histograms, out.Starts)
	return out
}

func columns(first []Column, labels []string, histograms, starts bool) []Column {
	out := append(first, Column{Kind: Time, Name: TimeColumn}, Column{Kind: Value, Name: ValueColumn})
	out = append(out, labelColumns(labels, reserved)...)
	if histograms {
		out = append(out, Column{Kind: Count, Name: CountColumn}, Column{Kind: Sum, Name: SumColumn})
	}
	if starts {
		out = append(out, Column{Kind: Start, Name: StartColumn})
	}
	return out
}

// labelColumns names the columns of labels, which are sorted. A label keeps its
// name if it can; one that equals a name of reserved or an earlier label, letter
// case aside, gets ClashPrefix until it is alone.
func labelColumns(labels, reserved []string) []Column {
	taken := map[string]bool{}
	for _, r := range reserved {
		taken[r] = true
	}
	out := make([]Column, 0, len(labels))
	var clashing []string
	for _, l := range labels {
		if low := strings.ToLower(l); taken[low] {
			clashing = append(clashing, l)
		} else {
			taken[low] = true
			out = append(out, Column{Kind: Label, Name: l, Label: l})
		}
	}
	for _, l := range clashing {
		name := ClashPrefix + l
		for taken[strings.ToLower(name)] {
			name = ClashPrefix + name
		}
		taken[strings.ToLower(name)] = true
		out = append(out, Column{Kind: Label, Name: name, Label: l})
	}
	slices.SortFunc(out, func(a, b Column) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Find returns the column that SQL calls name, whatever its letter case.
func (t *Table) Find(name string) (Column, bool) {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Column{}, false
}

// Stub is a view of the table without rows, for those who only ask what there is.
func (t *Table) Stub(name string) string {
	list := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		list[i] = "NULL::" + c.Type() + " AS " + Quote(c.Name)
	}
	return "CREATE OR REPLACE VIEW " + name + " AS SELECT " + strings.Join(list, ", ") + " WHERE false"
}

// Quote makes an identifier of SQL.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Text makes a string of SQL.
func Text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
