package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"gopkg.in/yaml.v3"

	"herringbone/sql/duck"
)

// documented is the address that the documents show.
const documented = "127.0.0.1:9201"

// block is one fenced block of a document.
type block struct {
	file string
	line int
	kind string // What is written behind the fence.
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", filepath.Base(b.file), b.line) }

// docBlocks returns the fenced blocks of README and docs, in their order.
func docBlocks(t *testing.T) []block {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, file := range append([]string{"../../README.md"}, files...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		open := -1
		var body []string
		for i, line := range strings.Split(string(text), "\n") {
			kind, fence := strings.CutPrefix(line, "```")
			switch {
			case fence && open < 0:
				all, open, body = append(all, block{file: file, line: i + 1, kind: kind}), i, nil
			case fence:
				all[len(all)-1].text, open = strings.Join(body, "\n")+"\n", -1
			default:
				body = append(body, line)
			}
		}
		if open >= 0 {
			t.Fatalf("%s:%d: the block has no end", file, open+1)
		}
	}
	return all
}

// handbook is a node with data, on which the blocks of the documents are run.
type handbook struct {
	*node
	cwd string // Has data, bin/adapter and what the blocks write.
}

// exceptions are the shell blocks that are not run as they are while the node
// runs, by a text that they contain, each with its reason.
var exceptions = []struct {
	contains, why string
	check         func(*handbook, *testing.T, block)
	stopped       bool // Run once the node has stopped.
}{
	{contains: "make run", why: "make run does not end, and make test runs this test: make -n must know the targets", check: (*handbook).checkMake},
	{contains: "./bin/adapter bench", why: "benchmarks take minutes to hours: their flags must be known", check: (*handbook).checkFlags},
	{contains: "--config.file=herringbone.yml", why: "a node that does not end: its flags must be known", check: (*handbook).checkFlags},
	{contains: "./bin/adapter compact", why: "wants the directory of a stopped node", check: (*handbook).runShell, stopped: true},
	{contains: "./bin/adapter fsck", why: "wants the directory of a stopped node", check: (*handbook).runShell, stopped: true},
}

// TestDocuments runs every command, configuration and SQL statement that README
// and docs show.
func TestDocuments(t *testing.T) {
	blocks := docBlocks(t)
	h := newHandbook(t)
	used := make([]bool, len(exceptions))
	var later []block
	count := map[string]int{}
	for _, b := range blocks {
		count[b.kind]++
		h.runBlock(t, b, used, &later)
	}
	h.checkMetrics(t)
	h.checkEndpoints(t)
	h.process.stop()
	for _, b := range later {
		h.runShell(t, b)
	}
	for i, e := range exceptions {
		if !used[i] {
			t.Errorf("the exception for %q matches no block any more", e.contains)
		}
	}
	t.Logf("blocks: %v", count)
	for kind, least := range map[string]int{"sh": 20, "sql": 3, "yaml": 3, "yaml prometheus": 1, "yaml grafana": 1, "yaml web": 1, "sql duckdb": 1} {
		if count[kind] < least {
			t.Errorf("%d blocks of kind %q, want %d", count[kind], kind, least)
		}
	}
}

func (h *handbook) runBlock(t *testing.T, b block, used []bool, later *[]block) {
	switch b.kind {
	case "":
	case "sh":
		for i, e := range exceptions {
			if !strings.Contains(b.text, e.contains) {
				continue
			}
			used[i] = true
			if e.stopped {
				*later = append(*later, b)
			} else {
				e.check(h, t, b)
			}
			return
		}
		h.runShell(t, b)
	case "sql":
		h.runSQL(t, b)
	case "sql duckdb":
		h.runDuckDB(t, b)
	case "yaml":
		h.checkConfig(t, b, "--config.file")
	case "yaml web":
		h.checkConfig(t, b, "--web.listen-address=:0", "--web.config.file")
	case "yaml prometheus":
		checkPrometheusConfig(t, b)
	case "yaml grafana":
		checkGrafana(t, b)
	default:
		t.Errorf("%v: nobody reads blocks of the kind %q", b, b.kind)
	}
}

// handbookConfig measures itself often and compacts when it is asked to.
const handbookConfig = `
self_monitoring: {interval: 1s}
compaction: {interval: 24h, level0_files: 2, level0_age: 0s, lateness: 0s, settle: 0s, late_age: 0s}
scrub: {rate: 0B}
downsampling: [{resolution: 5m, after: 1h}]
`

func newHandbook(t *testing.T) *handbook {
	t.Helper()
	n := newNode(t, handbookConfig)
	for i, a := range n.args {
		if a == "--self-monitoring=false" {
			n.args[i] = "--self-monitoring=true"
		}
	}
	h := &handbook{node: n, cwd: filepath.Dir(n.dir)}
	h.prepareDirectory(t)
	n.startReady()
	h.writeOldDays(t)
	n.flush()
	if _, err := n.do(http.MethodPost, "/-/compact", "", nil); err != nil {
		t.Fatal(err)
	}
	await(t, "rates of the node's own metrics", time.Minute, func() error {
		m, err := n.query("(rate(herringbone_http_requests_total[5m]))[1ms:1ms]", time.Now())
		if err == nil && len(m) == 0 {
			err = errors.New("none yet")
		}
		return err
	})
	n.flush() // So that files hold something new.
	return h
}

// prepareDirectory makes what the blocks find where they are run: the binary, a
// certificate, and a curl that fails when the answer is an error.
func (h *handbook) prepareDirectory(t *testing.T) {
	t.Helper()
	err := errors.Join(
		os.Mkdir(filepath.Join(h.cwd, "bin"), 0o755),
		os.Symlink(adapterBinary, filepath.Join(h.cwd, "bin", "adapter")),
		os.WriteFile(filepath.Join(h.cwd, ".curlrc"), []byte("fail-with-body\nshow-error\nmax-time = 60\n"), 0o600),
		writeCertificate(h.cwd),
	)
	if err != nil {
		t.Fatal(err)
	}
}

func writeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	write := func(name, kind string, bytes []byte) error {
		return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
	}
	return errors.Join(write("server.crt", "CERTIFICATE", cert), write("server.key", "PRIVATE KEY", private))
}

