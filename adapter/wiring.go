package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage"
	"herringbone/storage/bucket"
	"herringbone/storage/catalog"
	"herringbone/storage/fsys"
)

// stores is one data directory, opened: where objects, catalog and log are.
type stores struct {
	fs      fsys.FS
	objects *bucket.Directory
	bucket  bucket.Bucket
	catalog *catalog.Catalog
	store   *storage.Store // nil for fsck.
}

// openStores opens bucket and catalog under dir, whose lock the caller holds.
func openStores(ctx context.Context, dir string, reg prometheus.Registerer) (*stores, error) {
	fs := fsys.OS
	b, err := bucket.Dir(fs, filepath.Join(dir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	c, err := catalog.Open(ctx, filepath.Join(dir, catalogName), catalog.DefaultOptions(), reg)
	if err != nil {
		return nil, err
	}
	return &stores{fs: fs, objects: b, bucket: b, catalog: c}, nil
}

const catalogName = "catalog.db"

// openStore adds the store. It is not replayed yet.
func (c *stores) openStore(ctx context.Context, o storage.Options, reg prometheus.Registerer, log *slog.Logger) error {
	s, err := storage.Open(ctx, c.fs, c.bucket, c.catalog, o, reg, log)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	c.store = s
	return nil
}

func (c *stores) close() error {
	var err error
	if c.store != nil {
		err = c.store.Close()
	}
	return errors.Join(err, c.catalog.Close())
}

// open opens and replays the store and hands the services' handlers to routes.
func (n *node) open(ctx context.Context) error {
	c, err := openStores(ctx, n.flags.dataDir, n.registry)
	if err != nil {
		return err
	}
	n.stores = c
	if err := c.openStore(ctx, n.cfg.Storage.options(n.flags.dataDir), n.registry, n.log); err != nil {
		return err
	}
	progress := c.store.Progress
	n.life.progress.Store(&progress)
	n.life.enter(phaseReplaying)
	if err := c.store.Replay(ctx); err != nil {
		return err
	}
	if n.cfg.SelfMonitoring.Enabled {
		n.self = &selfMonitor{
			gatherer: n.registry, sink: c.store, instance: n.server.address(),
			interval: time.Duration(n.cfg.SelfMonitoring.Interval), log: n.log, metrics: n.metrics,
		}
	}
	return n.openServices(c)
}
