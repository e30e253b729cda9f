package compactor

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"
)

func selector(t *testing.T, pairs ...string) Selector {
	t.Helper()
	var s Selector
	for i := 0; i < len(pairs); i += 2 {
		s = append(s, labels.MustNewMatcher(labels.MatchRegexp, pairs[i], pairs[i+1]))
	}
	return s
}
