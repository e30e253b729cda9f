package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"gopkg.in/yaml.v3"
)

// Config is the YAML file. Durations and sizes are written as in Prometheus (15s,
// 2h, 64MiB). A missing key keeps its default; an unknown key is an error.
type Config struct {
	Storage        StorageConfig        `yaml:"storage"`
	RemoteWrite    RemoteWriteConfig    `yaml:"remote_write"`
	Query          QueryConfig          `yaml:"query"`
	SQL            SQLConfig            `yaml:"sql"`
	Compaction     CompactionConfig     `yaml:"compaction"`
	Retention      RetentionConfig      `yaml:"retention"`
	Collection     CollectionConfig     `yaml:"collection"`
	Scrub          ScrubConfig          `yaml:"scrub"`
	Downsampling   []DownsamplingRule   `yaml:"downsampling,omitempty"`
	SelfMonitoring SelfMonitoringConfig `yaml:"self_monitoring"`
	Runtime        RuntimeConfig        `yaml:"runtime"`
}

// StorageConfig is the section storage.
type StorageConfig struct {
	// Retention: older samples are refused and removed, 0 keeps all.
	Retention Duration `yaml:"retention"`
	// RetentionRules are for series with a time of their own. Of all that match a
	// series the shortest holds.
	RetentionRules []RetentionRule `yaml:"retention_rules,omitempty"`
	// MemoryPerGeneration: at this size memory is flushed to Parquet. Up to two
	// generations exist at a time.
	MemoryPerGeneration Size `yaml:"memory_per_generation"`
	// FlushInterval: at this age memory is flushed, however small it is.
	FlushInterval Duration `yaml:"flush_interval"`
	// AppendWait: how long a write waits for free memory before it is answered 503.
	AppendWait Duration `yaml:"append_wait"`
	// IndexCache and PageCache bound what is remembered of files that were read.
	IndexCache Size `yaml:"index_cache"`
	PageCache  Size `yaml:"page_cache"`
	// Limits bound the labels of a series.
	Limits LabelLimits `yaml:"limits"`
	// PartitionTags by tenant; the tenants not named have bucket(__name__, 8).
	PartitionTags map[string][]PartitionTag `yaml:"partition_tags,omitempty"`
}

// LabelLimits bound one series' labels; 0 is no limit. Lengths are bytes.
type LabelLimits struct {
	LabelsPerSeries  int `yaml:"labels_per_series"`
	LabelNameLength  int `yaml:"label_name_length"`
	LabelValueLength int `yaml:"label_value_length"`
}

// PartitionTag puts the series of one label value (buckets 0), or of one of
// that many hash buckets of it, into files of their own.
type PartitionTag struct {
	Label   string `yaml:"label"`
	Buckets int    `yaml:"buckets"`
}

// RemoteWriteConfig is the section remote_write.
type RemoteWriteConfig struct {
	MaxBody             Size     `yaml:"max_body"`         // As sent, compressed.
	MaxDecodedBody      Size     `yaml:"max_decoded_body"` // As declared by the sender.
	MaxRequestsInFlight int      `yaml:"max_requests_in_flight"`
	MaxBytesInFlight    Size     `yaml:"max_bytes_in_flight"`
	MaxWait             Duration `yaml:"max_wait"`   // For a share of the two above, before 503.
	MaxFuture           Duration `yaml:"max_future"` // How far ahead of our clock a sample may be.
}

// QueryConfig is the section query.
type QueryConfig struct {
	MaxSamples        int      `yaml:"max_samples"`
	Timeout           Duration `yaml:"timeout"`
	MaxConcurrency    int      `yaml:"max_concurrency"`
	LookbackDelta     Duration `yaml:"lookback_delta"`
	SplitRange        bool     `yaml:"split_range"` // Evaluate the parts of a range query side by side.
	ReadMaxSamples    int      `yaml:"remote_read_max_samples"`
	ReadMaxConcurrent int      `yaml:"remote_read_max_concurrency"`
	// Features are names of Prometheus' --enable-feature that change PromQL.
	Features []string `yaml:"features,omitempty"`
}

// SelfMonitoringConfig is the section self_monitoring.
type SelfMonitoringConfig struct {
	Enabled  bool     `yaml:"enabled"`
	Interval Duration `yaml:"interval"`
}

// RuntimeConfig is the section runtime. The environment variables GOGC and
// GOMEMLIMIT win over it.
type RuntimeConfig struct {
	// GCPercent is Go's GOGC: smaller is less memory and more CPU.
	GCPercent int `yaml:"gc_percent"`
	// MemoryLimit is Go's soft limit; 0 is nine tenths of what the container or
	// machine has.
	MemoryLimit Size `yaml:"memory_limit"`
}

// loadConfig returns the defaults overlaid with the file; name "" is no file.
// It does not Validate. Errors name the file and the line.
func loadConfig(name string) (Config, error) {
	cfg := defaultConfig()
	if name == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if err := parseConfig(text, &cfg); err != nil {
		return Config{}, fmt.Errorf("parse configuration %s: %w", name, err)
	}
	return cfg, nil
}

// parseConfig overlays cfg with one YAML document. Several mistakes are
// reported at once, each with its line.
func parseConfig(text []byte, cfg *Config) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	err := dec.Decode(cfg)
	if errors.Is(err, io.EOF) {
		return nil // An empty file is all defaults.
	}
	if err != nil {
		return plainYAMLError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

var unknownField = regexp.MustCompile(`^(line \d+): field (\S+) not found in type \S+$`)

// plainYAMLError says "unknown key" where the YAML library speaks of Go types.
func plainYAMLError(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	var all error
	for _, msg := range te.Errors {
		all = errors.Join(all, errors.New(unknownField.ReplaceAllString(msg, `$1: unknown key "$2"`)))
	}
	return all
}
