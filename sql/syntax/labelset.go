package syntax

import (
	"slices"
	"strings"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"
)

// labelSet is the values of one label for which a test is true. "" is a label
// that a series has not, which is NULL to SQL.
type labelSet struct {
	column string
	at     int      // Where the column stands in the text.
	but    bool     // All values but these.
	values []string // Sorted, without doubles.
}

// or is what is in s or in o.
func (s labelSet) or(o labelSet) labelSet {
	without := func(list, removed []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(v string) bool { return slices.Contains(removed, v) })
	}
	switch {
	case s.but && o.but:
		s.values = without(s.values, without(s.values, o.values))
	case s.but:
		s.values = without(s.values, o.values)
	case o.but:
		s.but, s.values = true, without(o.values, s.values)
	default:
		s.values = slices.Concat(s.values, o.values)
		slices.Sort(s.values)
		s.values = slices.Compact(s.values)
	}
	return s
}

// truth is the set for which n, or if not is set, NOT n, is true; ok is false if
// n does not test values of one label.
func (d *deleter) truth(n node, not bool) (s labelSet, ok bool) {
	children := n.nodes("children")
	switch op := n.str("type"); op {
	case "OPERATOR_NOT":
		if len(children) == 1 {
			return d.truth(children[0], !not)
		}
	case "CONJUNCTION_AND", "CONJUNCTION_OR":
		if or := op == "CONJUNCTION_OR"; or != not {
			return d.either(children, not)
		}
	case "COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM":
		column, value := n.node("left"), n.node("right")
		if d.column(column, d.use) == "" {
			column, value = value, column
		}
		not = not != (op == "COMPARE_NOTEQUAL" || op == "COMPARE_DISTINCT_FROM")
		if strings.HasSuffix(op, "DISTINCT_FROM") {
			return d.identical(column, value, not)
		}
		return d.listed(column, []node{value}, not)
	case "COMPARE_IN", "COMPARE_NOT_IN":
		if len(children) > 1 {
			return d.listed(children[0], children[1:], not != (op == "COMPARE_NOT_IN"))
		}
	case "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL":
		if len(children) == 1 {
			s, ok = d.label(children[0])
			s.but, s.values = not != (op == "OPERATOR_IS_NOT_NULL"), []string{""}
			return s, ok
		}
	}
	return s, false
}

// either is the set of tests of one label that are joined by OR.
func (d *deleter) either(parts []node, not bool) (all labelSet, ok bool) {
	for i, n := range parts {
		s, ok := d.truth(n, not)
		if !ok || i > 0 && fold(s.column) != fold(all.column) {
			return labelSet{}, false
		}
		if i == 0 {
			all = s
		} else {
			all = all.or(s)
		}
	}
	return all, len(parts) > 0
}

// label is the column that n names, with an empty set.
func (d *deleter) label(n node) (labelSet, bool) {
	s := labelSet{column: d.column(n, d.use), at: n.position()}
	return s, s.column != "" && fold(s.column) != "time"
}

// listed is column IN values, or NOT IN. It is NULL, and so not true, where the
// column is, and where the column is none of values that have a NULL among them.
func (d *deleter) listed(column node, values []node, not bool) (labelSet, bool) {
	s, ok := d.label(column)
	if !ok {
		return s, false
	}
	null := false
	for _, v := range values {
		switch {
		case d.null(v):
			null = true
		case !isString(v, d.params):
			return s, false
		case constString(v, d.params) != "": // No label is the empty string.
			s.values = append(s.values, constString(v, d.params))
		}
	}
	switch {
	case not && null:
		s.values = nil
	case not:
		s.but, s.values = true, append(s.values, "")
	}
	slices.Sort(s.values)
	s.values = slices.Compact(s.values)
	return s, true
}

// identical is column IS NOT DISTINCT FROM value, to which NULL is a value.
func (d *deleter) identical(column, value node, not bool) (labelSet, bool) {
	s, ok := d.label(column)
	if !ok {
		return s, false
	}
	s.but = not
	switch text := constString(value, d.params); {
	case d.null(value):
		s.values = []string{""}
	case !isString(value, d.params):
		return s, false
	case text != "":
		s.values = []string{text}
	}
	return s, true
}

// require adds the condition that the label is in s.
func (d *deleter) require(s labelSet) {
	add := func(kind labels.MatchType, value string) {
		d.out.Columns = append(d.out.Columns, ColumnCondition{s.column, s.at, kind, value})
	}
	equal, matches := labels.MatchEqual, labels.MatchRegexp
	values := s.values
	if s.but {
		equal, matches = labels.MatchNotEqual, labels.MatchNotRegexp
		if len(values) > 1 && values[0] == "" {
			add(equal, "")
			values = values[1:]
		}
	}
	switch {
	case len(values) == 0 && !s.but:
		d.out.Nothing = true
		add(labels.MatchRegexp, ".*") // The column must exist all the same.
	case len(values) == 0:
		add(labels.MatchRegexp, ".*")
	case len(values) == 1:
		add(equal, values[0])
	default:
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = regexp.QuoteMeta(v)
		}
		add(matches, strings.Join(quoted, "|"))
	}
}
