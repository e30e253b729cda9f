package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

const configPage = "../docs/configuration.md"

// docs/configuration.md is what the code says.
func TestConfigurationPage(t *testing.T) {
	want, code := runAdapter("config", "--docs")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, want)
	}
	got, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what adapter config --docs prints; make docs writes it anew (-code +page):\n%s", diff)
	}
}

// The page's file of defaults is the default.
func TestConfigurationPageDefaults(t *testing.T) {
	text, err := os.ReadFile(configPage)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```yaml\n")
	block, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("the page has no YAML")
	}
	got := Config{}
	if err := parseConfig([]byte(block), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaultConfig(), got); diff != "" {
		t.Errorf("the page is not the default (-default +page):\n%s", diff)
	}
}

// fullConfig has an element in every list, so that YAML shows every key.
func fullConfig() Config {
	c := defaultConfig()
	keep := true
	c.Storage.RetentionRules = []RetentionRule{{Tenant: "x", Match: "a", Keep: 1}}
	c.Storage.PartitionTags = map[string][]PartitionTag{"<tenant>": {{Label: "a"}}}
	c.Query.Features = []string{"x"}
	c.Downsampling = []DownsamplingRule{{Tenant: "x", Match: "a", KeepSamples: &keep}}
	return c
}

// yamlPaths lists the keys of a YAML value as the page writes them.
func yamlPaths(prefix string, v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			path := strings.TrimPrefix(prefix+"."+key, ".")
			out = append(append(out, path), yamlPaths(path, below)...)
		}
	case []any:
		for _, below := range v {
			out = append(out, yamlPaths(prefix+"[]", below)...)
		}
	}
	return out
}

// Every key that YAML knows is on the page, and means something.
func TestEveryKeyHasItsMeaning(t *testing.T) {
	keys, err := configKeys(configKeysSource)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, k := range keys {
		known[k.path] = true
		if len(k.meaning) < 15 || !strings.HasSuffix(k.meaning, ".") {
			t.Errorf("%s means %q, want a sentence", k.path, k.meaning)
		}
	}
	text, err := yaml.Marshal(fullConfig())
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	paths := yamlPaths("", tree)
	for _, path := range paths {
		if !known[path] && path != "storage.partition_tags.<tenant>" {
			t.Errorf("%s is not on the page", path)
		}
	}
	if len(paths) < 80 {
		t.Errorf("only %d keys found", len(paths))
	}
}

// A key without a comment is an error, not a gap on the page.
func TestKeyWithoutMeaning(t *testing.T) {
	const comment = "\t// How long a sample is current in an instant lookup.\n"
	source := strings.Replace(configKeysSource, comment, "", 1)
	if source == configKeysSource {
		t.Fatal("the comment that the test takes away is not there")
	}
	_, err := configKeys(source)
	if err == nil || !strings.Contains(err.Error(), "query.lookback_delta has no meaning") || strings.Contains(err.Error(), "query.timeout") {
		t.Errorf("error %v", err)
	}
}

func TestConfigCommand(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml")
	writeFile(t, good, "query: {timeout: 77s}\nstorage: {retention_rules: [{match: '{a=\"b\"}', keep: 2h}]}\n")
	writeFile(t, bad, "query: {timeoutt: 1m}\n")
	tests := map[string]struct {
		args []string
		code int
		want string
	}{
		"defaults":           {nil, 0, "lookback_delta: 5m\n"},
		"file":               {[]string{"--config.file=" + good}, 0, "timeout: 1m17s\n"},
		"rules":              {[]string{"--config.file=" + good}, 0, `match: '{a="b"}'`},
		"a flag wins":        {[]string{"--self-monitoring=false"}, 0, "self_monitoring:\n    enabled: false\n"},
		"unknown key":        {[]string{"--config.file=" + bad}, 1, `bad.yml: line 1: unknown key "timeoutt"`},
		"unknown flag":       {[]string{"--doc"}, 1, "--doc"},
		"unexpected argment": {[]string{"docs"}, 1, "unexpected docs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out, code := runAdapter(append([]string{"config"}, tt.args...)...)
			if code != tt.code || !strings.Contains(out, tt.want) {
				t.Errorf("exit code %d, output %q; want %d and %q", code, out, tt.code, tt.want)
			}
		})
	}
}

// What adapter config prints is a file that means the same.
func TestConfigCommandRoundTrip(t *testing.T) {
	out, code := runAdapter("config")
	got := Config{}
	if err := parseConfig([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d: %v", code, err)
	}
	if diff := cmp.Diff(defaultConfig(), got); diff != "" {
		t.Errorf("(-default +printed):\n%s", diff)
	}
}

func TestWrapText(t *testing.T) {
	long := strings.Repeat("ö", 99)
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"a  b\nc", "a b c"},
		{long + " a", long + "\n  a"},
		{long[:98*2] + " a", long[:98*2] + " a"},
		{"a " + long + "öö b", "a\n  " + long + "öö\n  b"},
	} {
		if got := wrapText(tt.text, "  "); got != tt.want {
			t.Errorf("%q became %q, want %q", tt.text, got, tt.want)
		}
	}
}
