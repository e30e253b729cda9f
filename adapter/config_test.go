package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"herringbone/storage/series"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := defaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
}

func TestParseConfig(t *testing.T) {
	tests := map[string]struct {
		text string
		want func(*Config)
	}{
		"empty file":    {"", func(*Config) {}},
		"only comments": {"# nothing\n", func(*Config) {}},
		"empty section": {"storage:\nquery:\n", func(*Config) {}},
		"one key keeps the other defaults": {"storage:\n  retention: 15d\n", func(c *Config) {
			c.Storage.Retention = Duration(15 * 24 * time.Hour)
		}},
		"sizes, numbers and booleans": {"storage: {memory_per_generation: 64MiB, limits: {labels_per_series: 30}}\nquery: {max_samples: 7, split_range: false}\n", func(c *Config) {
			c.Storage.MemoryPerGeneration, c.Storage.Limits.LabelsPerSeries = 64<<20, 30
			c.Query.MaxSamples, c.Query.SplitRange = 7, false
		}},
		"nothing is a size": {"storage: {page_cache: 0}\n", func(c *Config) { c.Storage.PageCache = 0 }},
		"partition tags": {"storage:\n  partition_tags:\n    default:\n      - {label: __name__, buckets: 4}\n      - {label: cluster}\n", func(c *Config) {
			c.Storage.PartitionTags = map[string][]PartitionTag{"default": {{"__name__", 4}, {"cluster", 0}}}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := defaultConfig(), defaultConfig()
			tt.want(&want)
			if err := parseConfig([]byte(tt.text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestConfigMistakes(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string // Parts of the error.
	}{
		"unknown section":         {"storage: {}\nremote: {}\n", []string{`line 2: unknown key "remote"`}},
		"unknown key":             {"storage:\n  retention: 1d\n  retencion: 1d\n", []string{`line 3: unknown key "retencion"`}},
		"all mistakes at once":    {"a: 1\nstorage: {retention: soon}\nb: 2\n", []string{"line 1:", "line 2:", "line 3:"}},
		"bad duration":            {"query:\n  timeout: 2 minutes\n", []string{"line 2", "2 minutes"}},
		"bad size":                {"storage:\n  page_cache: 64M8\n", []string{"line 2", "64M8"}},
		"size without unit":       {"storage: {page_cache: 64}\n", []string{"line 1", "64MiB"}},
		"bad number":              {"query:\n\n  max_samples: many\n", []string{"line 3", "many"}},
		"key twice":               {"query: {max_samples: 1, max_samples: 2}\n", []string{"line 1", "max_samples"}},
		"bad YAML":                {"query: [\n", []string{"line 1"}},
		"two documents":           {"query: {}\n---\nstorage: {}\n", []string{"more than one"}},
		"retention too short":     {"storage: {retention: 1m}\n", []string{"storage.retention", "1m"}},
		"negative size":           {"storage: {page_cache: -1MiB}\n", []string{"storage.page_cache"}},
		"generation too small":    {"storage: {memory_per_generation: 1KiB}\n", []string{"storage.memory_per_generation", "1KiB"}},
		"flush without interval":  {"storage: {flush_interval: 0}\n", []string{"storage.flush_interval"}},
		"negative limit":          {"storage: {limits: {labels_per_series: -1}}\n", []string{"storage.limits.labels_per_series"}},
		"no requests":             {"remote_write: {max_requests_in_flight: 0}\n", []string{"remote_write.max_requests_in_flight"}},
		"request that never fits": {"remote_write: {max_bytes_in_flight: 1MiB}\n", []string{"remote_write.max_bytes_in_flight"}},
		"no samples":              {"query: {max_samples: 0}\n", []string{"query.max_samples"}},
		"no time":                 {"query: {timeout: 0s}\n", []string{"query.timeout"}},
		"unknown feature":         {"query: {features: [time-travel]}\n", []string{"section query", "time-travel"}},
		"scrape too often":        {"self_monitoring: {interval: 10ms}\n", []string{"self_monitoring.interval"}},
		"no garbage collection":   {"runtime: {gc_percent: -1}\n", []string{"runtime.gc_percent"}},
		"memory of a toaster":     {"runtime: {memory_limit: 1MiB}\n", []string{"runtime.memory_limit"}},
		"tags of a bad tenant":    {"storage: {partition_tags: {../x: [{label: a}]}}\n", []string{"storage.partition_tags.../x"}},
		"no tags":                 {"storage: {partition_tags: {x: []}}\n", []string{"storage.partition_tags.x"}},
		"tag without label":       {"storage: {partition_tags: {x: [{buckets: 2}]}}\n", []string{"storage.partition_tags.x[0].label"}},
		"tag twice":               {"storage: {partition_tags: {x: [{label: a}, {label: a}]}}\n", []string{"storage.partition_tags.x[1].label"}},
		"no pause":                {"compaction: {interval: 0s}\n", []string{"compaction.interval"}},
		"memory for nothing":      {"compaction: {memory: 1MiB}\n", []string{"compaction.memory"}},
		"no share under load":     {"compaction: {duty_under_load: 0}\n", []string{"compaction.duty_under_load"}},
		"more than a core":        {"compaction: {duty: 1.5}\n", []string{"compaction.duty"}},
		"unknown unit":            {"compaction: {units: [week, fortnight]}\n", []string{"compaction.units", "fortnight"}},
		"negative read rate":      {"compaction: {read_rate: -1MiB}\n", []string{"compaction.read_rate", "-1MiB"}},
		"negative write rate":     {"compaction: {write_rate: -1MiB}\n", []string{"compaction.write_rate"}},
		"merge of one file":       {"compaction: {level0_files: 1}\n", []string{"compaction.level0_files is 1", "at least 2"}},
		"no window":               {"compaction: {window: 0s}\n", []string{"compaction.window"}},
		"window across days":      {"compaction: {window: 7h}\n", []string{"compaction.window is 7h", "divide the day"}},
		"window of two days":      {"compaction: {window: 48h}\n", []string{"compaction.window"}},
		"wait below settling":     {"compaction: {settle: 1h, max_wait: 0s}\n", []string{"compaction.max_wait is 0s", "compaction.settle, 1h"}},
		"files of nothing":        {"compaction: {max_file_size: 1B}\n", []string{"compaction.max_file_size is 1B", "64KiB"}},
		"one input":               {"compaction: {max_inputs: 1}\n", []string{"compaction.max_inputs is 1"}},
		"inputs below level 0":    {"compaction: {max_inputs: 5, level0_files: 6}\n", []string{"compaction.max_inputs is 5", "compaction.level0_files, 6"}},
		"late share above all":    {"compaction: {late_share: 5}\n", []string{"compaction.late_share"}},
		"late share is no number": {"compaction: {late_share: .nan}\n", []string{"compaction.late_share"}},
		"no pause of retention":   {"retention: {interval: 0s}\n", []string{"retention.interval"}},
		"all and a half":          {"retention: {max_share: 1.5}\n", []string{"retention.max_share is 1.5"}},
		"share is no number":      {"retention: {max_share: .nan}\n", []string{"retention.max_share"}},
		"no pause of collection":  {"collection: {interval: 0s}\n", []string{"collection.interval"}},
		"grace below a query":     {"collection: {grace: 5m}\n", []string{"collection.grace is 5m", "sql.max_timeout (10m)"}},
		"share above all":         {"collection: {max_share: 2}\n", []string{"collection.max_share is 2"}},
		"negative files":          {"collection: {min_files: -1}\n", []string{"collection.min_files"}},
		"orphans at once":         {"collection: {orphan_age: 1s}\n", []string{"collection.orphan_age is 1s", "1h"}},
		"negative scrub":          {"scrub: {rate: -1MiB}\n", []string{"scrub.rate"}},
		"scrub without interval":  {"scrub: {interval: 0s}\n", []string{"scrub.interval"}},
		"rule without selector":   {"storage: {retention_rules: [{keep: 1d}]}\n", []string{"storage.retention_rules[0].match is missing"}},
		"rule of a bad selector":  {"storage: {retention_rules: [{match: '{a=}', keep: 1d}]}\n", []string{"storage.retention_rules[0].match"}},
		"rule that keeps nothing": {"storage: {retention_rules: [{match: '{a=\"b\"}'}]}\n", []string{"storage.retention_rules[0].keep"}},
		"rule of a bad tenant":    {"storage: {retention_rules: [{tenant: ../x, match: '{a=\"b\"}', keep: 1d}]}\n", []string{"storage.retention_rules[0].tenant"}},
		"rule for everything":     {"storage: {retention_rules: [{match: '{}', keep: 1d}]}\n", []string{"storage.retention_rules[0].match is {}", "storage.retention"}},
		"rule that keeps a blink": {"storage: {retention_rules: [{match: '{a=\"b\"}', keep: 59m}]}\n", []string{"storage.retention_rules[0].keep is 59m", "1h"}},
		"rule twice":              {"storage: {retention_rules: [{match: 'x{a=\"b\"}', keep: 1d}, {match: '{a=\"b\",__name__=\"x\"}', keep: 2d}]}\n", []string{"storage.retention_rules[1]", "storage.retention_rules[0]"}},
		"odd resolution":          {"downsampling: [{resolution: 7m, after: 30d}]\n", []string{"downsampling[0].resolution", "divide the day"}},
		"downsampling at once":    {"downsampling: [{resolution: 5m, after: 1d}, {resolution: 1h, keep_samples: false}]\n", []string{"downsampling[1].after is 0s"}},
		"bad downsampling match":  {"downsampling: [{match: '{', resolution: 5m, after: 30d}]\n", []string{"downsampling[0].match"}},
		"bad downsampling tenant": {"downsampling: [{tenant: ../x, resolution: 5m, after: 30d}]\n", []string{"downsampling[0].tenant"}},
		"downsampling twice":      {"downsampling: [{resolution: 5m, after: 30d}, {tenant: default, resolution: 5m, after: 60d}]\n", []string{"downsampling[1]", "downsampling[0]"}},
		"too many buckets":        {"storage: {partition_tags: {x: [{label: a, buckets: 99999}]}}\n", []string{"storage.partition_tags.x[0].buckets"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := defaultConfig()
			err := parseConfig([]byte(tt.text), &cfg)
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

// What is unusual and works is taken.
func TestConfigBounds(t *testing.T) {
	for name, text := range map[string]string{
		"nothing waits":             "compaction: {level0_age: 0s, lateness: 0s, settle: 0s, max_wait: 0s, late_age: 0s, clean_after: 0s}",
		"smallest files":            "compaction: {level0_files: 2, max_inputs: 2, max_file_size: 64KiB, window: 1m}",
		"one window a day":          "compaction: {window: 24h, units: []}",
		"shares":                    "compaction: {late_share: 0}\nretention: {max_share: 0}\ncollection: {max_share: 1, min_files: 0}",
		"short grace":               "query: {timeout: 1s}\nsql: {timeout: 1s, max_timeout: 1s}\ncollection: {grace: 1200ms, interval: 50ms}",
		"no orphans":                "collection: {orphan_interval: 0s, orphan_age: 0s}",
		"no scrub":                  "scrub: {rate: 0B, interval: 0s}",
		"rule by tenant":            "storage: {retention_rules: [{match: '{a=\"b\"}', keep: 1h}, {tenant: x, match: '{a=\"b\"}', keep: 2h}]}",
		"rule of those without":     "storage: {retention_rules: [{match: '{job=\"\"}', keep: 7d}]}",
		"downsampling of all":       "downsampling: [{match: '{}', resolution: 5m, after: 1d}]",
		"downsampling by halves":    "downsampling: [{match: a, resolution: 5m, after: 1d}, {match: b, resolution: 5m, after: 2d}]",
		"several resolutions":       "downsampling: [{resolution: 5m, after: 30d}, {resolution: 1h, after: 180d}]",
		"resolutions by the tenant": "downsampling: [{resolution: 5m, after: 30d}, {tenant: x, resolution: 5m, after: 60d}]",
	} {
		cfg := defaultConfig()
		err := parseConfig([]byte(text), &cfg)
		if err == nil {
			err = cfg.Validate()
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What /api/v1/status/config shows must be a file that means the same.
func TestConfigRoundTrip(t *testing.T) {
	want := defaultConfig()
	want.Storage.PartitionTags = map[string][]PartitionTag{"default": {{"__name__", 4}}}
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := parseConfig(text, &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a rule keeps longer than the default must also be taken.
func TestOldestIsTaken(t *testing.T) {
	s := StorageConfig{RetentionRules: []RetentionRule{{Match: `{a="b"}`, Keep: Duration(72 * time.Hour)}}}
	if got := s.oldest(); got != 0 {
		t.Errorf("everything is kept, %v is refused", got)
	}
	s.Retention = Duration(24 * time.Hour)
	if got := s.oldest(); got != 72*time.Hour {
		t.Errorf("samples are taken up to %v, want 72h", got)
	}
}

func TestStorageOptions(t *testing.T) {
	cfg := defaultConfig()
	cfg.Storage.Retention = Duration(time.Hour)
	cfg.Storage.PartitionTags = map[string][]PartitionTag{"default": {{"cluster", 3}}}
	o := cfg.Storage.options("somewhere")
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	want := series.Template{{Label: "cluster", Buckets: 3}}
	if diff := cmp.Diff(want, o.Templates[series.DefaultTenant]); diff != "" || o.Retention != time.Hour || o.Dir != "somewhere" {
		t.Errorf("options %+v, templates (-want +got):\n%s", o, diff)
	}
}

func TestCheckConfigCommand(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml")
	writeFile(t, good, "query: {timeout: 1m}\n")
	writeFile(t, bad, "query:\n  timeoutt: 1m\n")
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"defaults":        {nil, 0, "SUCCESS"},
		"good file":       {[]string{"--config.file=" + good}, 0, good},
		"unknown key":     {[]string{"--config.file=" + bad}, 1, `bad.yml: line 2: unknown key "timeoutt"`},
		"no such file":    {[]string{"--config.file=" + good + "x"}, 1, "good.ymlx"},
		"web file absent": {[]string{"--web.config.file=" + good + "x"}, 1, "good.ymlx"},
		"bad web file":    {[]string{"--web.config.file=" + bad}, 1, "bad.yml"},
		"exposed":         {[]string{"--web.listen-address=:9201"}, 1, "web.insecure-allow-unauthenticated"},
		"no address":      {[]string{"--web.listen-address=9201"}, 1, "web.listen-address"},
		"bad CORS origin": {[]string{"--web.cors.origin=("}, 1, "web.cors.origin"},
		"no time to stop": {[]string{"--shutdown.timeout=0s"}, 1, "shutdown.timeout"},
		"unknown flag":    {[]string{"--no-such-flag"}, 1, "no-such-flag"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, code := runAdapter(append([]string{"check-config"}, tt.args...)...)
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, output %q; want %d and %q", code, out, tt.code, tt.want)
			}
		})
	}
}
