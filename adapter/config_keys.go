package main

// This file declares every key of the configuration file. The comment of a field
// is the meaning that adapter config --docs prints for its key; a type's comment
// introduces its section. So both are written for a person with a YAML file, and
// name the unit wherever the type (duration, size) does not.

// Config is the YAML file. A missing key keeps its default. An unknown key is an
// error that names its line. Durations are written as in Prometheus: 15s, 2h, 30d.
// Sizes are bytes, written 512KiB, 64MiB or 1GiB. A share is a number from 0 to 1.
type Config struct {
	// What is kept, for how long, and in how much memory.
	Storage StorageConfig `yaml:"storage"`
	// Limits of remote-write requests.
	RemoteWrite RemoteWriteConfig `yaml:"remote_write"`
	// Limits of PromQL queries and of remote-read.
	Query QueryConfig `yaml:"query"`
	// SQL queries and their limits. Each query runs in a process of its own.
	SQL SQLConfig `yaml:"sql"`
	// How flushed files are merged into fewer, larger ones.
	Compaction CompactionConfig `yaml:"compaction"`
	// How the retention that section storage names is applied.
	Retention RetentionConfig `yaml:"retention"`
	// How the objects of removed files are deleted.
	Collection CollectionConfig `yaml:"collection"`
	// How files are read again and compared with their checksums.
	Scrub ScrubConfig `yaml:"scrub"`
	// A list of rules that make aggregates of old samples. Empty by default.
	Downsampling []DownsamplingRule `yaml:"downsampling,omitempty"`
	// The node's own metrics, written into itself.
	SelfMonitoring SelfMonitoringConfig `yaml:"self_monitoring"`
	// Go's garbage collector. The environment variables GOGC and GOMEMLIMIT win.
	Runtime RuntimeConfig `yaml:"runtime"`
}

// StorageConfig is the section storage.
type StorageConfig struct {
	// How long samples are kept. Older ones are refused and removed. 0s keeps all;
	// otherwise at least 1h.
	Retention Duration `yaml:"retention"`
	// Rules for series with a retention of their own. Of all rules that match a
	// series the shortest holds; storage.retention holds where none matches.
	RetentionRules []RetentionRule `yaml:"retention_rules,omitempty"`
	// Memory of a generation of unflushed samples. At this size it is flushed to
	// Parquet files. Two generations may exist at a time: one takes writes while
	// the other is flushed.
	MemoryPerGeneration Size `yaml:"memory_per_generation"`
	// The age at which a generation is flushed, however small it is.
	FlushInterval Duration `yaml:"flush_interval"`
	// How long a write waits for free memory before it is answered 503.
	AppendWait Duration `yaml:"append_wait"`
	// Memory for the series indexes of files that were read.
	IndexCache Size `yaml:"index_cache"`
	// Memory for decoded pages of files that were read. 0B turns this cache off.
	PageCache Size `yaml:"page_cache"`
	// Bounds of the labels of a series. A series beyond them is refused; the others
	// of its request are stored.
	Limits LabelLimits `yaml:"limits"`
	// Partition tags by tenant. They decide which series share a file. A tenant that
	// is not named here has eight hash buckets of the metric name, written
	// `default: [ { label: __name__, buckets: 8 } ]` for the tenant default.
	PartitionTags map[string][]PartitionTag `yaml:"partition_tags,omitempty"`
}

// RetentionRule keeps the series of a selector for a time of their own.
type RetentionRule struct {
	// The tenant that the rule is for. Left out: every tenant.
	Tenant string `yaml:"tenant,omitempty"`
	// Required. The series that the rule is for, as a PromQL selector with at least
	// one matcher.
	Match string `yaml:"match"`
	// Required. How long their samples are kept, at least 1h.
	Keep Duration `yaml:"keep"`
}

// LabelLimits bound the labels of one series.
type LabelLimits struct {
	// Number of labels of a series. 0 is no limit.
	LabelsPerSeries int `yaml:"labels_per_series"`
	// Bytes of a label name. 0 is no limit.
	LabelNameLength int `yaml:"label_name_length"`
	// Bytes of a label value. 0 is no limit.
	LabelValueLength int `yaml:"label_value_length"`
}

// PartitionTag puts the series of one label value, or of one of several hash
// buckets of it, into files of their own.
type PartitionTag struct {
	// Required. The label whose value decides.
	Label string `yaml:"label"`
	// Number of hash buckets of the value, at most 1024. 0: each value has files of
	// its own.
	Buckets int `yaml:"buckets"`
}

