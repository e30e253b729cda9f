package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/storage/series"
)

// selfMonitor writes the node's own metrics into its own store, so that there
// is something to query seconds after the first start. run and finish are called
// one after the other.
type selfMonitor struct {
	gatherer prometheus.Gatherer
	sink     series.Sink
	instance string
	interval time.Duration
	log      *slog.Logger
	metrics  *metrics

	last      map[string]bool // Keys of the series that the last stored scrape had.
	described map[string]bool // Metrics whose metadata is stored.
}

// run scrapes at once and then every interval, until ctx ends. A scrape that
// cannot be stored is logged and counted; the next one is not put off by it.
func (m *selfMonitor) run(ctx context.Context) error {
	tick := time.NewTicker(m.interval)
	defer tick.Stop()
	for {
		err := m.scrape(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			m.metrics.selfFailures.Inc()
			m.log.Error("self-monitoring", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// scrape gathers once and stores what it found.
func (m *selfMonitor) scrape(ctx context.Context, at time.Time) error {
	m.metrics.selfScrapes.Inc()
	families, err := m.gatherer.Gather()
	if err != nil {
		return fmt.Errorf("gather own metrics: %w", err)
	}
	s := newScrape(m.instance, at.UnixMilli())
	s.addFamilies(families, m.described)
	s.addUp()
	now := s.end(m.last)
	if err := m.store(ctx, s); err != nil {
		return err
	}
	m.log.Debug("scraped own metrics", "samples", len(s.batch.Samples))
	m.last = now
	if m.described == nil {
		m.described = make(map[string]bool)
	}
	for _, d := range s.batch.Metadata {
		m.described[d.Metric] = true
	}
	return nil
}

// finish writes staleness markers for all series of the last scrape, so that
// queries do not show a stopped node for the length of the look-back.
func (m *selfMonitor) finish(ctx context.Context, at time.Time) error {
	s := newScrape(m.instance, at.UnixMilli())
	s.end(m.last)
	if len(s.batch.Entries) == 0 {
		return nil
	}
	return m.store(ctx, s)
}

func (m *selfMonitor) store(ctx context.Context, s *scrape) error {
	w, err := m.sink.Append(ctx, series.DefaultTenant, &s.batch)
	if err != nil {
		return fmt.Errorf("store own metrics: %w", err)
	}
	for _, r := range w.Rejected {
		m.log.Warn("own samples were rejected", "reason", r.Reason, "count", r.Count, "example", r.Example)
	}
	return nil
}
