package shell

import (
	"strings"

	"herringbone/sql/lex"
)

// statement is one statement of a script, without its semicolon.
type statement struct {
	text string
	line int // Of the script on which it begins, from 1.
}

// script gathers lines until a semicolon ends a statement. Semicolons in quotes,
// dollar quotes and comments end nothing.
type script struct {
	pending strings.Builder
	line    int // Lines added so far.
	from    int // The line on which pending begins.
}

// add takes a line (with or without its line end) and returns the statements
// that it completes.
func (s *script) add(line string) []statement {
	s.line++
	if s.pending.Len() == 0 {
		s.from = s.line
	}
	s.pending.WriteString(strings.TrimRight(line, "\r\n"))
	s.pending.WriteByte('\n')
	text := s.pending.String()
	var out []statement
	start := 0
	for {
		end := semicolon(text, start)
		if end < 0 {
			break
		}
		out = appendStatement(out, text[start:end], s.from+strings.Count(text[:start], "\n"))
		start = end + 1
	}
	if start > 0 {
		s.pending.Reset()
		if rest := strings.TrimLeft(text[start:], " \t\n"); rest != "" {
			s.pending.WriteString(rest)
		}
		s.from = s.line
	}
	if strings.TrimSpace(s.pending.String()) == "" {
		s.pending.Reset()
	}
	return out
}

// rest returns what no semicolon ended, and forgets it.
func (s *script) rest() []statement {
	out := appendStatement(nil, s.pending.String(), s.from)
	s.pending.Reset()
	return out
}

// appendStatement leaves out what holds nothing but space and comments.
func appendStatement(out []statement, text string, line int) []statement {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	line += strings.Count(text[:len(text)-len(trimmed)], "\n")
	trimmed = strings.TrimRight(trimmed, " \t\r\n")
	if blank(trimmed) {
		return out
	}
	return append(out, statement{text: trimmed, line: line})
}

// blank says whether text is only space and comments.
func blank(text string) bool { return len(lex.Tokens(text)) == 0 }

// semicolon returns where the statement that begins at from ends, or -1.
func semicolon(text string, from int) int {
	for _, t := range lex.Tokens(text[from:]) {
		if t.Kind == lex.Other && text[from+t.Start] == ';' {
			return from + t.Start
		}
	}
	return -1
}