// RemoteWriteConfig is the section remote_write.
type RemoteWriteConfig struct {
	// Size of one request's body as it is sent, compressed. A larger one is answered
	// 413.
	MaxBody Size `yaml:"max_body"`
	// Size of one body after decompression. It is checked as the sender declares it,
	// before memory is allocated. A larger one is answered 400.
	MaxDecodedBody Size `yaml:"max_decoded_body"`
	// Number of requests that are decoded and stored at once.
	MaxRequestsInFlight int `yaml:"max_requests_in_flight"`
	// Memory for all bodies at once, compressed and decoded. At least max_body plus
	// twice max_decoded_body.
	MaxBytesInFlight Size `yaml:"max_bytes_in_flight"`
	// How long a request waits for its part of the two bounds above before it is
	// answered 503. 0s: not at all.
	MaxWait Duration `yaml:"max_wait"`
	// How far ahead of the node's clock a sample's time may be. Later samples are
	// refused.
	MaxFuture Duration `yaml:"max_future"`
}

// QueryConfig is the section query.
type QueryConfig struct {
	// Number of samples that one query may hold in memory.
	MaxSamples int `yaml:"max_samples"`
	// How long a query may take, with its time in the queue.
	Timeout Duration `yaml:"timeout"`
	// Number of queries that run at once. Others wait.
	MaxConcurrency int `yaml:"max_concurrency"`
	// How long a sample is current in an instant lookup.
	LookbackDelta Duration `yaml:"lookback_delta"`
	// Whether the parts of a long range query are evaluated side by side on idle
	// cores.
	SplitRange bool `yaml:"split_range"`
	// Number of samples of one remote-read answer of the type SAMPLES. Streamed
	// chunks have no such limit.
	ReadMaxSamples int `yaml:"remote_read_max_samples"`
	// Number of remote-read requests that run at once.
	ReadMaxConcurrent int `yaml:"remote_read_max_concurrency"`
	// Names of Prometheus' --enable-feature that change PromQL:
	// promql-experimental-functions, promql-extended-range-selectors,
	// promql-binop-fill-modifiers, promql-delayed-name-removal,
	// type-and-unit-labels, use-start-timestamps.
	Features []string `yaml:"features,omitempty"`
}

// SQLConfig is the section sql. Sizes and threads are those of one query.
type SQLConfig struct {
	// Whether the node answers SQL.
	Enabled bool `yaml:"enabled"`
	// Number of queries that run at once.
	MaxConcurrency int `yaml:"max_concurrency"`
	// Number of queries that may wait for a process. More are answered 503.
	MaxQueue int `yaml:"max_queue"`
	// How long a query may take that names no timeout.
	Timeout Duration `yaml:"timeout"`
	// The longest timeout that a query may name.
	MaxTimeout Duration `yaml:"max_timeout"`
	// Memory of one query, at least 32MiB.
	MaxMemory Size `yaml:"max_memory"`
	// Disk space that one query may use for what does not fit into its memory.
	MaxTemp Size `yaml:"max_temp"`
	// Threads of one query. 0 is one a core.
	Threads int `yaml:"threads"`
	// Rows of one answer. 0 is no limit.
	MaxRows int64 `yaml:"max_rows"`
	// Bytes of one answer, counted as Arrow. 0B is no limit.
	MaxBytes Size `yaml:"max_bytes"`
	// Number of files that one query may read. 0 is no limit.
	MaxFiles int `yaml:"max_files"`
}

