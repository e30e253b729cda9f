package syntax

import (
	"maps"
	"slices"
	"strings"
)

// maxDepth is the greatest depth of a parse tree, in nodes. It is above what
// DuckDB takes (max_expression_depth) and keeps our own stack small.
const maxDepth = 2000

// maxSelects is the greatest number of SELECTs in one statement: DuckDB's plan of
// each takes about 100 KiB, whatever the limit of memory is.
const maxSelects = 500

// maxAlternatives is the greatest number of terms of one OR (or AND): DuckDB's
// optimizer takes time by its square and cannot be interrupted. IN has no limit.
const maxAlternatives = 2000

// checker walks a tree once, judges every node, and notes what the rest of the
// package needs to know.
type checker struct {
	words  words
	params Params
	st     *Statement

	selects, subqueries, windows int
	ctes, setops, aggregates     int
	spreads, stars, shows        int

	samples int

	names     map[string]bool // Every part of every column's name, folded.
	relations map[string]bool // Names that may stand for a whole table, folded.
	uses      []*use
	edits     []edit
}

// use is one place of a statement that reads one table.
type use struct {
	ref    node
	from   *selection
	key    tableKey
	alias  string // The name it goes by in its SELECT, folded.
	frozen bool   // Leaving rows out changes more than these rows' own results.
	star   bool   // May need every column.
	only   restriction
}

// selection is a SELECT and what is known of it.
type selection struct {
	node node
	star bool // All columns of its tables are needed.
}

// cte is a name made by WITH, and those made before it.
type cte struct {
	name  string
	outer *cte
}

func (c *cte) has(name string) bool {
	for ; c != nil; c = c.outer {
		if c.name == name {
			return true
		}
	}
	return false
}

// place is where the walk is.
type place struct {
	ctes   *cte
	sel    *selection // nil outside of any SELECT.
	frozen bool
	depth  int
}

// fields judges every field of n that a shape (or rest) has, in their order, and
// refuses the others.
func (c *checker) fields(n node, what string, s shape, rest []field, p place) error {
	if p.depth++; p.depth > maxDepth {
		return errorAt(n.position(), "the statement nests too deeply")
	}
	if len(s.types) > 0 && !slices.Contains(s.types, n.str("type")) {
		return errorAt(n.position(), "unknown type %q of %s", n.str("type"), what)
	}
	seen := 0
	for _, fields := range [][]field{rest, s.fields} {
		for _, f := range fields {
			v, ok := n[f.name]
			if !ok {
				continue
			}
			seen++
			if err := c.field(n, f, v, p); err != nil {
				return err
			}
		}
	}
	if seen == len(n) {
		return nil
	}
	return c.unknownField(n, what, s, rest)
}

func (c *checker) unknownField(n node, what string, s shape, rest []field) error {
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if !slices.ContainsFunc(slices.Concat(rest, s.fields), func(f field) bool { return f.name == name }) {
			return errorAt(n.position(), "%s with %q is not available", what, name)
		}
	}
	return nil
}

// field judges one field's value v.
func (c *checker) field(n node, f field, v any, p place) error {
	one, isNode := v.(map[string]any)
	list, isList := v.([]any)
	switch f.kind {
	case leaf:
		return nil
	case expr, query, wrapped, table, typed, ordered, sample:
		if !isNode {
			return errorAt(n.position(), "field %q has an unknown form", f.name)
		}
	case constants:
		if isNode {
			return c.fields(one, "a constant", constantShape, nil, p)
		}
		fallthrough
	default:
		if !isList {
			return errorAt(n.position(), "field %q has an unknown form", f.name)
		}
		return c.list(n, f, list, p)
	}
	switch f.kind {
	case query:
		return c.query(one, p)
	case wrapped:
		return c.fields(one, "a subquery", wrappedShape, nil, p)
	case table:
		return c.table(one, p)
	case typed:
		return c.typed(one, n.position())
	case ordered:
		return c.fields(one, "ORDER BY", modifierShapes["ORDER_MODIFIER"], modifierFields, p)
	case sample:
		return c.fields(one, "a sample", sampleShape, nil, p)
	default:
		return c.expression(one, p)
	}
}

