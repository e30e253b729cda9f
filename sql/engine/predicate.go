package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/sql/plan"
)

// projection are the columns that the statement uses.
func (q *query) projection(r *relation) string {
	var names []string
	for _, c := range r.table.Columns {
		if r.ref.Columns == nil || slices.Contains(r.ref.Columns, strings.ToLower(c.Name)) {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// predicate is what files and series are pruned by.
func (r *relation) predicate() string {
	return "{" + matcherText(r.matchers) + "} in " + span(r.minT(), r.maxT())
}

func matcherText(matchers []*labels.Matcher) string {
	list := make([]string, len(matchers))
	for i, m := range matchers {
		list[i] = m.String()
	}
	return strings.Join(list, ", ")
}

func span(minT, maxT int64) string { return "[" + instant(minT) + ", " + instant(maxT) + "]" }

func instant(t int64) string {
	switch t {
	case plan.MinTime:
		return "-∞"
	case plan.MaxTime:
		return "∞"
	}
	return time.UnixMilli(t).UTC().Format("2006-01-02T15:04:05.999Z")
}
