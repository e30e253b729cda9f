package promql

import (
	"context"
	"strings"
	"sync/atomic"

	"herringbone/storage/series"
)

// gone is an error if samples are asked for of which only aggregates are kept: less
// than there was would be taken for all. What a query may be answered with instead
// was chosen before, see choose.
func (q *querier) checkSamplesKept(ctx context.Context, t series.Tenant, query series.Query) error {
	if q.substitutions != nil || q.aggregates == nil || query.NoSamples {
		return nil
	}
	var sole int64
	for _, r := range q.aggregates.Resolutions(t, query) {
		if r.SamplesDropped {
			sole = max(sole, r.Millis)
		}
	}
	if sole == 0 {
		return nil
	}
	if refused, ok := ctx.Value(refusedKey{}).(*atomic.Bool); ok {
		refused.Store(true)
	}
	var texts []string
	for _, m := range query.Matchers {
		texts = append(texts, m.String())
	}
	return &samplesDroppedError{expr: "{" + strings.Join(texts, ",") + "}", why: "samples were asked for", droppedBelow: sole}
}

// refusedKey is that of the begunWriter's refused in the context of a remote-read.
type refusedKey struct{}
