package series

import (
	"cmp"

	"github.com/prometheus/prometheus/model/labels"
)

// Compare is the order of series in a file: by metric name, then as
// labels.Compare does. It differs from labels.Compare only where a label's name
// sorts before __name__ (capital letters do).
func Compare(a, b labels.Labels) int {
	if c := cmp.Compare(a.Get(labels.MetricName), b.Get(labels.MetricName)); c != 0 {
		return c
	}
	return labels.Compare(a, b)
}

// Matches reports whether ls satisfies every matcher.
func Matches(ls labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}
