package ingester

import (
	"errors"
	"fmt"
	"time"

	"herringbone/storage/series"
)

// IngesterOptions steer an Ingester.
type Options struct {
	// Dir holds the lock file and, under wal/, the segments.
	Dir string
	// Node names this node in the catalog and in file metadata. WAL positions
	// belong to it, so it must not change while Dir lives.
	Node string
	// Retention: samples older than this are rejected; 0 keeps all.
	Retention time.Duration
	// GenerationBytes is the memory of a generation at which it is frozen and
	// flushed. At most MaxFrozen more generations wait for their flush, so the
	// ingester's memory is bounded by (1 + MaxFrozen) times this.
	GenerationBytes int64
	MaxFrozen       int
	// FlushInterval is the age at which a generation is flushed, however small.
	FlushInterval time.Duration
	// AppendWait is how long a write waits for memory before ErrOverload.
	AppendWait time.Duration
	// Limits bound the labels of a series.
	Limits series.Limits
	// Templates are the partition tags by tenant; the others have
	// series.DefaultTemplate.
	Templates map[series.Tenant]series.Template
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// DefaultIngesterOptions are for one node with a few hundred megabytes to spend.
func DefaultOptions() Options {
	return Options{
		Dir:             "data",
		Node:            "node",
		GenerationBytes: 96 << 20,
		MaxFrozen:       1,
		FlushInterval:   time.Hour,
		AppendWait:      10 * time.Second,
		Limits:          series.DefaultLimits(),
	}
}

// Validate names the first option that cannot work.
func (o Options) Validate() error {
	switch {
	case o.Dir == "":
		return errors.New("storage: Dir is empty")
	case o.Node == "":
		return errors.New("storage: Node is empty")
	case o.Retention < 0:
		return fmt.Errorf("storage: Retention %v is negative", o.Retention)
	case o.GenerationBytes < 1<<16:
		return fmt.Errorf("storage: GenerationBytes %d is below 64 KiB", o.GenerationBytes)
	case o.MaxFrozen < 1:
		return fmt.Errorf("storage: MaxFrozen %d is below 1", o.MaxFrozen)
	case o.FlushInterval <= 0:
		return fmt.Errorf("storage: FlushInterval %v is not positive", o.FlushInterval)
	case o.AppendWait < 0:
		return fmt.Errorf("storage: AppendWait %v is negative", o.AppendWait)
	}
	return validateTemplates(o.Templates)
}

func validateTemplates(templates map[series.Tenant]series.Template) error {
	for tenant, t := range templates {
		if len(t) == 0 {
			return fmt.Errorf("storage: tenant %s has an empty partition template", tenant)
		}
		for _, tag := range t {
			if tag.Label == "" || tag.Buckets < 0 {
				return fmt.Errorf("storage: tenant %s has the bad partition tag %+v", tenant, tag)
			}
		}
	}
	return nil
}

func (o Options) template(t series.Tenant) series.Template {
	if tmpl, ok := o.Templates[t]; ok {
		return tmpl
	}
	return series.DefaultTemplate()
}

// Clock is Now, or time.Now.
func (o Options) Clock() func() time.Time {
	if o.Now != nil {
		return o.Now
	}
	return time.Now
}
