package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"herringbone/compactor"
	"herringbone/storage"
)

// node is everything that lives as long as the process.
type node struct {
	flags    flags
	cfg      Config
	log      *slog.Logger
	started  time.Time
	life     *life
	registry *prometheus.Registry
	metrics  *metrics
	routes   *routes
	server   *server

	stores *stores      // nil until it is open.
	self   *selfMonitor // nil when switched off or not open.
	// children keeps the processes of SQL; nil when there are none.
	children func(context.Context) error
	// compactor is nil when it is switched off or not open.
	compactor *compactor.Compactor
	lock      func() error   // Lets go of the data directory.
	loops     sync.WaitGroup // The store's loop and self-monitoring.
}

// runNode runs a node until ctx ends, then stops it in order. It returns the
// fault that ended it earlier, if there was one.
func runNode(ctx context.Context, f flags, cfg Config, log *slog.Logger) (err error) {
	if err := tuneRuntime(cfg.Runtime); err != nil {
		log.Warn("running without a soft memory limit", "err", err)
	}
	n := newNode(f, cfg, log)
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.listen(ctx); err != nil {
		return err
	}
	return n.run(ctx)
}

func newNode(f flags, cfg Config, log *slog.Logger) *node {
	n := &node{flags: f, cfg: cfg, log: log, started: time.Now(), life: new(life), registry: newRegistry()}
	n.metrics = newMetrics(n.registry, n.life)
	n.routes = &routes{life: n.life, metrics: n.metrics, gatherer: n.registry, admin: f.adminAPI}
	return n
}

// listen takes the data directory and the address: what a second process on
// either would be refused.
func (n *node) listen(ctx context.Context) error {
	e, err := readExposure(n.flags.webConfigFile)
	if err != nil {
		return err
	}
	warnReadable(n.flags.webConfigFile, n.log)
	open, err := checkExposure(ctx, n.flags.listenAddress, e, n.flags.insecure)
	if err != nil {
		return err
	}
	if open {
		n.metrics.open.Set(1)
		n.log.Warn("listening beyond loopback without TLS and authentication: whoever reaches this address can read and write everything",
			"address", n.flags.listenAddress)
	}
	if n.lock, err = storage.Lock(n.flags.dataDir); err != nil {
		return err
	}
	n.server, err = newServer(ctx, n.flags.listenAddress, n.flags.webConfigFile, n.routes.handler(), n.log)
	return err
}

// run serves HTTP beside the node's life, whatever ends first ends both.
func (n *node) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(n.server.serve)
	g.Go(func() error { return n.live(ctx, g) })
	return g.Wait()
}

// live opens the store, keeps its loops running until ctx ends, and stops in
// order: requests, loops, memory. The loops outlive ctx, because requests still
// run then, and the store must go on flushing under them.
func (n *node) live(ctx context.Context, g *errgroup.Group) error {
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	openErr := n.open(ctx)
	if openErr == nil {
		n.loop(loops, g, n.stores.store.Run)
		if n.self != nil {
			n.loop(loops, g, n.self.run)
		}
		if n.children != nil {
			n.loop(loops, g, n.children)
		}
		if n.compactor != nil {
			n.loop(loops, g, n.compactor.Run)
		}
		n.life.enter(phaseReady)
		n.log.Info("ready", "address", n.server.address(), "after", time.Since(n.started))
		<-ctx.Done()
	}
	n.life.enter(phaseStopping)
	n.log.Info("stopping", "timeout", n.flags.shutdownTimeout)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.flags.shutdownTimeout)
	defer cancel()
	err := n.finishRequests(bounded)
	stopLoops()
	n.loops.Wait()
	if openErr == nil {
		return errors.Join(err, n.settle(bounded))
	}
	if errors.Is(openErr, context.Canceled) {
		openErr = nil // Told to stop while opening.
	}
	return errors.Join(openErr, err)
}

// finishRequests takes at most half of the time that ctx has left: the rest is
// for the flush. Cutting a request that hangs is no error, its sender will repeat
// it.
func (n *node) finishRequests(ctx context.Context) error {
	half, cancel := context.WithTimeout(ctx, n.flags.shutdownTimeout/2)
	defer cancel()
	err := n.server.shutdown(half)
	if errors.Is(err, context.DeadlineExceeded) {
		n.log.Warn("requests were cut off", "err", err)
		return nil
	}
	return err
}

// loop runs f in the node's errgroup.
func (n *node) loop(ctx context.Context, g *errgroup.Group, f func(context.Context) error) {
	n.loops.Add(1)
	g.Go(func() error {
		defer n.loops.Done()
		return f(ctx)
	})
}

// settle writes what is in memory to files, as far as ctx allows. What is left
// is in the write-ahead log, so running out of time is no error.
func (n *node) settle(ctx context.Context) error {
	if n.self != nil {
		if err := n.self.finish(ctx, time.Now()); err != nil {
			n.log.Warn("no staleness markers for the node's own metrics", "err", err)
		}
	}
	err := n.stores.store.Flush(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		n.log.Warn("not everything was flushed in time, the next start will replay it", "timeout", n.flags.shutdownTimeout)
		return nil
	}
	if err != nil {
		return fmt.Errorf("flush at stop: %w", err)
	}
	return nil
}

// close lets go of what listen and open took, in reverse order.
func (n *node) close() error {
	var err error
	if n.stores != nil {
		err = n.stores.close()
	}
	if n.lock != nil {
		err = errors.Join(err, n.lock())
	}
	return err
}