// list judges each element of a field that is a list.
func (c *checker) list(n node, f field, list []any, p place) error {
	for _, v := range list {
		if f.kind == exprRows {
			if err := c.field(n, field{f.name, exprs}, v, p); err != nil {
				return err
			}
			continue
		}
		one, ok := v.(map[string]any)
		if !ok {
			return errorAt(n.position(), "field %q has an unknown form", f.name)
		}
		if err := c.element(one, f.kind, p); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) element(one node, k kind, p place) error {
	switch k {
	case orders:
		if orderByAll(one.node("expression")) {
			return c.fields(one, "ORDER BY ALL", shape{fields: []field{{"type", leaf}, {"null_order", leaf}, {"expression", leaf}}}, nil, p)
		}
		return c.fields(one, "ORDER BY", orderShape, nil, p)
	case modifiers:
		s, ok := modifierShapes[one.str("type")]
		if !ok {
			return errorAt(-1, "unknown modifier %q", one.str("type"))
		}
		return c.fields(one, "a modifier", s, modifierFields, p)
	case cases:
		return c.fields(one, "CASE", caseShape, nil, p)
	case replacement:
		return c.fields(one, "REPLACE", replaceShape, nil, p)
	case pivots:
		return c.fields(one, "PIVOT", pivotShape, nil, p)
	case constants:
		return c.fields(one, "a constant", constantShape, nil, p)
	default:
		return c.expression(one, p)
	}
}

// orderByAll: ORDER BY ALL is a star that needs no column of its own.
func orderByAll(e node) bool {
	return e.str("class") == "STAR" && e.flag("columns") && len(e) <= 4 && e["expr"] == nil && e["relation_name"] == nil &&
		e["replace_list"] == nil && e["exclude_list"] == nil
}

func (c *checker) expression(n node, p place) error {
	class := n.str("class")
	s, ok := expressions[class]
	if !ok {
		return errorAt(n.position(), "unknown class %q of expression", class)
	}
	switch class {
	case "FUNCTION", "WINDOW":
		if err := c.function(n, false); err != nil {
			return err
		}
	case "COLUMN_REF":
		names := n.strs("column_names")
		for i, name := range names {
			c.names[fold(name)] = true
			if i == len(names)-1 {
				c.relations[fold(name)] = true // SELECT t FROM t is all of t.
			}
		}
	case "STAR":
		c.star(n, p)
	case "POSITIONAL_REFERENCE", "DEFAULT":
		c.allColumns(p)
	case "PARAMETER":
		if _, ok := c.params.value(n.str("identifier")); !ok {
			return errorAt(n.position(), "parameter $%s is used but not given", n.str("identifier"))
		}
	case "SUBQUERY":
		c.subqueries++
	case "CONJUNCTION":
		if list, _ := n["children"].([]any); len(list) > maxAlternatives {
			return errorAt(n.position(), "%d conditions are joined by AND or OR, at most %d may be; use IN", len(list), maxAlternatives)
		}
	}
	return c.fields(n, class, s, expressionFields, p)
}

func (c *checker) star(n node, p place) {
	c.stars++
	c.allColumns(p)
	if name := n.str("relation_name"); name != "" {
		c.relations[fold(name)] = true
	}
}

func (c *checker) allColumns(p place) {
	if p.sel != nil {
		p.sel.star = true
	}
}

// function judges a function or window function by its name and arguments.
func (c *checker) function(n node, inFrom bool) error {
	name, schema, catalog := fold(n.str("function_name")), fold(n.str("schema")), fold(n.str("catalog"))
	if schema != "" && schema != "main" && schema != "pg_catalog" || catalog != "" && catalog != "system" {
		return errorAt(n.position(), "function %s is not available; functions have no schema, and x.f() is written f(x)",
			strings.TrimLeft(n.str("catalog")+"."+n.str("schema")+"."+name, "."))
	}
	r := functions()
	allowed := r.scalar[name] || r.aggregate[name]
	if inFrom {
		allowed = r.table[name]
	}
	if !allowed {
		return unavailable(n.position(), name, inFrom)
	}
	switch {
	case n.str("class") == "WINDOW":
		c.windows++
	case r.aggregate[name] && !inFrom:
		c.aggregates++
	}
	if r.spreading[name] {
		c.spreads++
	}
	if err := c.lastOrFirst(n, name); err != nil {
		return err
	}
	return c.capped(name, n, inFrom)
}

func unavailable(position int, name string, inFrom bool) error {
	r := functions()
	switch about := r.reason(name); {
	case about != "" && inFrom:
		return errorAt(position, "function %s is not available: it %s; SQL here reads only the tables listed by SHOW TABLES", name, about)
	case about != "":
		return errorAt(position, "function %s is not available: it %s", name, about)
	case inFrom && (r.scalar[name] || r.aggregate[name]):
		return errorAt(position, "function %s is not available in FROM", name)
	case r.table[name]:
		return errorAt(position, "function %s is available in FROM only", name)
	default:
		return errorAt(position, "unknown function %s", name)
	}
}
