package main

import (
	"fmt"
	"slices"
	"time"

	"herringbone/storage"
	"herringbone/storage/series"
)

// check is one rule of Validate: ok, or the key and what it must be.
type check struct {
	ok   bool
	key  string
	must string
	is   any
}

// Validate names the first key whose value cannot work.
func (c Config) Validate() error {
	rules := [][]check{
		c.Storage.checks(), c.RemoteWrite.checks(), c.Query.checks(), c.SQL.checks(),
		c.Compaction.checks(), c.Retention.checks(), c.collectionChecks(), c.Scrub.checks(), c.ownChecks(),
	}
	for _, section := range rules {
		for _, r := range section {
			if !r.ok {
				return fmt.Errorf("configuration key %s is %v, it must be %s", r.key, r.is, r.must)
			}
		}
	}
	if err := validatePartitionTags(c.Storage.PartitionTags); err != nil {
		return err
	}
	return c.validateServices()
}

// validateServices asks the services for what only they know, so that check-config
// finds what a start would.
func (c Config) validateServices() error {
	var store *storage.Store // They only look whether there is one.
	if err := c.Storage.options("data").Validate(); err != nil {
		return fmt.Errorf("configuration section storage: %w", err)
	}
	w := c.RemoteWrite.options()
	w.Sink = store
	if err := w.Validate(); err != nil {
		return fmt.Errorf("configuration section remote_write: %w", err)
	}
	q := c.Query.options()
	q.Source = store
	if err := q.Validate(); err != nil {
		return fmt.Errorf("configuration section query: %w", err)
	}
	return c.checkCompaction()
}

func (s StorageConfig) checks() []check {
	return []check{
		{s.Retention == 0 || s.Retention >= Duration(time.Hour), "storage.retention", "0 or at least 1h", s.Retention},
		{s.MemoryPerGeneration >= 1<<20, "storage.memory_per_generation", "at least 1MiB", s.MemoryPerGeneration},
		{s.FlushInterval >= Duration(time.Second), "storage.flush_interval", "at least 1s", s.FlushInterval},
		{s.IndexCache >= 0, "storage.index_cache", "0 or more", s.IndexCache},
		{s.PageCache >= 0, "storage.page_cache", "0 or more", s.PageCache},
		{s.Limits.LabelsPerSeries >= 0, "storage.limits.labels_per_series", "0 or more", s.Limits.LabelsPerSeries},
		{s.Limits.LabelNameLength >= 0, "storage.limits.label_name_length", "0 or more", s.Limits.LabelNameLength},
		{s.Limits.LabelValueLength >= 0, "storage.limits.label_value_length", "0 or more", s.Limits.LabelValueLength},
	}
}

func (r RemoteWriteConfig) checks() []check {
	return []check{
		{r.MaxBody > 0, "remote_write.max_body", "more than 0", r.MaxBody},
		{r.MaxDecodedBody > 0, "remote_write.max_decoded_body", "more than 0", r.MaxDecodedBody},
		{r.MaxRequestsInFlight > 0, "remote_write.max_requests_in_flight", "more than 0", r.MaxRequestsInFlight},
		{r.MaxBytesInFlight >= r.MaxBody+2*r.MaxDecodedBody, "remote_write.max_bytes_in_flight", "at least max_body + 2 × max_decoded_body, what one request may need", r.MaxBytesInFlight},
		{r.MaxFuture > 0, "remote_write.max_future", "more than 0", r.MaxFuture},
	}
}

func (q QueryConfig) checks() []check {
	return []check{
		{q.MaxSamples > 0, "query.max_samples", "more than 0", q.MaxSamples},
		{q.Timeout > 0, "query.timeout", "more than 0", q.Timeout},
		{q.MaxConcurrency > 0, "query.max_concurrency", "more than 0", q.MaxConcurrency},
		{q.LookbackDelta > 0, "query.lookback_delta", "more than 0", q.LookbackDelta},
		{q.ReadMaxSamples > 0, "query.remote_read_max_samples", "more than 0", q.ReadMaxSamples},
		{q.ReadMaxConcurrent > 0, "query.remote_read_max_concurrency", "more than 0", q.ReadMaxConcurrent},
	}
}

func (c Config) ownChecks() []check {
	return []check{
		{c.SelfMonitoring.Interval >= Duration(time.Second), "self_monitoring.interval", "at least 1s", c.SelfMonitoring.Interval},
		{c.Runtime.GCPercent >= 10, "runtime.gc_percent", "at least 10", c.Runtime.GCPercent},
		{c.Runtime.MemoryLimit == 0 || c.Runtime.MemoryLimit >= 64<<20, "runtime.memory_limit", "0 or at least 64MiB", c.Runtime.MemoryLimit},
	}
}

// maxBuckets keeps a day from being cut into more files than a directory or a
// catalog query should hold.
const maxBuckets = 1024

func validatePartitionTags(tags map[string][]PartitionTag) error {
	for tenant, list := range tags {
		key := "configuration key storage.partition_tags." + tenant
		if _, err := series.ParseTenant(tenant); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if len(list) == 0 {
			return fmt.Errorf("%s is empty, it must name at least one tag", key)
		}
		for i, tag := range list {
			again := slices.ContainsFunc(list[:i], func(t PartitionTag) bool { return t.Label == tag.Label })
			switch {
			case tag.Label == "":
				return fmt.Errorf("%s[%d].label is empty", key, i)
			case again:
				return fmt.Errorf("%s[%d].label names %q a second time", key, i, tag.Label)
			case tag.Buckets < 0 || tag.Buckets > maxBuckets:
				return fmt.Errorf("%s[%d].buckets is %d, it must be 0 … %d", key, i, tag.Buckets, maxBuckets)
			}
		}
	}
	return nil
}