// CompactionConfig is the section compaction.
type CompactionConfig struct {
	// Whether the node compacts. If not, it also does no retention, collection,
	// scrub and downsampling.
	Enabled bool `yaml:"enabled"`
	// Pause between two looks for work when there is none.
	Interval Duration `yaml:"interval"`
	// Number of jobs that run side by side.
	Concurrency int `yaml:"concurrency"`
	// Memory of all jobs together, at least 16MiB.
	Memory Size `yaml:"memory"`
	// Bytes a second that all jobs together may read. 0B is no limit.
	ReadRate Size `yaml:"read_rate"`
	// Bytes a second that all jobs together may write. 0B is no limit.
	WriteRate Size `yaml:"write_rate"`
	// Share of a core that one job may use, above 0.
	Duty float64 `yaml:"duty"`
	// The same share while requests, queries or flushes wait for a core.
	DutyUnderLoad float64 `yaml:"duty_under_load"`

	// Number of flushed files of a day and tag bucket that are merged, at least 2.
	Level0Files int `yaml:"level0_files"`
	// Fewer flushed files are merged when one of them is older than this.
	Level0Age Duration `yaml:"level0_age"`
	// Time that a file of level 1 spans. It divides the day.
	Window Duration `yaml:"window"`
	// How long a day stays open after its end, for late samples.
	Lateness Duration `yaml:"lateness"`
	// A closed day is merged when nothing more has come for this long.
	Settle Duration `yaml:"settle"`
	// A closed day is merged in any case when its oldest unmerged file is older than
	// this. At least settle.
	MaxWait Duration `yaml:"max_wait"`
	// What days are merged into. A unit is left out for a tenant whose retention is
	// shorter than four times its length.
	Units []string `yaml:"units"`
	// Size at which an output is cut into several files, at least 64KiB.
	MaxFileSize Size `yaml:"max_file_size"`
	// Number of files that one merge reads. At least level0_files.
	MaxInputs int `yaml:"max_inputs"`
	// Late data is merged into a unit that was merged before when it has this share
	// of the bytes that the merge would touch.
	LateShare float64 `yaml:"late_share"`
	// Late data is merged in any case when it is older than this.
	LateAge Duration `yaml:"late_age"`
	// Age at which a delete is carried out in files that no other merge rewrites.
	CleanAfter Duration `yaml:"clean_after"`
}

// RetentionConfig is the section retention.
type RetentionConfig struct {
	// How often the rules are applied.
	Interval Duration `yaml:"interval"`
	// Share of a tenant's bytes that may be hidden at once. More is refused, if it is
	// also more than collection.min_files files.
	MaxShare float64 `yaml:"max_share"`
}

// CollectionConfig is the section collection.
type CollectionConfig struct {
	// How often the objects of removed files are looked for.
	Interval Duration `yaml:"interval"`
	// How long after its removal a file's object is deleted. Longer than
	// query.timeout and sql.max_timeout, so that no query loses its files.
	Grace Duration `yaml:"grace"`
	// Share of all bytes that may be deleted at once. More is refused. Files that
	// others have replaced do not count.
	MaxShare float64 `yaml:"max_share"`
	// Number of files up to which max_share does not apply.
	MinFiles int `yaml:"min_files"`
	// How often objects that no catalog row names (orphans) are looked for. 0s:
	// never.
	OrphanInterval Duration `yaml:"orphan_interval"`
	// How old an object must be to become an orphan candidate, and how long it must
	// have been one before it is deleted. At least 1h.
	OrphanAge Duration `yaml:"orphan_age"`
}

// ScrubConfig is the section scrub.
type ScrubConfig struct {
	// Bytes a second that the scrub reads at most. 0B turns the scrub off.
	Rate Size `yaml:"rate"`
	// How often every file is read again.
	Interval Duration `yaml:"interval"`
}

// DownsamplingRule makes aggregates of old samples.
type DownsamplingRule struct {
	// The tenant that the rule is for. Left out: the tenant default.
	Tenant string `yaml:"tenant,omitempty"`
	// The series that the rule is for, as a PromQL selector. Left out: all series.
	Match string `yaml:"match,omitempty"`
	// Required. Length of a bucket. It divides the day.
	Resolution Duration `yaml:"resolution"`
	// Required. The age of samples at which aggregates are made.
	After Duration `yaml:"after"`
	// Whether the samples stay as well. Left out: true. With false the aggregates
	// are what is left.
	KeepSamples *bool `yaml:"keep_samples,omitempty"`
}

// SelfMonitoringConfig is the section self_monitoring.
type SelfMonitoringConfig struct {
	// Whether the node writes its own metrics into itself. The flag
	// --self-monitoring wins.
	Enabled bool `yaml:"enabled"`
	// Time between two such writes, at least 1s.
	Interval Duration `yaml:"interval"`
}

// RuntimeConfig is the section runtime.
type RuntimeConfig struct {
	// Go's GOGC in percent, at least 10. Smaller is less memory and more CPU.
	GCPercent int `yaml:"gc_percent"`
	// Go's soft memory limit, at least 64MiB. 0B is nine tenths of what the container
	// or machine has.
	MemoryLimit Size `yaml:"memory_limit"`
}
