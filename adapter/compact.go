package main

import (
	"context"
	"io"

	"herringbone/compactor"
)

// compact does the compactor's work in the data directory of a node that does not
// run, or with --plan says what it would do. What is in the write-ahead log only
// stays there.
func compact(ctx context.Context, f flags, cfg Config, stdout io.Writer) error {
	return inStopped(ctx, f.dataDir, func(c *cellar) error {
		o, err := cfg.compactorOptions()
		if err != nil {
			return err
		}
		o.Catalog, o.Bucket = c.catalog, c.bucket
		k, err := compactor.New(o)
		if err != nil {
			return err
		}
		if !f.plan {
			return k.RunOnce(ctx, compactor.OnceOptions{Expire: true, Compact: true, Collect: true})
		}
		jobs, err := k.Planned(ctx)
		if err != nil {
			return err
		}
		return compactor.WritePlan(stdout, jobs)
	})
}
