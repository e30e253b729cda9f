package syntax

import (
	"math"
	"slices"
)

// Top says that a statement is ORDER BY time … LIMIT over the rows of one table,
// each result row made of one row of the table. Restricted to rows with time >=
// cut (Desc; time <= cut otherwise), for any cut, it gives the same rows as
// without, or fewer: if it gives Limit rows, the answer is complete.
type Top struct {
	Desc  bool  // Newest first.
	Rows  int64 // Rows of the table it takes at most: limit and offset.
	Limit int64 // Rows of the result at most.
	// Nearest: of each series, only the Rows newest samples (Desc; oldest
	// otherwise) can be in the result. The WHERE tests labels and bounds the time
	// on the far side: if it passes a sample, it passes all nearer ones.
	Nearest bool
}

// Last says that a statement asks for values at the greatest time (Desc; least
// otherwise) of each group of one table. Restricted to rows with time >= cut
// (Desc; time <= cut otherwise), for any cut, each row it gives is either the
// right one or has a NULL among Aggregates, so the answer is complete if there is
// a row for every group that exists and none has such a NULL. The NULL matters
// because arg_max(x, time) passes over rows whose x is NULL: those of native
// histograms have no value, and the group's last value may be older than the cut;
// and because a statement without GROUP BY gives its one row for no input, too.
// If NULLs remain when there is nothing left to add, they are right.
type Last struct {
	Desc bool
	// Group are the label columns that make the groups, as written; without any,
	// all rows are one group.
	Group []string
	// Aggregates are the result's columns, from 0, that are aggregates.
	Aggregates []int
}

// early finds out whether the statement n can stop early.
func (c *checker) early(n node) {
	u, why := c.onlyTable(n)
	if why != "" {
		c.st.WhyNotTop, c.st.WhyNotLast = why, why
		return
	}
	c.st.Top, c.st.WhyNotTop = c.top(n, u)
	c.st.Last, c.st.WhyNotLast = c.last(n, u)
}

// onlyTable is the one table that n reads, if it reads no other and does nothing
// that neither Top nor Last could bear; else a reason.
func (c *checker) onlyTable(n node) (*use, string) {
	switch {
	case c.shows > 0:
		return nil, "it describes tables"
	case c.ctes > 0:
		return nil, "it has a WITH"
	case c.setops > 0:
		return nil, "it has a set operation"
	case c.subqueries > 0 || c.selects != 1 || n.str("type") != "SELECT_NODE":
		return nil, "it has a subquery"
	case c.samples > 0 || n["sample"] != nil:
		return nil, "it takes a sample"
	case len(c.uses) != 1 || !c.uses[0].alone():
		return nil, "it does not read exactly one table"
	case c.uses[0].key.schema == "system":
		return nil, "it reads a table of the schema system"
	case c.uses[0].ref["column_name_alias"] != nil:
		return nil, "it gives the table's columns other names"
	case c.windows > 0 || n["qualify"] != nil:
		return nil, "it has a window function"
	case c.spreads > 0:
		return nil, "it makes several rows of one"
	case n["having"] != nil:
		return nil, "it has a HAVING"
	}
	for _, m := range n.nodes("modifiers") {
		switch m.str("type") {
		case "DISTINCT_MODIFIER":
			return nil, "it has a DISTINCT"
		case "LIMIT_PERCENT_MODIFIER":
			return nil, "its LIMIT is a percentage"
		}
	}
	return c.uses[0], ""
}

func modifier(n node, kind string) node {
	for _, m := range n.nodes("modifiers") {
		if m.str("type") == kind {
			return m
		}
	}
	return nil
}

func grouped(n node) bool {
	return n["group_expressions"] != nil || n["group_sets"] != nil || n.str("aggregate_handling") == "FORCE_AGGREGATES"
}

func (c *checker) top(n node, u *use) (*Top, string) {
	if c.aggregates > 0 || grouped(n) {
		return nil, "it aggregates"
	}
	order, limit := modifier(n, "ORDER_MODIFIER").nodes("orders"), modifier(n, "LIMIT_MODIFIER")
	if limit.node("limit") == nil {
		return nil, "it has no LIMIT"
	}
	if len(order) == 0 || !c.isTimeKey(n, order[0].node("expression"), u) {
		return nil, "its first ORDER BY is not the column time"
	}
	rows, ok := constInt(limit.node("limit"), c.params)
	skip := int64(0)
	if ok && limit.node("offset") != nil {
		skip, ok = constInt(limit.node("offset"), c.params)
	}
	if !ok || rows < 0 || skip < 0 || rows > math.MaxInt64-skip {
		return nil, "its LIMIT or OFFSET is no constant number"
	}
	t := &Top{Desc: order[0].str("type") == "DESCENDING", Rows: rows + skip, Limit: rows}
	t.Nearest = c.nearest(n.node("where_clause"), u, t.Desc)
	return t, ""
}

// nearest reports whether where passes with a sample all nearer ones of its
// series.
func (c *checker) nearest(where node, u *use, desc bool) bool {
	if where == nil {
		return true
	}
	for _, n := range conjuncts(where) {
		if !moves(n) && c.rowWise(n, u, label) {
			continue
		}
		op, e := n.str("type"), n.node("right")
		if !c.isTime(n.node("left"), u) {
			op, e = flipped[op], n.node("left")
			if !c.isTime(n.node("right"), u) {
				return false
			}
		}
		far := op == "COMPARE_GREATERTHAN" || op == "COMPARE_GREATERTHANOREQUALTO"
		if !desc {
			far = op == "COMPARE_LESSTHAN" || op == "COMPARE_LESSTHANOREQUALTO"
		}
		if v := (&boundValue{}); !far || !v.closed(e) || moves(e) && !grows(e) {
			return false
		}
	}
	return true
}

// isTimeKey reports whether a key of ORDER BY is the table's column time. To
// DuckDB a number is a place in the select list, and a plain name is first an
// alias in that list, then a column. Of a star that renames or computes columns
// it is not known what it makes.
func (c *checker) isTimeKey(n, key node, u *use) bool {
	items := n.nodes("select_list")
	if place, ok := constInt(key, nil); ok {
		if place < 1 || place > int64(len(items)) || slices.ContainsFunc(items[:place], isStar) {
			return false
		}
		return c.isTime(items[place-1], u)
	}
	names := key.strs("column_names")
	if len(names) != 1 {
		return c.isTime(key, u)
	}
	found := false
	for _, item := range items {
		if isStar(item) && (item["replace_list"] != nil || item["rename_list"] != nil || item["columns"] != nil || item["expr"] != nil) {
			return false
		}
		if fold(item.str("alias")) == fold(names[0]) {
			found = true
			if !c.isTime(item, u) {
				return false
			}
		}
	}
	return found || c.isTime(key, u)
}

func (c *checker) isTime(n node, u *use) bool { return fold(c.column(n, u)) == "time" }

// isStar reports whether n stands for columns whose number is not known here.
func isStar(n node) bool {
	star := false
	every(n, func(n node) bool {
		star = star || n.str("class") == "STAR"
		return !star
	})
	return star
}
