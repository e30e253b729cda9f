package syntax

import (
	"slices"
	"strings"

	"herringbone/sql/lex"
)

// words are the tokens of a text.
type words struct {
	text   string
	tokens []lex.Token
}

// at is the index of the token that starts at position; -1 if none does.
func (w words) at(position int) int {
	i, found := slices.BinarySearchFunc(w.tokens, position, func(t lex.Token, p int) int { return t.Start - p })
	if !found {
		return -1
	}
	return i
}

// name is the identifier that token i spells, folded; "" if it is none.
func (w words) name(i int) string {
	if i < 0 || i >= len(w.tokens) {
		return ""
	}
	switch t := w.tokens[i]; t.Kind {
	case lex.Word:
		return fold(w.text[t.Start:t.End])
	case lex.Quoted:
		return fold(strings.ReplaceAll(strings.Trim(w.text[t.Start:t.End], `"`), `""`, `"`))
	default:
		return ""
	}
}

// is reports whether token i is this one byte.
func (w words) is(i int, c byte) bool {
	return i >= 0 && i < len(w.tokens) && w.tokens[i].Kind == lex.Other && w.text[w.tokens[i].Start] == c
}

// fold is how DuckDB compares names: without regard to the case of ASCII letters.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
