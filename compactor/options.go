package compactor

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/compactor/collect"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// Options steer a Compactor. Those without a default must be set.
type Options struct {
	Catalog    *catalog.Catalog
	Bucket     bucket.Bucket
	Node       string                // Writer of the outputs.
	Registerer prometheus.Registerer // nil: metrics are kept and not shown.
	Log        *slog.Logger          // nil: slog.Default.
	Now        func() time.Time      // The clock; nil is time.Now.
	// Owns says whether a job on a partition is this node's. It saves nodes double
	// work and need not be right; nil owns all.
	Owns func(t series.Tenant, partition string) bool

	Interval    time.Duration // Pause when there is nothing to do.
	Concurrency int           // Jobs side by side.
	Levels      plan.Levels
	Rules       []plan.Rule

	MemoryBytes         int64   // Of all jobs together.
	ReadBytesPerSecond  int64   // Of all jobs together; 0: as fast as it goes.
	WriteBytesPerSecond int64   // Of all jobs together; 0: as fast as it goes.
	Duty                float64 // Share of a core that one job may use, up to 1.
	DutyUnderLoad       float64 // … while other goroutines of the process wait for a core. Not more than Duty holds.

	// Retention has rules for some series. Of all that match a series the shortest
	// holds; where none matches, DefaultKeep does or what TenantKeep says instead.
	Retention         []retention.Rule
	DefaultKeep       time.Duration                   // 0: for ever.
	TenantKeep        map[series.Tenant]time.Duration // Instead of DefaultKeep; 0: for ever.
	RetentionInterval time.Duration
	// MaxExpireShare, 0 … 1: retention refuses to take away more than this share of
	// a tenant's bytes at once, if it is also of more than Collect.MinFiles files.
	// What was hidden before does not count.
	MaxExpireShare float64

	LongestQuery time.Duration // No query holds files for longer.
	Collect      collect.Options
	Orphans      collect.OrphanOptions
	Scrub        ScrubOptions
}

// ScrubOptions steer how files are read again.
type ScrubOptions struct {
	BytesPerSecond int64         // 0: no scrub.
	Interval       time.Duration // How often each file is read.
}

// DefaultOptions are right for a node that ingests up to some hundred thousand
// samples a second. They keep everything for ever.
func DefaultOptions() Options {
	return Options{
		Interval:          30 * time.Second,
		Concurrency:       1,
		Levels:            plan.DefaultLevels(),
		MemoryBytes:       256 << 20,
		Duty:              1,
		DutyUnderLoad:     0.25,
		RetentionInterval: 10 * time.Minute,
		MaxExpireShare:    0.5,
		LongestQuery:      30 * time.Minute,
		Collect:           collect.Options{Interval: 10 * time.Minute, Grace: time.Hour, MaxShare: 0.5, MinFiles: 10},
		Orphans:           collect.OrphanOptions{Interval: 24 * time.Hour, Age: 48 * time.Hour},
		Scrub:             ScrubOptions{BytesPerSecond: 8 << 20, Interval: 30 * 24 * time.Hour},
	}
}

// Validate names the first option that cannot work.
func (o Options) Validate() error {
	switch {
	case o.Catalog == nil || o.Bucket == nil:
		return errors.New("compactor: Catalog or Bucket is missing")
	case o.Node == "":
		return errors.New("compactor: Node is empty")
	case o.Interval <= 0:
		return errors.New("compactor: Interval is not positive")
	case o.Concurrency < 1:
		return errors.New("compactor: Concurrency is below 1")
	case o.MemoryBytes <= 0:
		return errors.New("compactor: MemoryBytes is not positive")
	case o.ReadBytesPerSecond < 0 || o.WriteBytesPerSecond < 0:
		return errors.New("compactor: ReadBytesPerSecond or WriteBytesPerSecond is negative")
	case !(o.Duty > 0 && o.Duty <= 1):
		return errors.New("compactor: Duty is not above 0 and at most 1")
	case !(o.DutyUnderLoad > 0 && o.DutyUnderLoad <= 1):
		return errors.New("compactor: DutyUnderLoad is not above 0 and at most 1")
	}
	if err := o.Levels.Validate(); err != nil {
		return fmt.Errorf("compactor: Levels: %w", err)
	}
	for i := range o.Rules {
		if err := o.Rules[i].Validate(); err != nil {
			return fmt.Errorf("compactor: rule %d of Rules: %w", i+1, err)
		}
	}
	return errors.Join(o.validateRetention(), o.validateCleaning())
}

func (o Options) validateRetention() error {
	switch {
	case o.RetentionInterval <= 0:
		return errors.New("compactor: RetentionInterval is not positive")
	case o.DefaultKeep < 0:
		return errors.New("compactor: DefaultKeep is negative")
	case !share(o.MaxExpireShare):
		return errors.New("compactor: MaxExpireShare is not within 0 and 1")
	}
	for t, keep := range o.TenantKeep {
		if keep < 0 {
			return fmt.Errorf("compactor: TenantKeep of %s is negative", t)
		}
	}
	for i, r := range o.Retention {
		if len(r.Matchers) == 0 {
			return fmt.Errorf("compactor: rule %d of Retention has no matchers; what no rule matches is kept for DefaultKeep", i+1)
		}
		if r.Keep < 0 {
			return fmt.Errorf("compactor: Keep of rule %d of Retention is negative", i+1)
		}
	}
	return nil
}

func (o Options) validateCleaning() error {
	c := o.Collect
	switch {
	case o.LongestQuery <= 0:
		return errors.New("compactor: LongestQuery is not positive")
	case c.Grace <= o.LongestQuery:
		return fmt.Errorf("compactor: Collect.Grace %v is not longer than LongestQuery %v: a query could lose its files", c.Grace, o.LongestQuery)
	case c.Interval <= 0:
		return errors.New("compactor: Collect.Interval is not positive")
	case !share(c.MaxShare):
		return errors.New("compactor: Collect.MaxShare is not within 0 and 1")
	case c.MinFiles < 0:
		return errors.New("compactor: Collect.MinFiles is negative")
	case o.Orphans.Interval < 0:
		return errors.New("compactor: Orphans.Interval is negative")
	case o.Orphans.Interval > 0 && o.Orphans.Age < time.Hour:
		return errors.New("compactor: Orphans.Age is below an hour: an object that is about to be committed could be taken for one")
	case o.Scrub.BytesPerSecond < 0:
		return errors.New("compactor: Scrub.BytesPerSecond is negative")
	case o.Scrub.BytesPerSecond > 0 && o.Scrub.Interval <= 0:
		return errors.New("compactor: Scrub.Interval is not positive")
	}
	return nil
}

func share(f float64) bool { return f >= 0 && f <= 1 }

// log is where Run writes.
func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.Default()
	}
	return o.Log
}
