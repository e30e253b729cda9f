package syntax

import (
	"strings"
	"unicode/utf8"

	"herringbone/sql/lex"
)

// MaxLength is the greatest length of a statement in bytes.
const MaxLength = 64 << 10

// Command is a statement without the words that this package understands itself.
type Command struct {
	Explain, Analyze, Verbose bool
	// Delete: it is a DELETE, for ParseDelete, and Select is the query of the rows
	// to delete.
	Delete bool
	// Select is the rest: no EXPLAIN before it, and no semicolon, space or
	// comment after it. DuckDB takes a query that begins with FROM, so that of a
	// DELETE is the rest of it as it stands.
	Select string
	// Offset is where Select starts in the text, in bytes.
	Offset int
}

// Split takes EXPLAIN with its options and one final semicolon off a text. It
// does not look at the rest. Spaces beyond ASCII that are outside quotes become
// ASCII spaces of the same length, as DuckDB would shift positions over them.
func Split(text string) (Command, error) {
	if len(text) > MaxLength {
		return Command{}, errorAt(-1, "the statement has %d bytes, at most %d are allowed", len(text), MaxLength)
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return Command{}, errorAt(i, "the statement contains a zero byte")
	}
	if !utf8.ValidString(text) {
		return Command{}, errorAt(-1, "the statement is not valid UTF-8")
	}
	w := words{text, lex.Tokens(text)}
	if n := len(w.tokens); n > 0 && w.is(n-1, ';') {
		w.tokens = w.tokens[:n-1]
	}
	var c Command
	next, err := c.explain(w)
	if err != nil {
		return Command{}, err
	}
	if next >= len(w.tokens) {
		return Command{}, errorAt(len(text), "there is no statement")
	}
	if w.tokens[next].Kind == lex.Word && w.name(next) == "delete" {
		if next, err = c.deletes(w, next+1); err != nil {
			return Command{}, err
		}
	}
	c.Offset = w.tokens[next].Start
	end := w.tokens[len(w.tokens)-1].End
	c.Select = asciiSpaces(text[:end], w.tokens[next:])[c.Offset:]
	return c, nil
}

// deletes reads what follows DELETE and returns the token FROM. The words that
// only a DELETE or only a SELECT has are refused here: in the tree the first
// would be mistakes, and some of the second could not be seen.
func (c *Command) deletes(w words, next int) (int, error) {
	c.Delete = true
	if next >= len(w.tokens) {
		return 0, errorAt(len(w.text), "DELETE is written DELETE FROM table WHERE conditions")
	}
	if w.tokens[next].Kind != lex.Word || w.name(next) != "from" {
		return 0, errorAt(w.tokens[next].Start, "DELETE is written DELETE FROM table WHERE conditions")
	}
	for i := next + 1; i < len(w.tokens); i++ {
		switch name := w.name(i); name {
		case "select", "using", "returning":
			if w.tokens[i].Kind == lex.Word && !w.is(i-1, '.') {
				return 0, errorAt(w.tokens[i].Start, "DELETE has no %s here: it is written DELETE FROM table WHERE conditions", strings.ToUpper(name))
			}
		}
	}
	return next, nil
}

// explain reads EXPLAIN and its options and returns the first token after them.
func (c *Command) explain(w words) (next int, err error) {
	if w.name(0) != "explain" || w.tokens[0].Kind != lex.Word {
		return 0, nil
	}
	c.Explain = true
	next = 1
	if w.is(next, '(') && explainOption(w.name(next+1)) {
		return c.options(w, next+1)
	}
	for explainOption(w.name(next)) {
		if err := c.set(w, next); err != nil {
			return 0, err
		}
		next++
	}
	return next, nil
}

// options reads "ANALYZE, VERBOSE)" from token i on.
func (c *Command) options(w words, i int) (next int, err error) {
	for {
		if err := c.set(w, i); err != nil {
			return 0, err
		}
		switch {
		case w.is(i+1, ','):
			i += 2
		case w.is(i+1, ')'):
			return i + 2, nil
		default:
			return 0, errorAt(w.tokens[i].End, "the options of EXPLAIN are ANALYZE and VERBOSE, without values")
		}
	}
}

func explainOption(name string) bool {
	return name == "analyze" || name == "analyse" || name == "verbose" || name == "format"
}

func (c *Command) set(w words, i int) error {
	switch w.name(i) {
	case "analyze", "analyse":
		c.Analyze = true
	case "verbose":
		c.Verbose = true
	case "format":
		return errorAt(w.tokens[i].Start, "EXPLAIN has no FORMAT here: the plan is text; leave the option out")
	default:
		return errorAt(w.tokens[min(i, len(w.tokens)-1)].Start, "the options of EXPLAIN are ANALYZE and VERBOSE")
	}
	return nil
}

func asciiSpaces(text string, tokens []lex.Token) string {
	b := []byte(text)
	for i, t := range tokens[1:] {
		for j := tokens[i].End; j < t.Start; j++ {
			if b[j] >= utf8.RuneSelf {
				b[j] = ' '
			}
		}
	}
	return string(b)
}
