package lex

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a token is.
type Kind int

const (
	Word   Kind = iota // An identifier or keyword, unquoted.
	Quoted             // An identifier in double quotes.
	String             // A string in single or dollar quotes.
	Other              // Numbers, parameters, operators: one byte each.
)

// Token is a piece of text[start:end]. Comments and white space are none.
type Token struct {
	Kind       Kind
	Start, End int
}

// Tokens cuts a statement as DuckDB's lexer does, as far as this package needs it:
// it knows what is inside quotes or comments and what is not. Text that ends
// inside a quote gives a last token up to the end; DuckDB reports it.
func Tokens(text string) []Token {
	var tokens []Token
	for i := 0; i < len(text); {
		end, kind := i, Other
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
			end, kind = quoteEnd(text, i, '\'', escapes(tokens, text, i)), String
		case c == '"':
			end, kind = quoteEnd(text, i, '"', false), Quoted
		case c == '$' && dollarTag(text, i) != "":
			end, kind = dollarEnd(text, i, dollarTag(text, i)), String
		case wordByte(c) && (c < '0' || c > '9'):
			end, kind = wordEnd(text, i), Word
		case wordByte(c):
			end = wordEnd(text, i) // A number; its letters are no word.
		default:
			end = i + 1
		}
		tokens = append(tokens, Token{kind, i, end})
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
func escapes(tokens []Token, text string, i int) bool {
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	return last.Kind == Word && last.End == i && strings.EqualFold(text[last.Start:last.End], "e")
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