// writeOldDays writes the metrics that the documents name, for days that are over:
// the one before yesterday, and for the job that is deleted also one of 2025.
func (h *handbook) writeOldDays(t *testing.T) {
	t.Helper()
	recent := time.Now().UTC().Truncate(24 * time.Hour).Add(-48 * time.Hour)
	var list []sent
	for job, days := range map[string][]time.Time{
		"herringbone": {recent}, "old": {time.Date(2025, 12, 30, 0, 0, 0, 0, time.UTC), recent},
	} {
		for _, name := range []string{"up", "go_goroutines"} {
			s := sent{labels: labels.FromStrings("__name__", name, "instance", documented, "job", job)}
			for _, day := range days {
				for i := range int64(24 * 60) {
					s.points = append(s.points, floatPoint(day.UnixMilli()+i*60_000, float64(i%7)))
				}
			}
			list = append(list, s)
		}
	}
	body, err := encodeTwo(list)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text, err := h.write(protocolTwo, body); err != nil || status != http.StatusNoContent {
		t.Fatalf("status %d, %v: %s", status, err, text)
	}
}

// runShell runs a block as a person would who pastes it, and wants something to
// be found.
func (h *handbook) runShell(t *testing.T, b block) {
	t.Helper()
	text := strings.ReplaceAll(b.text, documented, h.address)
	text = strings.ReplaceAll(text, "./bin/adapter sql", "./bin/adapter sql --url=http://"+h.address)
	out, err := h.command("sh", "-euc", text)
	for _, bad := range []string{`"status":"error"`, `"result":[]`, `"data":[]`, "(0 rows)"} {
		if strings.Contains(out, bad) {
			err = errors.Join(err, fmt.Errorf("the output has %s", bad))
		}
	}
	if err != nil {
		t.Errorf("%v: %v\n%s\n%s", b, err, text, out)
	}
	t.Logf("%v: %.300s", b, out)
}

