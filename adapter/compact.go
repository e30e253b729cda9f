package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/compactor"
	"herringbone/storage"
)

// compact does the compactor's work in the data directory of a node that does not
// run, or with --plan says what it would do. What is in the write-ahead log only
// stays there.
func compact(ctx context.Context, f flags, cfg Config, stdout io.Writer) (err error) {
	// Looking must not make a directory, nor an empty catalog in a wrong one.
	if _, err := os.Stat(filepath.Join(f.dataDir, catalogName)); err != nil {
		return fmt.Errorf("no catalog in the data directory: %w", err)
	}
	unlock, err := storage.Lock(f.dataDir)
	if err != nil {
		return fmt.Errorf("%w; of a running node, /compactor shows the plan", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	c, err := openCellar(ctx, f.dataDir, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
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
}
