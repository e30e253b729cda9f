package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// sender is a real Prometheus that scrapes and remote-writes to a node.
type sender struct {
	*server
	config  string // File.
	remote  string // The part of the configuration that never changes.
	targets []string
	nhcb    bool
}

const senderGlobal = `
global:
  scrape_interval: 1s
  scrape_timeout: 900ms
  evaluation_interval: 1s
  scrape_native_histograms: true
  always_scrape_classic_histograms: true
  metric_name_validation_scheme: utf8
  metric_name_escaping_scheme: allow-utf-8
storage:
  exemplars:
    max_exemplars: 200000
`

const senderRules = `
groups:
  - name: demo
    rules:
      - record: demo:native:rate
        expr: rate(demo_native_seconds[10s])
      - record: demo:requests:rate
        expr: sum by (job) (rate(demo_requests_total[10s]))
`

// newPrometheus prepares a Prometheus; what it is told by config may be changed
// later.
func newPrometheus(t *testing.T, name, config string, args ...string) (*server, string) {
	t.Helper()
	binary, err := findPrometheus()
	if err != nil {
		t.Fatalf("find Prometheus: %v", err)
	}
	dir, address := t.TempDir(), freeAddress(t)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return newServer(t, name, binary, address, append([]string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + address, "--web.enable-lifecycle",
	}, args...)...), file
}

// newSender prepares a Prometheus that will scrape itself, the node and an
// exporter each second.
func newSender(t *testing.T, n *node, v protocol) *sender {
	t.Helper()
	features := "exemplar-storage,native-histograms"
	if v == protocolTwo {
		features += ",metadata-wal-records,st-storage"
	}
	s := &sender{nhcb: v == protocolTwo}
	s.server, s.config = newPrometheus(t, "prometheus", senderGlobal, "--enable-feature="+features)
	s.targets = []string{s.address, n.address, newExporter(t).address}
	s.remote = fmt.Sprintf(`
remote_write:
  - url: %s
    name: node
    protobuf_message: %s
    send_exemplars: true
    send_native_histograms: true
    queue_config: {batch_send_deadline: 200ms, min_backoff: 30ms, max_backoff: 500ms}
    metadata_config: {send: true, send_interval: 1s}
`, n.url("/api/v1/write"), v.message)
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.config), "rules.yml"), []byte(senderRules), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(s.remote)
	return s
}

func (s *sender) write(more string) {
	s.t.Helper()
	if err := os.WriteFile(s.config, []byte(senderGlobal+more), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sender) reload() {
	s.t.Helper()
	if _, err := s.do(http.MethodPost, "/-/reload", "", nil); err != nil {
		s.t.Fatalf("reload %s: %v", s.name, err)
	}
}

// jobs configures rules and targets, or the same jobs without any target: a job
// that is taken away altogether gets no staleness markers.
func (s *sender) jobs(live bool) string {
	var more strings.Builder
	if live {
		more.WriteString("rule_files: [rules.yml]\n")
	}
	more.WriteString("scrape_configs:\n")
	targets := s.targets
	if s.nhcb { // 1.0 has no custom buckets: its sender leaves such series out.
		targets = append(slices.Clip(targets), targets[2])
	}
	for i, target := range targets {
		fmt.Fprintf(&more, "  - job_name: %s\n    convert_classic_histograms_to_nhcb: %v\n", [...]string{"prometheus", "herringbone", "demo", "custom"}[i], i == 3)
		if live {
			fmt.Fprintf(&more, "    static_configs: [{targets: [%q]}]\n", target)
		}
	}
	return more.String()
}

// scrape starts scraping and returns after n scrapes of every target.
func (s *sender) scrape(n int) {
	s.t.Helper()
	s.write(s.remote + s.jobs(true))
	s.reload()
	s.await(n)
}

// await returns after n more scrapes of every target.
func (s *sender) await(n int) {
	s.t.Helper()
	from := time.Now()
	jobs := 3
	if s.nhcb {
		jobs = 4
	}
	await(s.t, fmt.Sprintf("%d scrapes of each of %d targets", n, jobs), 2*time.Minute, func() error {
		now := time.Now()
		m, err := s.query(fmt.Sprintf("up[%dms]", now.Sub(from).Milliseconds()+1), now)
		if err != nil {
			return err
		}
		enough := 0
		for _, points := range m {
			if len(points) >= n {
				enough++
			}
		}
		if enough < jobs {
			return fmt.Errorf("%d of %d targets, in %v", enough, jobs, m)
		}
		return nil
	})
}

// pause stops scraping and rules. It returns when every series has its staleness
// marker and everything was sent.
func (s *sender) pause() {
	s.t.Helper()
	s.write(s.remote + s.jobs(false))
	s.reload()
	s.quiet()
	await(s.t, "the queue to be empty", time.Minute, func() error {
		pending, err := s.metricValue("prometheus_remote_storage_samples_pending")
		if err != nil {
			return err
		}
		in, err := s.metricValue("prometheus_remote_storage_highest_timestamp_in_seconds")
		if err != nil {
			return err
		}
		out, err := s.metricValue("prometheus_remote_storage_queue_highest_sent_timestamp_seconds")
		if err != nil {
			return err
		}
		if pending > 0 || out < in {
			return fmt.Errorf("%v samples pending, sent up to %.0f of %.0f", pending, out, in)
		}
		return nil
	})
	for _, kind := range []string{"samples", "histograms", "exemplars", "metadata"} {
		name := "prometheus_remote_storage_" + kind + "_failed_total"
		if v, err := s.metricValue(name); err != nil || v > 0 {
			s.t.Errorf("%s is %v (%v)", name, v, err)
		}
	}
}

// quiet returns when every series has its staleness marker and nothing more
// comes: a target that failed just before it was taken away gets them twice, the
// second time after just over two intervals.
func (s *sender) quiet() {
	s.t.Helper()
	appended, since := -1.0, time.Now()
	await(s.t, "staleness markers", time.Minute, func() error {
		now, err := s.metricValue("prometheus_tsdb_head_samples_appended_total")
		if err != nil {
			return err
		}
		if now != appended {
			appended, since = now, time.Now()
		}
		if time.Since(since) < 3*time.Second {
			return fmt.Errorf("samples were appended %v ago", time.Since(since))
		}
		m, err := s.query(`(count({__name__=~".+"}))[1ms:1ms]`, time.Now())
		if err == nil && len(m) > 0 {
			err = fmt.Errorf("series are still live: %v", m)
		}
		return err
	})
}
