package syntax

import (
	"fmt"
	"maps"
	"strings"
)

// table judges what stands in FROM.
func (c *checker) table(n node, p place) error {
	kind := n.str("type")
	s, ok := tables[kind]
	if !ok {
		return errorAt(n.position(), "unknown kind of table %q", kind)
	}
	if p.sel == nil {
		return errorAt(n.position(), "a table outside of SELECT")
	}
	if p.depth++; p.depth > maxDepth {
		return errorAt(n.position(), "the statement nests too deeply")
	}
	what := fmt.Sprintf("a table of kind %s", kind)
	if n["sample"] != nil {
		p.frozen = true
		c.samples++
	}
	switch kind {
	case "JOIN":
		return c.join(n, s, p)
	case "BASE_TABLE":
		if err := c.base(n, p); err != nil {
			return err
		}
	case "TABLE_FUNCTION":
		return c.tableFunction(n, s, p)
	case "PIVOT":
		p.frozen = true
		p.sel.star = true
	case "SHOW_REF":
		if err := c.show(n); err != nil {
			return err
		}
	case "SUBQUERY":
		c.subqueries++
	}
	return c.fields(n, what, s, tableFields, p)
}

// join decides which side may be read in part. A condition of WHERE on a table's
// column keeps only results with a row of the table that satisfies it: other
// rows can be left out from the start, for outer joins too, as a row of NULLs
// does not satisfy a comparison. Not so where one row's presence decides which
// other row is joined: the right side of ASOF, both sides of POSITIONAL. The
// right side of SEMI and ANTI cannot be named in WHERE at all.
func (c *checker) join(n node, s shape, p place) error {
	left, right := p, p
	switch kind := n.str("ref_type"); kind {
	case "REGULAR", "CROSS":
	case "NATURAL":
		p.sel.star = true
	case "ASOF":
		right.frozen = true
		left.frozen = left.frozen || n.str("join_type") != "INNER" && n.str("join_type") != "LEFT"
	case "POSITIONAL":
		left.frozen, right.frozen = true, true
	default:
		return errorAt(n.position(), "unknown kind of join %q", kind)
	}
	switch kind := n.str("join_type"); kind {
	case "INNER", "LEFT", "RIGHT", "FULL":
	case "SEMI", "ANTI":
		right.frozen = true
	default:
		return errorAt(n.position(), "unknown kind of join %q", kind)
	}
	for _, name := range n.strs("using_columns") {
		c.names[fold(name)] = true
	}
	if err := c.table(n.node("left"), left); err != nil {
		return err
	}
	if err := c.table(n.node("right"), right); err != nil {
		return err
	}
	rest := maps.Clone(n)
	delete(rest, "left")
	delete(rest, "right")
	return c.fields(rest, "a join", s, tableFields, p)
}

func (c *checker) tableFunction(n node, s shape, p place) error {
	f := n.node("function")
	if f.str("class") != "FUNCTION" {
		return errorAt(n.position(), "unknown form of a table function")
	}
	if err := c.function(f, true); err != nil {
		return err
	}
	if err := c.fields(f, "a table function", expressions["FUNCTION"], expressionFields, p); err != nil {
		return err
	}
	rest := maps.Clone(n)
	delete(rest, "function")
	return c.fields(rest, "a table function", s, tableFields, p)
}

func (c *checker) show(n node) error {
	c.shows++
	switch n.str("show_type") {
	case "DESCRIBE", "SUMMARY":
		if n.node("query") != nil && n.str("table_name") == "" {
			return nil
		}
	case "SHOW_UNQUALIFIED":
		if name := n.str("table_name"); n.node("query") == nil && (name == `"tables"` || name == "__show_tables_expanded") {
			c.st.NeedsAll = true
			return nil
		}
	}
	return errorAt(n.position(), "%s is not available; use SHOW TABLES, SHOW ALL TABLES, DESCRIBE or SUMMARIZE",
		strings.TrimSpace("SHOW "+strings.Trim(n.str("table_name"), `"`)))
}
