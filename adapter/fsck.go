package main

import (
	"context"
	"fmt"
	"io"

	"herringbone/storage/fsck"
)

// runFsck checks the data directory of a node that does not run, and writes one
// line a finding to stdout. errFindings if there was one.
func runFsck(ctx context.Context, f flags, cfg Config, stdout io.Writer) error {
	findings := 0
	err := inStopped(ctx, f.dataDir, func(c *stores) error {
		o := fsck.Options{Node: cfg.Storage.options(f.dataDir).Node, Orphans: f.orphans, RecordOrphans: f.orphans}
		return fsck.Run(ctx, c.fs, c.bucket, c.catalog, f.dataDir, o, func(f fsck.Finding) {
			findings++
			fmt.Fprintf(stdout, "%s: %s\n", f.Kind, f.What)
		})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d findings in %s\n", findings, f.dataDir)
	if findings > 0 {
		return errFindings
	}
	return nil
}
