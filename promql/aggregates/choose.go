package aggregates

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/util/annotations"

	"herringbone/promql/queryable"
	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// choose decides for a selector, of which aggregates of the given resolutions
// (rising) may exist. Without a limit it takes the coarsest that answers exactly.
// Where aggregates are all that is kept, it takes one that can be made of them.
//
// An error means that there is no answer: the samples that one would need were
// dropped. It wraps series.ErrInvalid.
func choose(s *selector, known []aggregate.Resolution, limit Limit) (*queryable.Choice, error) {
	c := &queryable.Choice{Column: s.column, Reads: s.reads, Scale: 1}
	var dropped []int64
	for _, r := range known {
		if r.SamplesDropped {
			dropped = append(dropped, r.Millis)
			c.DroppedBelow = max(c.DroppedBelow, r.Millis)
		}
	}
	switch {
	case s.samples != "":
		c.Why = s.samples
	case limit.kind == limitRaw:
		c.Why = "samples were asked for"
	default:
		take(c, s, known, dropped, limit)
	}
	if c.Resolution >= c.DroppedBelow {
		combine(c, s)
		return c, nil
	}
	if !madeOf(c.DroppedBelow, dropped) {
		c.Why = "no aggregates can be made of all that is kept"
	}
	if s.samples != "" || limit.kind == limitRaw || !madeOf(c.DroppedBelow, dropped) {
		return nil, &queryable.SamplesDroppedError{Expr: s.node.String(), Why: c.Why, DroppedBelow: c.DroppedBelow}
	}
	c.Resolution, c.Approximate = c.DroppedBelow, s.grid%c.DroppedBelow != 0
	combine(c, s)
	return c, nil
}

// combine makes buckets as long as the grid of the selector, if they fit it. What
// is evaluated once has a grid that is much longer than what it looks at.
func combine(c *queryable.Choice, s *selector) {
	c.Combined = c.Resolution
	if c.Resolution > 0 && !c.Approximate && s.grid > 0 && s.grid <= s.maxT-s.minT+1 {
		c.Combined = s.grid
	}
}

// madeOf reports whether a resolution is a multiple of all of dropped.
func madeOf(resolution int64, dropped []int64) bool {
	return !slices.ContainsFunc(dropped, func(r int64) bool { return resolution%r != 0 })
}

// take chooses without regard to what was dropped.
func take(c *queryable.Choice, s *selector, known []aggregate.Resolution, dropped []int64, limit Limit) {
	for _, r := range known {
		if r.Millis >= c.DroppedBelow && !madeOf(r.Millis, dropped) {
			continue
		}
		if why := refusal(s, r.Millis, limit); why == "" {
			c.Resolution, c.Approximate, c.Why = r.Millis, s.grid%r.Millis != 0, ""
		} else if c.Why == "" {
			c.Why = why
		}
	}
}

// refusal says why a resolution is not to be taken; "": it is.
func refusal(s *selector, resolution int64, limit Limit) string {
	switch {
	case limit.kind == limitForced && resolution > limit.millis:
		return queryable.MillisText(resolution) + " is coarser than max_source_resolution"
	case limit.kind != limitForced && s.grid%resolution != 0:
		return fmt.Sprintf("times and ranges are not multiples of %s, but of %s", queryable.MillisText(resolution), queryable.MillisText(s.grid))
	}
	return ""
}

// errReplaced says that what was chosen was overtaken by events.
var errReplaced = fmt.Errorf("samples were replaced by aggregates while the query ran; ask again: %w", series.ErrNotReady)

// warning is the annotation of an approximate answer.
func warning(c *queryable.Choice, s *selector) error {
	cure := "align start, step, ranges and offsets to " + queryable.MillisText(c.Resolution)
	if c.DroppedBelow < c.Resolution {
		cure += ", or leave max_source_resolution out"
	}
	return fmt.Errorf("%w: approximate: %s is answered from aggregates of %s, whose buckets do not fit its windows; %s",
		annotations.PromQLWarning, s.node.String(), queryable.MillisText(c.Resolution), cure)
}

// Limit is the parameter max_source_resolution.
type Limit struct {
	kind   limitKind
	millis int64
}

type limitKind uint8

const (
	limitExact  limitKind = iota // The coarsest that is exact.
	limitRaw                     // Samples only.
	limitForced                  // The coarsest up to millis, exact or not.
	limitAuto                    // As forced, with a fifth of the step.
)

var errBadResolution = errors.New(`max_source_resolution must be a duration, "raw" or "auto"`)

// ParseLimit reads the parameter; "" is exact.
func ParseLimit(text string) (Limit, error) {
	switch text {
	case "":
		return Limit{}, nil
	case "raw", "0":
		return Limit{kind: limitRaw}, nil
	case "auto":
		return Limit{kind: limitAuto}, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return Limit{}, errBadResolution
	}
	if d == 0 {
		return Limit{kind: limitRaw}, nil
	}
	return Limit{kind: limitForced, millis: time.Duration(d).Milliseconds()}, nil
}

// of is the limit for a query with that step; 0 is an instant query, for which
// auto means exact.
func (l Limit) of(step time.Duration) Limit {
	if l.kind != limitAuto {
		return l
	}
	if step == 0 {
		return Limit{}
	}
	const points = 5 // A step, as Thanos has it.
	return Limit{kind: limitForced, millis: step.Milliseconds() / points}
}
