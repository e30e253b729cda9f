package compacttest

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/compactor/plan"
)

// Selector makes a selector of pairs of a label and a regular expression.
func Selector(t *testing.T, pairs ...string) plan.Selector {
	t.Helper()
	var s plan.Selector
	for i := 0; i < len(pairs); i += 2 {
		s = append(s, labels.MustNewMatcher(labels.MatchRegexp, pairs[i], pairs[i+1]))
	}
	return s
}
