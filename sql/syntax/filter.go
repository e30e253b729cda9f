package syntax

import (
	"math"
	"slices"
)

// Filter is what all uses of a table in a statement need at most: rows that it
// does not let through are needed by none.
type Filter struct {
	// Labels are tests that every needed row passes.
	Labels []LabelTest
	// MinT and MaxT enclose the times of all needed rows: milliseconds, both
	// included; math.MinInt64 and MaxInt64 are open. They are open until
	// SetBounds.
	MinT, MaxT int64
}

// LabelTest is passed by rows whose column has one of the values.
type LabelTest struct {
	Column string   // As written.
	Values []string // Sorted, without doubles.
}

// restriction is what one use of a table needs.
type restriction struct {
	labels []LabelTest
	bounds []bound
}

// own are the columns of a metric's table that are no labels. A label of such a
// name goes by another.
var own = []string{"time", "value", "count", "sum", "start_time"}

// filter reads a use's restriction off the WHERE of its SELECT.
func (c *checker) filter(u *use) {
	where := u.from.node.node("where_clause")
	if u.frozen || where == nil || u.from.node["sample"] != nil {
		return
	}
	for _, n := range conjuncts(where) {
		if test, ok := c.labelTest(n, u); ok {
			u.only.labels = append(u.only.labels, test)
			continue
		}
		u.only.bounds = append(u.only.bounds, c.timeBounds(n, u)...)
	}
}

// conjuncts are the parts of a condition that must all be true.
func conjuncts(n node) []node {
	if n.str("type") != "CONJUNCTION_AND" {
		return []node{n}
	}
	var parts []node
	for _, child := range n.nodes("children") {
		parts = append(parts, conjuncts(child)...)
	}
	return parts
}

// labelTest reads column = 'x', 'x' = column, column IN ('x', …) and any of these
// joined by OR for one column.
func (c *checker) labelTest(n node, u *use) (LabelTest, bool) {
	var column string
	var values []node
	switch n.str("type") {
	case "COMPARE_EQUAL":
		column, values = c.column(n.node("left"), u), []node{n.node("right")}
		if column == "" {
			column, values = c.column(n.node("right"), u), []node{n.node("left")}
		}
	case "COMPARE_IN":
		if children := n.nodes("children"); len(children) > 1 {
			column, values = c.column(children[0], u), children[1:]
		}
	case "CONJUNCTION_OR":
		return c.anyOf(n.nodes("children"), u)
	}
	if column == "" || slices.Contains(own, fold(column)) {
		return LabelTest{}, false
	}
	test := LabelTest{Column: column}
	for _, v := range values {
		if !isString(v, c.params) {
			return LabelTest{}, false
		}
		test.Values = append(test.Values, constString(v, c.params))
	}
	return test.sorted(), true
}

func (c *checker) anyOf(parts []node, u *use) (LabelTest, bool) {
	var all LabelTest
	for i, n := range parts {
		test, ok := c.labelTest(n, u)
		if !ok || i > 0 && fold(test.Column) != fold(all.Column) {
			return LabelTest{}, false
		}
		all.Column = test.Column
		all.Values = append(all.Values, test.Values...)
	}
	return all.sorted(), len(parts) > 0
}

func (t LabelTest) sorted() LabelTest {
	slices.Sort(t.Values)
	t.Values = slices.Compact(t.Values)
	return t
}

// column is the name of the column of u's table that n is; "" if it is none, or
// may be another table's. A name without its table's is u's only where the FROM
// has no other table; it may still be an alias or a column of an outer query,
// see Table.Resolve.
func (c *checker) column(n node, u *use) string {
	names := n.strs("column_names")
	switch {
	case n.str("class") != "COLUMN_REF":
		return ""
	case len(names) == 1 && u.alone():
		return names[0]
	case len(names) == 2 && fold(names[0]) == u.alias:
		return names[1]
	default:
		return ""
	}
}

// alone reports whether u is all that its SELECT reads from.
func (u *use) alone() bool { return u.from.node.node("from_table").str("type") == "BASE_TABLE" }

// Resolve tells which columns the table has, by their names as DuckDB compares
// them: without regard to the case of ASCII letters. Until then the filter rests
// on assumptions. A condition on a name that is no column of the table is about
// something else (an alias, a column of the query outside), and is dropped from
// the filter; so are time bounds with a keyword like current_date if that is a
// column.
func (t *Table) Resolve(has func(column string) bool) {
	for _, u := range t.uses {
		u.only.labels = slices.DeleteFunc(u.only.labels, func(test LabelTest) bool { return !has(test.Column) })
		u.only.bounds = slices.DeleteFunc(u.only.bounds, func(b bound) bool { return slices.ContainsFunc(b.value.keywords, has) })
	}
	t.hull()
}

// hull sets the filter to the union of what all uses need.
func (t *Table) hull() {
	t.Filter = Filter{MinT: math.MaxInt64, MaxT: math.MinInt64}
	for i, u := range t.uses {
		minT, maxT := u.only.times()
		t.Filter.MinT, t.Filter.MaxT = min(t.Filter.MinT, minT), max(t.Filter.MaxT, maxT)
		if i == 0 {
			t.Filter.Labels = merge(u.only.labels)
			continue
		}
		t.Filter.Labels = union(t.Filter.Labels, merge(u.only.labels))
	}
}

// merge leaves one test for a column. Each alone is a right bound; the shortest
// is the best.
func merge(tests []LabelTest) []LabelTest {
	var merged []LabelTest
	for _, test := range tests {
		i := slices.IndexFunc(merged, func(m LabelTest) bool { return fold(m.Column) == fold(test.Column) })
		switch {
		case i < 0:
			merged = append(merged, test)
		case len(test.Values) < len(merged[i].Values):
			merged[i] = test
		}
	}
	return merged
}

// union keeps the columns that both test, with the values of either.
func union(a, b []LabelTest) []LabelTest {
	var both []LabelTest
	for _, test := range a {
		i := slices.IndexFunc(b, func(m LabelTest) bool { return fold(m.Column) == fold(test.Column) })
		if i >= 0 {
			both = append(both, LabelTest{test.Column, slices.Concat(test.Values, b[i].Values)}.sorted())
		}
	}
	return both
}

// times is the range of times that a use needs, as far as the bounds are known.
func (r restriction) times() (minT, maxT int64) {
	minT, maxT = math.MinInt64, math.MaxInt64
	for _, b := range r.bounds {
		if b.value.known == nil {
			continue
		}
		us := *b.value.known
		switch b.op {
		case "COMPARE_GREATERTHANOREQUALTO":
			minT = max(minT, -floorDiv(-us, 1000))
		case "COMPARE_GREATERTHAN":
			minT = max(minT, floorDiv(us, 1000)+1)
		case "COMPARE_LESSTHANOREQUALTO":
			maxT = min(maxT, floorDiv(us, 1000))
		case "COMPARE_LESSTHAN":
			maxT = min(maxT, -floorDiv(-us, 1000)-1)
		}
	}
	return minT, maxT
}

// floorDiv divides towards minus infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
