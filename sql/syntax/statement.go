package syntax

import (
	"sort"

	"herringbone/sql/lex"
)

// Params are the values of a statement's parameters, by name: "1", "2", … or the
// name without the dollar sign. Integers are int, int64 or json.Number, strings
// are string; other types have no meaning to this package.
type Params map[string]any

// value finds a parameter as DuckDB does: without regard to case.
func (p Params) value(name string) (any, bool) {
	if v, ok := p[name]; ok {
		return v, true
	}
	for k, v := range p {
		if fold(k) == fold(name) {
			return v, true
		}
	}
	return nil, false
}

// Statement is a statement that may run. It is not safe for concurrent use.
type Statement struct {
	// Text is what DuckDB is to run: the text given to Parse, with system.x
	// written as memory.system.x and last(v, t), first(v, t) as arg_max, arg_min.
	Text string
	// Tables are the tables it reads, except those of information_schema, in no
	// particular order. Whether they exist is for the caller to check.
	Tables []Table
	// Params are the parameters it uses, sorted, as DuckDB names them.
	Params []string
	// NeedsAll: it lists tables (SHOW TABLES, information_schema).
	NeedsAll bool
	// Describe: all of it is a DESCRIBE, so no row is read, only columns.
	Describe bool
	// Delete is what a DELETE deletes; nil for all other statements.
	Delete *Deletion

	// Top or Last is set if it can be answered without reading all its Filter
	// lets through; else the reasons why not.
	Top        *Top
	WhyNotTop  string
	Last       *Last
	WhyNotLast string

	values []*boundValue
	edits  []edit
}

// Parse judges the tree that json_serialize_sql made of text (with skip_null,
// skip_empty and skip_default) and reads off what the statement needs. text is a
// Command's Select. Errors are of type *Error.
func Parse(ast []byte, text string, params Params) (*Statement, error) {
	c, tree, err := examine(ast, text, params)
	if err != nil {
		return nil, err
	}
	c.finish(tree)
	c.st.Describe = describes(tree.node("node"))
	c.early(tree.node("node"))
	return c.st, nil
}

// examine judges every node of a tree.
func examine(ast []byte, text string, params Params) (*checker, node, error) {
	tree, err := decode(ast, text)
	if err != nil {
		return nil, nil, err
	}
	c := &checker{
		words: words{text, lex.Tokens(text)}, params: params, st: &Statement{},
		names: map[string]bool{}, relations: map[string]bool{},
	}
	if tree.node("node") == nil {
		return nil, nil, errorAt(-1, "the parse tree has no query")
	}
	if err := c.fields(tree, "a statement", statementForm, nil, place{}); err != nil {
		return nil, nil, err
	}
	return c, tree, nil
}

// finish makes the statement's text, parameters and tables.
func (c *checker) finish(tree node) {
	c.st.edits = sortEdits(c.edits)
	c.st.Text = apply(c.words.text, c.st.edits)
	for _, p := range tree.nodes("named_param_map") {
		c.st.Params = append(c.st.Params, p.str("key"))
	}
	sort.Strings(c.st.Params)
	c.collect()
}

// describes reports whether all that n does is to DESCRIBE.
func describes(n node) bool {
	from := n.node("from_table")
	return n.str("type") == "SELECT_NODE" && from.str("type") == "SHOW_REF" && from.str("show_type") == "DESCRIBE" &&
		n["cte_map"] == nil && n["where_clause"] == nil && n["modifiers"] == nil
}
