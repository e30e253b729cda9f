package compactor

import "github.com/prometheus/prometheus/model/labels"

// Selector chooses series: those that match all matchers. An empty one chooses
// all.
type Selector []*labels.Matcher
