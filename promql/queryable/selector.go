package queryable

import (
	"fmt"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"herringbone/storage/series"
)

// ParseSelector reads the matchers of a series selector such as
// {__name__=~"debug_.*", job="a"}. Errors wrap series.ErrInvalid.
func ParseSelector(text string) ([]*labels.Matcher, error) {
	matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
	if err != nil {
		return nil, fmt.Errorf("selector %s: %w: %w", text, err, series.ErrInvalid)
	}
	return matchers, nil
}