// command runs a program in the handbook's directory, with an empty input that is
// no terminal.
func (h *handbook) command(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdin = h.cwd, strings.NewReader("")
	c.Env = append(os.Environ(), "CURL_HOME="+h.cwd, "HOME="+h.cwd)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (h *handbook) runSQL(t *testing.T, b block) {
	t.Helper()
	file := filepath.Join(h.cwd, "block.sql")
	if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := h.command(adapterBinary, "sql", "--url=http://"+h.address, "--file="+file)
	if err != nil || strings.Contains(out, "(0 rows)") {
		t.Errorf("%v: %v\n%s\n%s", b, err, b.text, out)
	}
}

// runDuckDB runs a block by DuckDB alone.
func (h *handbook) runDuckDB(t *testing.T, b block) {
	t.Helper()
	db, err := duck.Open(duck.Options{Threads: 2, Unlocked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := strings.NewReplacer("'data/", "'"+h.dir+"/", "'files.jsonl'", "'"+filepath.Join(h.cwd, "files.jsonl")+"'").Replace(b.text)
	rows := int64(0)
	for _, statement := range strings.SplitAfter(text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		r, err := db.Query(context.Background(), statement, duck.Params{})
		if err != nil {
			t.Errorf("%v: %v\n%s", b, err, statement)
			return
		}
		for r.Next() {
			rows += r.Batch().NumRows()
		}
		err = r.Err()
		r.Close()
		if err != nil {
			t.Errorf("%v: %v\n%s", b, err, statement)
			return
		}
	}
	if rows < 100 {
		t.Errorf("%v: %d rows", b, rows)
	}
}

// checkConfig asks adapter check-config; the last flag takes the block's file.
func (h *handbook) checkConfig(t *testing.T, b block, flags ...string) {
	t.Helper()
	file := filepath.Join(h.cwd, "block.yml")
	if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags[len(flags)-1] += "=" + file
	if out, err := h.command(adapterBinary, append([]string{"check-config"}, flags...)...); err != nil {
		t.Errorf("%v: %v\n%s", b, err, out)
	}
}

func checkPrometheusConfig(t *testing.T, b block) {
	t.Helper()
	c, err := promconfig.Load(b.text, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Errorf("%v: %v", b, err)
		return
	}
	if len(c.RemoteWriteConfigs)+len(c.RemoteReadConfigs) == 0 {
		t.Errorf("%v: neither remote write nor remote read", b)
	}
	for _, w := range c.RemoteWriteConfigs {
		if w.URL.Host != documented || w.URL.Path != "/api/v1/write" {
			t.Errorf("%v: writes to %v", b, w.URL)
		}
	}
	for _, r := range c.RemoteReadConfigs {
		if r.URL.Host != documented || r.URL.Path != "/api/v1/read" {
			t.Errorf("%v: reads from %v", b, r.URL)
		}
	}
}

func checkGrafana(t *testing.T, b block) {
	t.Helper()
	var c struct {
		APIVersion  int `yaml:"apiVersion"`
		DataSources []struct {
			Name, Type, URL string
			JSONData        map[string]string `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	dec := yaml.NewDecoder(strings.NewReader(b.text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		t.Errorf("%v: %v", b, err)
		return
	}
	if c.APIVersion != 1 || len(c.DataSources) != 1 {
		t.Errorf("%v: %+v", b, c)
		return
	}
	if d := c.DataSources[0]; d.Name == "" || d.Type != "prometheus" || d.URL != "http://"+documented {
		t.Errorf("%v: %+v", b, d)
	}
}

// checkMake asks make for what it would do.
func (h *handbook) checkMake(t *testing.T, b block) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^make (\S+)`).FindAllStringSubmatch(b.text, -1) {
		if out, err := exec.Command("make", "-n", "-C", "../..", m[1]).CombinedOutput(); err != nil {
			t.Errorf("%v: make %s: %v\n%s", b, m[1], err, out)
		}
	}
}

// checkFlags asks the help of each command for the flags that the block uses.
func (h *handbook) checkFlags(t *testing.T, b block) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(b.text, "\\\n", " ")), "\n") {
		var command, flags []string
		for _, word := range strings.Fields(line)[1:] {
			switch name, _, _ := strings.Cut(word, "="); {
			case strings.HasPrefix(word, "--"):
				flags = append(flags, strings.TrimPrefix(name, "--"))
			case len(flags) == 0:
				command = append(command, word)
			}
		}
		help, err := h.command(adapterBinary, append(command, "--help")...)
		if err != nil {
			t.Errorf("%v: %q: %v\n%s", b, line, err, help)
		}
		for _, f := range flags {
			if !regexp.MustCompile(`--(\[no-\])?` + regexp.QuoteMeta(f) + `[= \n]`).MatchString(help) {
				t.Errorf("%v: %q has no flag --%s", b, line, f)
			}
		}
	}
}

// docText is all of README and docs.
func docText(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// checkMetrics: metrics that the documents name are there.
func (h *handbook) checkMetrics(t *testing.T) {
	t.Helper()
	text, err := h.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`herringbone_[a-z0-9_]+`).FindAllString(docText(t), -1) {
		if !strings.Contains(string(text), "# TYPE "+name+" ") {
			t.Errorf("the documents name the metric %s, which /metrics does not have", name)
		}
	}
}

// checkEndpoints: endpoints that the documents name are served.
func (h *handbook) checkEndpoints(t *testing.T) {
	t.Helper()
	found := 0
	for _, m := range regexp.MustCompile("`(GET|POST) (/[^`]*)`").FindAllStringSubmatch(docText(t), -1) {
		found++
		_, err := h.do(m[1], m[2], "", nil)
		var a *answerError
		if errors.As(err, &a) && (a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed) {
			t.Errorf("%s %s: %v", m[1], m[2], err)
		}
	}
	if found < 15 {
		t.Errorf("only %d endpoints found", found)
	}
}
