package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage"
)

// fsck checks the data directory of a node that does not run, and writes one
// line a finding to stdout. errFindings if there was one.
func fsck(ctx context.Context, f flags, cfg Config, stdout io.Writer) (err error) {
	// Looking must not make a directory, nor an empty catalog in a wrong one.
	if _, err := os.Stat(filepath.Join(f.dataDir, catalogName)); err != nil {
		return fmt.Errorf("no catalog in the data directory: %w", err)
	}
	unlock, err := storage.Lock(f.dataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	c, err := openCellar(ctx, f.dataDir, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()

	findings := 0
	o := storage.FsckOptions{Node: cfg.Storage.options(f.dataDir).Node, Orphans: f.orphans, Suspect: f.orphans}
	err = storage.Fsck(ctx, c.fs, c.bucket, c.catalog, f.dataDir, o, func(f storage.Finding) {
		findings++
		fmt.Fprintf(stdout, "%s: %s\n", f.Kind, f.What)
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
