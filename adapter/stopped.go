package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage"
)

// inStopped opens the data directory of a node that does not run, for do.
func inStopped(ctx context.Context, dir string, do func(*stores) error) (err error) {
	// Looking must not make a directory, nor an empty catalog in a wrong one.
	if _, err := os.Stat(filepath.Join(dir, catalogName)); err != nil {
		return fmt.Errorf("no catalog in the data directory: %w", err)
	}
	unlock, err := storage.Lock(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	c, err := openStores(ctx, dir, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return do(c)
}
