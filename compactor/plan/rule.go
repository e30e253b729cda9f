package plan

import (
	"fmt"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Validate names the first field that cannot be. The error wraps
// series.ErrInvalid.
func (r *Rule) Validate() error {
	if _, err := series.ParseTenant(string(r.Tenant)); err != nil {
		return err
	}
	switch {
	case r.Resolution <= 0 || catalog.Aggregates(r.Resolution).Resolution() != r.Resolution:
		return fmt.Errorf("resolution of %v is not whole seconds that divide the day: %w", millis(r.Resolution), series.ErrInvalid)
	case r.After < 0:
		return fmt.Errorf("aggregates of %v after %v: %w", millis(r.Resolution), millis(r.After), series.ErrInvalid)
	}
	return nil
}

// String is the rule as people write it: `5m after 30d of {a="b"}`.
func (r *Rule) String() string {
	text := fmt.Sprintf("%s after %s of %s", r.Kind(), millis(r.After), r.Matchers)
	if !r.KeepSamples {
		text += ", samples dropped"
	}
	return text
}

// Kind is that of the files of its aggregates.
func (r *Rule) Kind() catalog.Kind { return catalog.Aggregates(r.Resolution) }

// due reports whether the rule wants aggregates of a unit by now.
func (r *Rule) due(u Unit, now int64) bool { return u.End()+r.After <= now }

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
