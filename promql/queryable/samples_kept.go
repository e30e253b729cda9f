package queryable

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"herringbone/storage/series"
)

// checkSamplesKept is an error if samples are asked for of which only aggregates are kept: less
// than there was would be taken for all. What a query may be answered with instead
// was chosen before, see choose.
func (q *querier) checkSamplesKept(ctx context.Context, t series.Tenant, query series.Query) error {
	if q.substitutions != nil || q.aggregates == nil || query.NoSamples {
		return nil
	}
	var kept int64
	for _, r := range q.aggregates.Resolutions(t, query) {
		if r.SamplesDropped {
			kept = max(kept, r.Millis)
		}
	}
	if kept == 0 {
		return nil
	}
	if refused, ok := ctx.Value(RefusedKey{}).(*atomic.Bool); ok {
		refused.Store(true)
	}
	var texts []string
	for _, m := range query.Matchers {
		texts = append(texts, m.String())
	}
	return &SamplesDroppedError{Expr: "{" + strings.Join(texts, ",") + "}", Why: "samples were asked for", DroppedBelow: kept}
}

// RefusedKey is that of the begunWriter's refused in the context of a remote-read.
type RefusedKey struct{}

// SamplesDroppedError says that a selector needs samples that were dropped.
type SamplesDroppedError struct {
	Expr, Why    string
	DroppedBelow int64
}

func (e *SamplesDroppedError) Error() string {
	return fmt.Sprintf("%s: %s, but of some of the time only aggregates of %s are kept; ask for a later time", e.Expr, e.Why, MillisText(e.DroppedBelow))
}

func (e *SamplesDroppedError) Unwrap() error { return series.ErrInvalid }
