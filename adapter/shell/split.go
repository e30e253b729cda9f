package shell

import "strings"

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
func blank(text string) bool {
	for i := 0; i < len(text); {
		if next := skipComment(text, i); next > i {
			i = next
			continue
		}
		if !strings.ContainsRune(" \t\r\n", rune(text[i])) {
			return false
		}
		i++
	}
	return true
}

// semicolon returns where the statement that begins at from ends, or -1.
func semicolon(text string, from int) int {
	for i := from; i < len(text); {
		if text[i] == ';' {
			return i
		}
		i = skip(text, i)
	}
	return -1
}

// skip returns the position after the token at i: a comment, a quoted thing, a
// name, or one byte. A thing that is not closed reaches to the end.
func skip(text string, i int) int {
	if next := skipComment(text, i); next > i {
		return next
	}
	switch c := text[i]; {
	case c == '\'' || c == '"':
		return skipQuoted(text, i, false)
	case (c == 'e' || c == 'E') && i+1 < len(text) && text[i+1] == '\'':
		return skipQuoted(text, i+1, true)
	case c == '$':
		return skipDollar(text, i)
	case isName(c):
		// A name may hold dollars, and an e before a quote is its last letter.
		for i < len(text) && (isName(text[i]) || text[i] == '$' || '0' <= text[i] && text[i] <= '9') {
			i++
		}
		return i
	}
	return i + 1
}

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

// skipComment returns i if no comment begins there. Block comments nest.
func skipComment(text string, i int) int {
	switch {
	case strings.HasPrefix(text[i:], "--"):
		if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
			return i + end + 1
		}
		return len(text)
	case strings.HasPrefix(text[i:], "/*"):
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
	return i
}

// skipQuoted: a doubled quote does not end it; it begins another quoted thing,
// which comes to the same.
func skipQuoted(text string, i int, backslashes bool) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case backslashes && text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

// skipDollar skips $$text$$ and $tag$text$tag$; a parameter like $1 is neither.
func skipDollar(text string, i int) int {
	end := i + 1
	for end < len(text) && (isName(text[end]) || end > i+1 && '0' <= text[end] && text[end] <= '9') {
		end++
	}
	if end >= len(text) || text[end] != '$' {
		return i + 1
	}
	tag := text[i : end+1]
	if closing := strings.Index(text[end+1:], tag); closing >= 0 {
		return end + 1 + closing + len(tag)
	}
	return len(text)
}
