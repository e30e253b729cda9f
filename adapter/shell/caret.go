package shell

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// maxCaretLine bounds the part of a long line that is shown.
const maxCaretLine = 100

// caret returns the line of a statement that holds position, numbered, and a
// caret below it; empty if the position is not in the statement.
func caret(sql string, position int) string {
	if position < 0 || position > len(sql) {
		return ""
	}
	start := strings.LastIndexByte(sql[:position], '\n') + 1
	end := len(sql)
	if i := strings.IndexByte(sql[position:], '\n'); i >= 0 {
		end = position + i
	}
	before, after := visible(sql[start:position]), visible(sql[position:end])
	if over := len(before) - maxCaretLine*2/3; over > 0 {
		before = "…" + wholeRunes(before[over:])
	}
	after = text.Snip(after, max(maxCaretLine-text.StringWidth(before), 20), "…")
	label := fmt.Sprintf("LINE %d: ", strings.Count(sql[:start], "\n")+1)
	return label + before + after + "\n" + strings.Repeat(" ", len(label)+text.StringWidth(before)) + "^"
}

// wholeRunes drops the rest of a rune that s was cut in.
func wholeRunes(s string) string {
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

// visible writes what a terminal would act on as an escape, tabs as spaces.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
