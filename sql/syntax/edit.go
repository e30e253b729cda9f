package syntax

import (
	"slices"
	"strings"
)

// edit replaces remove bytes of the text at a position.
type edit struct {
	at, remove int
	insert     string
}

// lastOrFirst notes the edit for last(v, t) and first(v, t), which DuckDB calls
// arg_max and arg_min.
func (c *checker) lastOrFirst(n node, name string) error {
	if name != "last" && name != "first" || n.str("class") != "FUNCTION" || len(n.nodes("children")) != 2 {
		return nil
	}
	i := c.words.at(n.position())
	for c.words.name(i) != name && c.words.is(i+1, '.') {
		i += 2
	}
	if c.words.name(i) != name || !c.words.is(i+1, '(') {
		return errorAt(n.position(), "%s(value, time) was not found in the text; write %s(value, time)", name, inDuckDB[name])
	}
	t := c.words.tokens[i]
	c.edits = append(c.edits, edit{at: t.Start, remove: t.End - t.Start, insert: inDuckDB[name]})
	return nil
}

var inDuckDB = map[string]string{"last": "arg_max", "first": "arg_min"}

// apply makes the edits.
func apply(text string, edits []edit) string {
	var b strings.Builder
	done := 0
	for _, e := range edits {
		b.WriteString(text[done:e.at])
		b.WriteString(e.insert)
		done = e.at + e.remove
	}
	b.WriteString(text[done:])
	return b.String()
}

// sortEdits orders edits by place. The same place may be in the tree more than
// once (DuckDB copies parts of PIVOT, for example).
func sortEdits(edits []edit) []edit {
	slices.SortFunc(edits, func(a, b edit) int { return a.at - b.at })
	return slices.Compact(edits)
}

// Origin turns a position in Text, in bytes, into one in the text that was given
// to Parse: errors of DuckDB when it runs Text point into the former.
func (s *Statement) Origin(position int) int {
	for _, e := range s.edits {
		if position < e.at {
			break
		}
		if position < e.at+len(e.insert) {
			return e.at
		}
		position -= len(e.insert) - e.remove
	}
	return position
}
