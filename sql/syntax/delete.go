package syntax

import (
	"maps"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
)

// Deletion is what a DELETE deletes: the rows of one table that meet all
// conditions. It says exactly what the WHERE says of rows in which a label that a
// series has not is NULL; in terms of matchers, to which it is empty.
type Deletion struct {
	Columns []ColumnCondition
	// MinT and MaxT enclose the times of the rows: milliseconds, both included;
	// math.MinInt64 and MaxInt64 are open. They are set by SetBounds, as is Nothing
	// where it depends on them.
	MinT, MaxT int64
	// Nothing: no row can meet the conditions.
	Nothing bool

	bounds []bound
}

// ColumnCondition is a matcher of the label that a column shows.
type ColumnCondition struct {
	Column   string // As written.
	Position int    // In the text given to ParseDelete; -1 if unknown.
	Type     labels.MatchType
	Value    string
}

// ParseDelete is Parse for a Command that is a DELETE: the Statement has a
// Deletion, and its Text selects the rows that are to go. It reads one table.
func ParseDelete(ast []byte, text string, params Params) (*Statement, error) {
	c, tree, err := examine(ast, text, params)
	if err != nil {
		return nil, err
	}
	n := tree.node("node")
	if err := c.deleteForm(n, len(text)); err != nil {
		return nil, err
	}
	u := c.uses[0]
	u.frozen = true // Its filter would be wider than the conditions are.
	c.finish(tree)
	d := &deleter{checker: c, use: u, out: &Deletion{MinT: math.MinInt64, MaxT: math.MaxInt64}}
	c.st.Delete = d.out
	if err := d.condition(n.node("where_clause"), false); err != nil {
		return nil, err
	}
	return c.st, nil
}

// deleteForm judges everything but the conditions.
func (c *checker) deleteForm(n node, end int) error {
	const form = "DELETE is written DELETE FROM table WHERE conditions"
	if n.str("type") != "SELECT_NODE" {
		return errorAt(-1, form)
	}
	for _, field := range slices.Sorted(maps.Keys(n)) {
		switch field {
		case "type", "select_list", "from_table", "where_clause", "aggregate_handling":
		default:
			return errorAt(-1, form+": it has no %s", field)
		}
	}
	items := n.nodes("select_list")
	// DuckDB puts a star that nobody wrote where FROM is.
	if len(items) != 1 || items[0].str("class") != "STAR" || len(items[0]) != 3 || items[0].position() != 0 || grouped(n) {
		return errorAt(-1, form)
	}
	if c.subqueries > 0 || c.ctes > 0 || c.selects != 1 || c.shows > 0 || len(c.uses) != 1 || !c.uses[0].alone() ||
		c.uses[0].ref["column_name_alias"] != nil || c.uses[0].ref["sample"] != nil {
		return errorAt(-1, form+": it reads one table and nothing else")
	}
	if n.node("where_clause") == nil {
		return errorAt(end, "DELETE without WHERE would delete the whole table: write WHERE true if that is meant")
	}
	return nil
}

// finish turns what the bounds come to into the range. A comparison with
// NULL is true for no row.
func (d *Deletion) finish() {
	if slices.ContainsFunc(d.bounds, func(b bound) bool { return b.value.known == nil }) {
		d.Nothing = true
		return
	}
	d.MinT, d.MaxT = restriction{bounds: d.bounds}.times()
	d.Nothing = d.Nothing || d.MinT > d.MaxT
}

// Keywords are words among the bounds of time that would be something else if
// the table had columns of these names.
func (d *Deletion) Keywords() []string {
	var words []string
	for _, b := range d.bounds {
		words = append(words, b.value.keywords...)
	}
	return words
}
