package bench

import (
	"fmt"
	"time"

	"herringbone/storage/series"
)

// Load says which samples there are. Equal Loads make equal samples.
type Load struct {
	Series   int           `json:"series"`
	Start    time.Time     `json:"start"` // Time of the first step; zero is Duration ago, see Aligned.
	Duration time.Duration `json:"duration_ns"`
	Step     time.Duration `json:"step_ns"` // Between two samples of a series.
	Seed     uint64        `json:"seed"`
}

// DefaultLoad is the load of the published figures: 10,000 series for 6 hours.
func DefaultLoad() Load {
	return Load{Series: 10_000, Duration: 6 * time.Hour, Step: 15 * time.Second, Seed: 1}
}

// The bounds keep a mistyped flag from filling the machine.
const (
	maxSeries  = 10_000_000
	maxSamples = 20_000_000_000
)

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (l Load) Validate() error {
	switch {
	case l.Series < 1 || l.Series > maxSeries:
		return fmt.Errorf("%d series, 1 to %d are possible: %w", l.Series, maxSeries, series.ErrInvalid)
	case l.Step < 100*time.Millisecond:
		return fmt.Errorf("step %v is below 100ms: %w", l.Step, series.ErrInvalid)
	case l.Duration < l.Step:
		return fmt.Errorf("duration %v is shorter than the step %v: %w", l.Duration, l.Step, series.ErrInvalid)
	case l.Samples() > maxSamples:
		return fmt.Errorf("%d samples, at most %d are possible: %w", l.Samples(), maxSamples, series.ErrInvalid)
	case l.Start.UnixMilli() < 0 && !l.Start.IsZero():
		return fmt.Errorf("start %v is before 1970: %w", l.Start, series.ErrInvalid)
	}
	return nil
}

// Aligned returns l with a start: the one given or, if there is none, the last
// whole minute that lets the load end before now.
func (l Load) Aligned(now time.Time) Load {
	if l.Start.IsZero() {
		l.Start = now.Add(-l.Duration).Truncate(time.Minute)
	}
	l.Start = l.Start.UTC()
	return l
}

// Steps is the number of samples a series.
func (l Load) Steps() int { return int(l.Duration / l.Step) }

// Samples is the number of samples of all series.
func (l Load) Samples() int64 { return int64(l.Series) * int64(l.Steps()) }

// End is the end of the last step; every sample is before it.
func (l Load) End() time.Time { return l.Start.Add(time.Duration(l.Steps()) * l.Step) }
