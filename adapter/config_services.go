package main

import (
	"time"

	"herringbone/promql"
	"herringbone/remote"
	"herringbone/storage"
	"herringbone/storage/series"
)

// defaultConfig is what the services call their defaults, and this package's own.
func defaultConfig() Config {
	return Config{
		Storage:     defaultStorageConfig(),
		RemoteWrite: defaultRemoteWriteConfig(),
		Query:       defaultQueryConfig(),
		SQL:         defaultSQLConfig(),
		Compaction:  defaultCompactionConfig(),
		Retention:   defaultRetentionConfig(),
		Collection:  defaultCollectionConfig(),
		Scrub:       defaultScrubConfig(),
		SelfMonitoring: SelfMonitoringConfig{
			Enabled:  true,
			Interval: Duration(15 * time.Second),
		},
		Runtime: RuntimeConfig{GCPercent: 75},
	}
}

func defaultStorageConfig() StorageConfig {
	o := storage.DefaultOptions()
	return StorageConfig{
		Retention:           Duration(o.Retention),
		MemoryPerGeneration: Size(o.GenerationBytes),
		FlushInterval:       Duration(o.FlushInterval),
		AppendWait:          Duration(o.AppendWait),
		IndexCache:          Size(o.IndexCacheBytes),
		PageCache:           Size(o.PageCacheBytes),
		Limits: LabelLimits{
			LabelsPerSeries:  o.Limits.Labels,
			LabelNameLength:  o.Limits.NameLength,
			LabelValueLength: o.Limits.ValueLength,
		},
	}
}

// options are the store's, for the data directory dir.
func (s StorageConfig) options(dir string) storage.Options {
	o := storage.DefaultOptions()
	o.Dir = dir
	o.Retention = s.oldest()
	o.GenerationBytes = int64(s.MemoryPerGeneration)
	o.FlushInterval = time.Duration(s.FlushInterval)
	o.AppendWait = time.Duration(s.AppendWait)
	o.IndexCacheBytes = int64(s.IndexCache)
	o.PageCacheBytes = int64(s.PageCache)
	o.Limits = series.Limits{
		Labels:      s.Limits.LabelsPerSeries,
		NameLength:  s.Limits.LabelNameLength,
		ValueLength: s.Limits.LabelValueLength,
	}
	o.Templates = templates(s.PartitionTags)
	return o
}

// oldest is the age up to which samples are taken: that of the rule that keeps the
// longest, 0 if anything is kept for ever.
func (s StorageConfig) oldest() time.Duration {
	age := s.Retention
	if age == 0 {
		return 0
	}
	for _, r := range s.RetentionRules {
		age = max(age, r.Keep)
	}
	return time.Duration(age)
}

func templates(tags map[string][]PartitionTag) map[series.Tenant]series.Template {
	out := make(map[series.Tenant]series.Template, len(tags))
	for tenant, list := range tags {
		t := make(series.Template, 0, len(list))
		for _, tag := range list {
			t = append(t, series.Tag{Label: tag.Label, Buckets: tag.Buckets})
		}
		out[series.Tenant(tenant)] = t
	}
	return out
}

func defaultRemoteWriteConfig() RemoteWriteConfig {
	o := remote.DefaultOptions()
	return RemoteWriteConfig{
		MaxBody:             Size(o.MaxBodyBytes),
		MaxDecodedBody:      Size(o.MaxDecodedBytes),
		MaxRequestsInFlight: o.MaxInFlightRequests,
		MaxBytesInFlight:    Size(o.MaxInFlightBytes),
		MaxWait:             Duration(o.MaxWait),
		MaxFuture:           Duration(o.FutureLimit),
	}
}

// options are the write handler's, without what it writes to.
func (r RemoteWriteConfig) options() remote.Options {
	o := remote.DefaultOptions()
	o.MaxBodyBytes = int64(r.MaxBody)
	o.MaxDecodedBytes = int64(r.MaxDecodedBody)
	o.MaxInFlightRequests = r.MaxRequestsInFlight
	o.MaxInFlightBytes = int64(r.MaxBytesInFlight)
	o.MaxWait = time.Duration(r.MaxWait)
	o.FutureLimit = time.Duration(r.MaxFuture)
	return o
}

func defaultQueryConfig() QueryConfig {
	o := promql.DefaultOptions()
	return QueryConfig{
		MaxSamples:        o.MaxSamples,
		Timeout:           Duration(o.Timeout),
		MaxConcurrency:    o.MaxConcurrency,
		LookbackDelta:     Duration(o.LookbackDelta),
		SplitRange:        o.SplitRange,
		ReadMaxSamples:    o.ReadSampleLimit,
		ReadMaxConcurrent: o.ReadConcurrency,
	}
}

// options are the query API's, without what it reads from.
func (q QueryConfig) options() promql.Options {
	o := promql.DefaultOptions()
	o.MaxSamples = q.MaxSamples
	o.Timeout = time.Duration(q.Timeout)
	o.MaxConcurrency = q.MaxConcurrency
	o.LookbackDelta = time.Duration(q.LookbackDelta)
	o.SplitRange = q.SplitRange
	o.ReadSampleLimit = q.ReadMaxSamples
	o.ReadConcurrency = q.ReadMaxConcurrent
	o.Features = q.Features
	return o
}
