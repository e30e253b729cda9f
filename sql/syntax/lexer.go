package syntax

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	word   tokenKind = iota // An identifier or keyword, unquoted.
	quoted                  // An identifier in double quotes.
	str                     // A string in single or dollar quotes.
	other                   // Numbers, parameters, operators: one byte each.
)

// token is a piece of text[start:end]. Comments and white space are none.
type token struct {
	kind       tokenKind
	start, end int
}

// lex cuts a statement as DuckDB's lexer does, as far as this package needs it:
// it knows what is inside quotes or comments and what is not. Text that ends
// inside a quote gives a last token up to the end; DuckDB reports it.
func lex(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		end, kind := i, other
		switch c := text[i]; {
		case spaceAt(text, i) > 0:
			i += spaceAt(text, i)
			continue
		case strings.HasPrefix(text[i:], "--"):
			i = lineEnd(text, i)
			continue
		case strings.HasPrefix(text[i:], "/*"):
			i = commentEnd(text, i)
			continue
		case c == '\'':
			end, kind = quoteEnd(text, i, '\'', escapes(tokens, text, i)), str
		case c == '"':
			end, kind = quoteEnd(text, i, '"', false), quoted
		case c == '$' && dollarTag(text, i) != "":
			end, kind = dollarEnd(text, i, dollarTag(text, i)), str
		case wordByte(c) && (c < '0' || c > '9'):
			end, kind = wordEnd(text, i), word
		case wordByte(c):
			end = wordEnd(text, i) // A number; its letters are no word.
		default:
			end = i + 1
		}
		tokens = append(tokens, token{kind, i, end})
		i = end
	}
	return tokens
}

// spaceAt is the number of bytes of white space at i: 0 or one character's.
// Spaces beyond ASCII count, as they do for DuckDB.
func spaceAt(text string, i int) int {
	if c := text[i]; c < utf8.RuneSelf {
		if c == ' ' || c >= '\t' && c <= '\r' {
			return 1
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(text[i:])
	if unicode.IsSpace(r) || r >= 0x200b && r <= 0x200d || r == 0x2060 || r == 0xfeff {
		return n
	}
	return 0
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

func wordEnd(text string, i int) int {
	for i < len(text) && (wordByte(text[i]) || text[i] == '$') && spaceAt(text, i) == 0 {
		i++
		for i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
	}
	return i
}

func lineEnd(text string, i int) int {
	if n := strings.IndexAny(text[i:], "\n\r"); n >= 0 {
		return i + n
	}
	return len(text)
}

// commentEnd knows that such comments nest.
func commentEnd(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(text)
}

func quoteEnd(text string, i int, quote byte, backslash bool) int {
	for i++; i < len(text); i++ {
		switch {
		case backslash && text[i] == '\\':
			i++
		case text[i] != quote:
		case i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// escapes reports whether the quote at i belongs to an E'...' string.
func escapes(tokens []token, text string, i int) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	return last.kind == word && last.end == i && strings.EqualFold(text[last.start:last.end], "e")
}

// dollarTag is the $tag$ that starts at i; "" if there is none.
func dollarTag(text string, i int) string {
	for end := i + 1; end < len(text); end++ {
		c := text[end]
		switch {
		case c == '$':
			return text[i : end+1]
		case !wordByte(c), end == i+1 && c >= '0' && c <= '9':
			return ""
		}
	}
	return ""
}

func dollarEnd(text string, i int, tag string) int {
	if n := strings.Index(text[i+len(tag):], tag); n >= 0 {
		return i + len(tag) + n + len(tag)
	}
	return len(text)
}

// words are the tokens of a text.
type words struct {
	text   string
	tokens []token
}

// at is the index of the token that starts at position; -1 if none does.
func (w words) at(position int) int {
	i, found := slices.BinarySearchFunc(w.tokens, position, func(t token, p int) int { return t.start - p })
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
	switch t := w.tokens[i]; t.kind {
	case word:
		return fold(w.text[t.start:t.end])
	case quoted:
		return fold(strings.ReplaceAll(strings.Trim(w.text[t.start:t.end], `"`), `""`, `"`))
	default:
		return ""
	}
}

// is reports whether token i is this one byte.
func (w words) is(i int, c byte) bool {
	return i >= 0 && i < len(w.tokens) && w.tokens[i].kind == other && w.text[w.tokens[i].start] == c
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
