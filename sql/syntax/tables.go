package syntax

import (
	"slices"
	"strings"

	"herringbone/sql/lex"
)

// Table is one table that a statement reads, under one name of one schema, in
// however many places.
type Table struct {
	// Schema is "" (for main too), "metric" or "system", in small letters.
	Schema string
	// Name is as first written; another spelling that differs in the case of
	// ASCII letters only is the same table to DuckDB.
	Name string
	// Columns that may be needed, in small letters, sorted; they may contain names
	// of other tables' columns. nil is all, a list without elements is none.
	Columns []string
	Filter  Filter

	uses []*use
}

type tableKey struct{ schema, name string }

// information are the views of information_schema that may be read.
var information = []string{"tables", "columns", "schemata", "views"}

// base judges a table by name and notes its use.
func (c *checker) base(n node, p place) error {
	name, schema := n.str("table_name"), fold(n.str("schema_name"))
	if err := c.spelled(n); err != nil {
		return err
	}
	if catalog := fold(n.str("catalog_name")); catalog != "" && catalog != "memory" {
		return errorAt(n.position(), "table %s is not available: there is no database %s", name, n.str("catalog_name"))
	}
	switch schema {
	case "":
		if p.ctes.has(fold(name)) {
			return nil
		}
	case "main":
		schema = ""
	case "metric":
	case "system":
		if n.str("catalog_name") == "" {
			c.edits = append(c.edits, edit{at: n.position(), insert: "memory."})
		}
	case "information_schema":
		if !slices.Contains(information, fold(name)) {
			return errorAt(n.position(), "table information_schema.%s is not available; there are %s", name, strings.Join(information, ", "))
		}
		c.st.NeedsAll = true
		return nil
	default:
		return errorAt(n.position(), "table %s.%s is not available: the schemas are main, metric, system and information_schema",
			n.str("schema_name"), name)
	}
	alias := n.str("alias")
	if alias == "" {
		alias = name
	}
	c.uses = append(c.uses, &use{
		ref: n, from: p.sel, key: tableKey{schema, fold(name)}, alias: fold(alias),
		frozen: p.frozen || n["column_name_alias"] != nil, star: n["column_name_alias"] != nil,
	})
	return nil
}

// spelled makes sure that a table's name stands in the text where the tree says.
// A name in single quotes is a file to DuckDB.
func (c *checker) spelled(n node) error {
	i := c.words.at(n.position())
	if i >= 0 && c.words.tokens[i].Kind == lex.String {
		return errorAt(n.position(), "file %q is not available: SQL here reads only the tables listed by SHOW TABLES (names in double quotes)",
			n.str("table_name"))
	}
	for _, f := range []string{"catalog_name", "schema_name", "table_name"} {
		if first := n.str(f); first != "" {
			if c.words.name(i) != fold(first) {
				return errorAt(n.position(), "the name of table %s was not found in the text", n.str("table_name"))
			}
			break
		}
	}
	return nil
}

// collect makes the statement's tables of the uses.
func (c *checker) collect() {
	index := map[tableKey]int{}
	for _, u := range c.uses {
		i, ok := index[u.key]
		if !ok {
			i = len(c.st.Tables)
			index[u.key] = i
			c.st.Tables = append(c.st.Tables, Table{Schema: u.key.schema, Name: u.ref.str("table_name")})
		}
		u.star = u.star || u.from.star || c.relations[u.alias]
		if u.key.schema != "system" {
			c.filter(u)
		}
		c.st.Tables[i].uses = append(c.st.Tables[i].uses, u)
	}
	names := make([]string, 0, len(c.names))
	for name := range c.names {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range c.st.Tables {
		t := &c.st.Tables[i]
		if !slices.ContainsFunc(t.uses, func(u *use) bool { return u.star }) {
			t.Columns = slices.Clone(names)
		}
		t.hull()
	}
}
