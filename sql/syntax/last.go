package syntax

import (
	"slices"

	"herringbone/sql/lex"
)

// latest are the aggregates that take a value at the greatest time, earliest at
// the least.
var (
	latest   = []string{"arg_max", "argmax", "max_by", "arg_max_null", "last"}
	earliest = []string{"arg_min", "argmin", "min_by", "arg_min_null", "first"}
)

func (c *checker) last(n node, u *use) (*Last, string) {
	if modifier(n, "LIMIT_MODIFIER") != nil {
		return nil, "it has a LIMIT"
	}
	if where := n.node("where_clause"); where != nil && !c.rowWise(where, u, func(column string) bool { return label(column) || column == "time" }) {
		return nil, "its WHERE has more than labels and time"
	}
	for _, o := range modifier(n, "ORDER_MODIFIER").nodes("orders") {
		if aggregateIn(o) {
			return nil, "its ORDER BY aggregates"
		}
	}
	l := &Last{Group: []string{}}
	if why := c.lastItems(n, u, l); why != "" {
		return nil, why
	}
	if why := c.lastGroups(n, u, l); why != "" {
		return nil, why
	}
	return l, ""
}

// lastItems reads the select list: aggregates of the right kind, all in one
// direction, and expressions of labels.
func (c *checker) lastItems(n node, u *use, l *Last) string {
	for i, item := range n.nodes("select_list") {
		desc, ok := c.atExtreme(item, u)
		switch {
		case !ok && c.rowWise(item, u, label):
			continue
		case !ok:
			return "it selects something else than labels and last, arg_max or max of time"
		case len(l.Aggregates) > 0 && desc != l.Desc:
			return "it selects both first and last values"
		}
		l.Desc = desc
		l.Aggregates = append(l.Aggregates, i)
	}
	if len(l.Aggregates) == 0 {
		return "it selects no last or first value"
	}
	return ""
}

// atExtreme reports whether n is an aggregate that rows of other times than the
// greatest (desc) or least do not change.
func (c *checker) atExtreme(n node, u *use) (desc, ok bool) {
	name, args := fold(n.str("function_name")), n.nodes("children")
	if n.str("class") != "FUNCTION" || n["filter"] != nil || n["distinct"] != nil || n.node("order_bys")["orders"] != nil {
		return false, false
	}
	switch {
	case len(args) == 1 && (name == "max" || name == "min"):
		return name == "max", c.isTime(args[0], u)
	case len(args) == 2 && (slices.Contains(latest, name) || slices.Contains(earliest, name)):
		any := func(string) bool { return true }
		return slices.Contains(latest, name), c.isTime(args[1], u) && c.rowWise(args[0], u, any)
	default:
		return false, false
	}
}

// lastGroups reads GROUP BY: label columns, by name, alias or place.
func (c *checker) lastGroups(n node, u *use, l *Last) string {
	const why = "its GROUP BY is not a list of labels"
	items := n.nodes("select_list")
	if n.str("aggregate_handling") == "FORCE_AGGREGATES" { // GROUP BY ALL
		for i, item := range items {
			if !slices.Contains(l.Aggregates, i) && !l.group(c.column(item, u)) {
				return why
			}
		}
		return ""
	}
	groups := n.nodes("group_expressions")
	if sets, _ := n["group_sets"].([]any); len(sets) > 1 || len(sets) == 1 && !wholeSet(sets[0], len(groups)) || c.groupingWord() {
		return "it has several grouping sets"
	}
	for _, g := range groups {
		if place, ok := constInt(g, nil); ok {
			if place < 1 || place > int64(len(items)) {
				return why
			}
			g = items[place-1]
		} else if names := g.strs("column_names"); len(names) == 1 {
			// To DuckDB a name is first a column, then an alias. Both are the same
			// group, or the statement is wrong, if the alias is of a plain label.
			i := slices.IndexFunc(items, func(item node) bool { return fold(item.str("alias")) == fold(names[0]) })
			if i >= 0 {
				g = items[i]
			}
		}
		if !l.group(c.column(g, u)) {
			return why
		}
	}
	return ""
}

func (l *Last) group(column string) bool {
	if column == "" || !label(fold(column)) {
		return false
	}
	if !slices.ContainsFunc(l.Group, func(g string) bool { return fold(g) == fold(column) }) {
		l.Group = append(l.Group, column)
	}
	return true
}

// groupingWord looks for ROLLUP, CUBE and GROUPING SETS in the text: a tree
// without empty lists does not show the grouping set that is empty.
func (c *checker) groupingWord() bool {
	for i, t := range c.words.tokens {
		if t.Kind != lex.Word {
			continue
		}
		switch c.words.name(i) {
		case "rollup", "cube", "grouping":
			return true
		}
	}
	return false
}

func wholeSet(set any, n int) bool {
	list, _ := set.([]any)
	return len(list) == n
}

// label reports whether a column, folded, is a label.
func label(column string) bool { return !slices.Contains(own, column) }

// rowWise reports whether n is computed of one row, of those of its columns that
// may be used. Lambdas are left out, as their arguments look like columns.
func (c *checker) rowWise(n node, u *use, may func(column string) bool) bool {
	ok := true
	every(n, func(n node) bool {
		switch n.str("class") {
		case "COLUMN_REF":
			if keyword(n) != "" {
				break
			}
			column := fold(c.column(n, u))
			ok = ok && column != "" && may(column)
		case "STAR", "WINDOW", "LAMBDA", "POSITIONAL_REFERENCE", "DEFAULT", "SUBQUERY":
			ok = false
		case "FUNCTION":
			ok = ok && !functions().aggregate[fold(n.str("function_name"))]
		case "OPERATOR":
			ok = ok && n.str("type") != "GROUPING_FUNCTION"
		}
		return ok
	})
	return ok
}

func aggregateIn(n node) bool {
	found := false
	every(n, func(n node) bool {
		found = found || n.str("class") == "FUNCTION" && functions().aggregate[fold(n.str("function_name"))]
		return !found
	})
	return found
}
