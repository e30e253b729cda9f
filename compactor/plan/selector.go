package plan

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

// Selector chooses series: those that match all matchers. An empty one chooses
// all.
type Selector []*labels.Matcher

// Matches reports whether the series is chosen.
func (s Selector) Matches(ls labels.Labels) bool { return series.Matches(ls, s) }

// String is the selector as PromQL writes it: {a="b",c=~"d.*"}.
func (s Selector) String() string {
	texts := make([]string, len(s))
	for i, m := range s {
		texts[i] = m.String()
	}
	return "{" + strings.Join(texts, ",") + "}"
}
