package syntax

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// node is one JSON object of a parse tree.
type node map[string]any

func (n node) str(field string) string {
	s, _ := n[field].(string)
	return s
}

func (n node) flag(field string) bool {
	b, _ := n[field].(bool)
	return b
}

func (n node) node(field string) node {
	m, _ := n[field].(map[string]any)
	return m
}

func (n node) nodes(field string) []node {
	list, _ := n[field].([]any)
	nodes := make([]node, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			nodes = append(nodes, m)
		}
	}
	return nodes
}

func (n node) strs(field string) []string {
	list, _ := n[field].([]any)
	strs := make([]string, 0, len(list))
	for _, v := range list {
		if s, ok := v.(string); ok {
			strs = append(strs, s)
		}
	}
	return strs
}

// position is where the node starts in the text, in bytes; -1 if unknown.
func (n node) position() int {
	number, _ := n["query_location"].(json.Number)
	p, err := strconv.Atoi(number.String())
	if err != nil {
		return -1
	}
	return p
}

// maxTree is the greatest length of a parse tree in bytes. Ordinary statements
// of MaxLength have less; those that have more are made of very short terms, and
// take memory of the node, where no limit of the child holds.
const maxTree = 4 << 20

// decode reads the tree of exactly one statement.
func decode(ast []byte, text string) (statement node, err error) {
	if len(ast) > maxTree {
		return nil, errorAt(-1, "the statement has too many terms: its parse tree has %d bytes, at most %d are allowed", len(ast), maxTree)
	}
	d := json.NewDecoder(bytes.NewReader(ast))
	d.UseNumber() // Constants must come back out as they went in.
	var tree node
	if err := d.Decode(&tree); err != nil {
		return nil, errorAt(-1, "the parse tree is unreadable: %v", err)
	}
	if tree.flag("error") {
		return nil, parseError(tree, text)
	}
	switch list, _ := tree["statements"].([]any); len(list) {
	case 0:
		return nil, errorAt(-1, "there is no statement")
	case 1:
		statement, _ := list[0].(map[string]any)
		return statement, nil
	default:
		return nil, errorAt(-1, "there are %d statements, only one is allowed", len(list))
	}
}

// parseError is what DuckDB's parser said about a text. It counts characters,
// while the positions in a tree count bytes.
func parseError(tree node, text string) error {
	position := -1
	if n, err := strconv.Atoi(tree.str("position")); err == nil {
		position = len(text)
		for i := range text {
			if n == 0 {
				position = i
			}
			n--
		}
	}
	message := tree.str("error_message")
	if message == "Only SELECT statements can be serialized to json!" {
		message = "only SELECT, FROM, VALUES, WITH, DESCRIBE, SUMMARIZE, SHOW TABLES and DELETE FROM are available; " +
			"PIVOT needs its values: PIVOT t ON column IN (…)"
	}
	return errorAt(position, "%s", message)
}
