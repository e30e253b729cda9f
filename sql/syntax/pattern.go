package syntax

import (
	"regexp/syntax"
	"strings"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"
)

// pattern adds LIKE, regexp_matches and regexp_full_match, or if not is set,
// their opposites. Of a label that a series has not they are NULL.
func (d *deleter) pattern(n node, not bool) error {
	args := n.nodes("children")
	if n.str("class") != "FUNCTION" || len(args) != 2 || n["filter"] != nil {
		return errorAt(n.position(), deletable)
	}
	s, ok := d.label(args[0])
	text := constString(args[1], d.params)
	if !ok || !d.null(args[1]) && !isString(args[1], d.params) {
		return errorAt(n.position(), deletable)
	}
	switch fold(n.str("function_name")) {
	case "!~~":
		not, text = !not, like(text)
	case "~~":
		text = like(text)
	case "regexp_full_match":
		ok = plainRegexp(text)
		text = "(?-s:" + text + ")"
	case "regexp_matches":
		ok = plainRegexp(text)
		text = ".*(?-s:" + text + ").*" // A matcher's own dot matches line ends.
	default:
		return errorAt(n.position(), deletable)
	}
	switch {
	case d.null(args[1]):
		d.out.Nothing, text = true, ""
	case !ok:
		return errorAt(n.position(), "DELETE takes plain regular expressions: without (?i), (?m), \\p, \\b and names of groups")
	}
	kind := labels.MatchRegexp
	if not {
		kind = labels.MatchNotRegexp
	}
	d.out.Columns = append(d.out.Columns, ColumnCondition{s.column, s.at, kind, text}, ColumnCondition{s.column, s.at, labels.MatchNotEqual, ""})
	return nil
}

// like turns a pattern of LIKE into a matcher's regular expression.
func like(pattern string) string {
	var b strings.Builder
	for _, r := range pattern {
		switch r {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}

// plainRegexp reports whether DuckDB and Prometheus, whose engines are relatives,
// are known to match text alike. Tables of Unicode may be of different age.
func plainRegexp(text string) bool {
	if strings.Contains(text, `\p`) || strings.Contains(text, `\P`) {
		return false
	}
	re, err := syntax.Parse(text, syntax.Perl)
	return err == nil && plain(re)
}

func plain(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass:
		if re.Flags&syntax.FoldCase != 0 {
			return false
		}
	case syntax.OpEmptyMatch, syntax.OpAnyCharNotNL, syntax.OpAnyChar, syntax.OpBeginText, syntax.OpEndText, syntax.OpStar,
		syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat, syntax.OpConcat, syntax.OpAlternate:
	case syntax.OpCapture:
		if re.Name != "" {
			return false
		}
	default:
		return false
	}
	for _, sub := range re.Sub {
		if !plain(sub) {
			return false
		}
	}
	return true
}
