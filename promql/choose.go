package promql

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/util/annotations"

	"herringbone/storage/aggregate"
	"herringbone/storage/series"
)

// choice is from what one selector is answered.
type choice struct {
	// resolution is that of the coarsest aggregates that are read, in milliseconds;
	// 0: samples only.
	resolution int64
	// combined is the resolution of the buckets that are made of them: as long as
	// fit into the selector's windows.
	combined int64
	column   column
	reads    aggregate.Columns
	// approximate: whole buckets do not fit into the selector's windows; a bucket
	// counts where its last sample lies.
	approximate bool
	// sole is the coarsest resolution of those that are all that is kept of some
	// of the time, in milliseconds; 0: samples are kept of all.
	droppedBelow int64
	// why says, for people, why nothing coarser was chosen; "": there is nothing.
	why string
	// scale is what sums over a window that was widened are multiplied by.
	scale float64
}

// from says of what the selector is answered.
func (c *choice) from() string {
	switch {
	case c.resolution == 0:
		return "samples"
	case c.approximate:
		return "aggregates of " + millisText(c.resolution) + ", approximately"
	case c.combined != c.resolution:
		return "aggregates of " + millisText(c.resolution) + ", combined to " + millisText(c.combined)
	default:
		return "aggregates of " + millisText(c.resolution)
	}
}

// kind is the value of a metric's label.
func (c *choice) kind() string {
	switch {
	case c.resolution == 0:
		return "samples"
	case c.approximate:
		return "approximate"
	default:
		return "exact"
	}
}

func millisText(ms int64) string {
	return model.Duration(time.Duration(ms) * time.Millisecond).String()
}

// choose decides for a selector, of which aggregates of the given resolutions
// (rising) may exist. Without a limit it takes the coarsest that answers exactly.
// Where aggregates are all that is kept, it takes one that can be made of them.
//
// An error means that there is no answer: the samples that one would need are
// gone. It wraps series.ErrInvalid.
func choose(s *selector, known []aggregate.Resolution, limit resolutionLimit) (*choice, error) {
	c := &choice{column: s.column, reads: s.reads, scale: 1}
	var sole []int64
	for _, r := range known {
		if r.SamplesDropped {
			sole = append(sole, r.Millis)
			c.droppedBelow = max(c.droppedBelow, r.Millis)
		}
	}
	switch {
	case s.samples != "":
		c.why = s.samples
	case limit.kind == limitRaw:
		c.why = "samples were asked for"
	default:
		c.take(s, known, sole, limit)
	}
	if c.resolution >= c.droppedBelow {
		c.combine(s)
		return c, nil
	}
	if !madeOf(c.droppedBelow, sole) {
		c.why = "no aggregates can be made of all that is kept"
	}
	if s.samples != "" || limit.kind == limitRaw || !madeOf(c.droppedBelow, sole) {
		return nil, &samplesDroppedError{expr: s.node.String(), why: c.why, droppedBelow: c.droppedBelow}
	}
	c.resolution, c.approximate = c.droppedBelow, s.grid%c.droppedBelow != 0
	c.combine(s)
	return c, nil
}

// combine makes buckets as long as the grid of the selector, if they fit it. What
// is evaluated once has a grid that is much longer than what it looks at.
func (c *choice) combine(s *selector) {
	c.combined = c.resolution
	if c.resolution > 0 && !c.approximate && s.grid > 0 && s.grid <= s.maxT-s.minT+1 {
		c.combined = s.grid
	}
}

// madeOf reports whether a resolution is a multiple of all of sole.
func madeOf(resolution int64, sole []int64) bool {
	return !slices.ContainsFunc(sole, func(r int64) bool { return resolution%r != 0 })
}

// take chooses without regard to what is gone.
func (c *choice) take(s *selector, known []aggregate.Resolution, sole []int64, limit resolutionLimit) {
	for _, r := range known {
		if r.Millis >= c.droppedBelow && !madeOf(r.Millis, sole) {
			continue
		}
		if why := refusal(s, r.Millis, limit); why == "" {
			c.resolution, c.approximate, c.why = r.Millis, s.grid%r.Millis != 0, ""
		} else if c.why == "" {
			c.why = why
		}
	}
}

// refusal says why a resolution is not to be taken; "": it is.
func refusal(s *selector, resolution int64, limit resolutionLimit) string {
	switch {
	case limit.kind == limitForced && resolution > limit.millis:
		return millisText(resolution) + " is coarser than max_source_resolution"
	case limit.kind != limitForced && s.grid%resolution != 0:
		return fmt.Sprintf("times and ranges are not multiples of %s, but of %s", millisText(resolution), millisText(s.grid))
	}
	return ""
}

// goneError says that what a selector needs is gone.
type samplesDroppedError struct {
	expr, why    string
	droppedBelow int64
}

func (e *samplesDroppedError) Error() string {
	return fmt.Sprintf("%s: %s, but of some of the time only aggregates of %s are kept; ask for a later time", e.expr, e.why, millisText(e.droppedBelow))
}

func (e *samplesDroppedError) Unwrap() error { return series.ErrInvalid }

// errReplaced says that what was chosen was overtaken by events.
var errReplaced = fmt.Errorf("samples were replaced by aggregates while the query ran; ask again: %w", series.ErrNotReady)

// warning is the annotation of an approximate answer.
func (c *choice) warning(s *selector) error {
	cure := "align start, step, ranges and offsets to " + millisText(c.resolution)
	if c.droppedBelow < c.resolution {
		cure += ", or leave max_source_resolution out"
	}
	return fmt.Errorf("%w: approximate: %s is answered from aggregates of %s, whose buckets do not fit its windows; %s",
		annotations.PromQLWarning, s.node.String(), millisText(c.resolution), cure)
}

// resolutionLimit is the parameter max_source_resolution.
type resolutionLimit struct {
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

// parseResolutionLimit reads the parameter; "" is exact.
func parseResolutionLimit(text string) (resolutionLimit, error) {
	switch text {
	case "":
		return resolutionLimit{}, nil
	case "raw", "0":
		return resolutionLimit{kind: limitRaw}, nil
	case "auto":
		return resolutionLimit{kind: limitAuto}, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return resolutionLimit{}, errBadResolution
	}
	if d == 0 {
		return resolutionLimit{kind: limitRaw}, nil
	}
	return resolutionLimit{kind: limitForced, millis: time.Duration(d).Milliseconds()}, nil
}

// of is the limit for a query with that step; 0 is an instant query, for which
// auto means exact.
func (l resolutionLimit) of(step time.Duration) resolutionLimit {
	if l.kind != limitAuto {
		return l
	}
	if step == 0 {
		return resolutionLimit{}
	}
	const points = 5 // A step, as Thanos has it.
	return resolutionLimit{kind: limitForced, millis: step.Milliseconds() / points}
}
