package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// calmConfig is a node that compacts only when it is asked to.
const calmConfig = `
compaction: {interval: 24h, level0_files: 2, level0_age: 0s, lateness: 0s, settle: 0s, late_age: 0s}
scrub: {rate: 0B}
`

// fillDays writes one metric a day and flushes, for days before now.
func fillDays(t *testing.T, n *node, metric string, days int) (from time.Time) {
	t.Helper()
	from = time.Now().Add(-time.Duration(days) * 24 * time.Hour).Truncate(time.Hour)
	for d := range days {
		s := sent{labels: labels.FromStrings("__name__", metric, "job", "a", "day", fmt.Sprint(d%2))}
		for i := range int64(100) {
			s.points = append(s.points, floatPoint(from.UnixMilli()+int64(d)*86_400_000+i*60_000, float64(i)))
		}
		body, err := encodeTwo([]sent{s})
		if err != nil {
			t.Fatal(err)
		}
		if code, _, text, err := n.write(protocolTwo, body); err != nil || code != http.StatusNoContent {
			t.Fatalf("write: %d %s %v", code, text, err)
		}
		n.flush()
	}
	return from
}

func (n *node) count(metric string) string {
	n.t.Helper()
	a := n.mustSQL("SELECT count(*) FROM " + metric)
	return fmt.Sprint(a.Rows[0][0])
}

// TestDeleteReceipts: a delete counts in the next query of both languages, its
// receipt tells what became of it, and cleaning makes it final.
func TestDeleteReceipts(t *testing.T) {
	n := newNode(t, calmConfig)
	n.startReady()
	from := fillDays(t, n, "m", 4)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, n.url("/api/v1/admin/tsdb/delete_series?"+url.Values{
		"match[]": {`{day="0"}`}, "end": {seconds(from.Add(24 * time.Hour))},
	}.Encode()), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := n.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	id := res.Header.Get("X-Herringbone-Delete-Id")
	if res.StatusCode != http.StatusNoContent || id == "" {
		t.Fatalf("delete: status %d, id %q", res.StatusCode, id)
	}
	if got := n.count("m"); got != "300" {
		t.Errorf("%s rows after the delete, want 300", got)
	}
	if a, err := n.readSamples(0, time.Now().UnixMilli(), everything); err != nil || len(a[`{__name__="m", day="0", job="a"}`]) != 100 {
		t.Errorf("remote read after the delete: %d samples, %v", len(a[`{__name__="m", day="0", job="a"}`]), err)
	}
	n.wantReceipt(id, "hidden", 100, 0)
	if _, err := n.do(http.MethodPost, "/api/v1/admin/tsdb/clean_tombstones", "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := n.do(http.MethodPost, "/-/compact?jobs=many", "", nil); err == nil || !strings.Contains(err.Error(), "status 400") {
		t.Errorf("a number of jobs that is none: %v", err)
	}
	n.wantReceipt(id, "purged", 100, 100)
	a := n.mustSQL("DELETE FROM m WHERE job = 'a' AND time < now() - INTERVAL 1 DAY")
	if fmt.Sprint(a.Rows[0][1]) == "0" || n.count("m") == "300" {
		t.Errorf("DELETE said %v, %s rows are left", a.Rows, n.count("m"))
	}
	if _, err := n.get("/api/v1/admin/deletes/nonsense"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown receipt: %v", err)
	}
	n.process.stop()
	n.fsck()
}

func (n *node) wantReceipt(id, state string, hidden, purged int) {
	n.t.Helper()
	text, err := n.get("/api/v1/admin/deletes/" + id)
	if err != nil {
		n.t.Fatal(err)
	}
	var r struct {
		Data struct {
			State  string `json:"state"`
			Hidden int    `json:"rows_hidden"`
			Purged int    `json:"rows_purged"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		n.t.Fatal(err)
	}
	if r.Data.State != state || r.Data.Hidden != hidden || r.Data.Purged != purged {
		n.t.Errorf("receipt %s, want %s, %d hidden, %d purged", text, state, hidden, purged)
	}
}

// TestAdminIsOff: without --web.enable-admin-api nothing deletes.
func TestAdminIsOff(t *testing.T) {
	n := newNode(t, calmConfig)
	for i, a := range n.args {
		if a == "--web.enable-admin-api" {
			n.args[i] = "--log.level=info"
		}
	}
	n.startReady()
	for _, path := range []string{
		"/-/compact", "/-/expire", "/-/collect", "/-/flush",
		"/api/v1/admin/tsdb/delete_series?match[]=up", "/api/v1/admin/tsdb/clean_tombstones", "/api/v1/sql?query=DELETE+FROM+up+WHERE+true",
	} {
		if text, err := n.do(http.MethodPost, path, "", nil); err == nil {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// TestCompactCommand: the plan of a stopped node is printed, then carried out.
func TestCompactCommand(t *testing.T) {
	n := newNode(t, calmConfig)
	n.startReady()
	fillDays(t, n, "m", 3)
	fillDays(t, n, "m", 3)
	n.process.stop()
	config := strings.TrimPrefix(n.args[0], "--config.file=")
	run := func(args ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, adapterBinary, append([]string{"compact", "--config.file=" + config, "--data.dir=" + n.dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("compact: %v\n%s", err, out)
		}
		return string(out)
	}
	before := objectCount(t, n.dir)
	if plan := run("--plan"); !strings.Contains(plan, "merge") || !strings.Contains(plan, "default") {
		t.Errorf("plan:\n%s", plan)
	}
	if objectCount(t, n.dir) != before {
		t.Error("--plan did something")
	}
	run()
	if plan := run("--plan"); strings.Contains(plan, "merge") {
		t.Errorf("plan of what was compacted:\n%s", plan)
	}
	n.fsck()
	n.startReady()
	if got := n.count("m"); got != "300" {
		t.Errorf("%s rows, want 300", got)
	}
}

func objectCount(t *testing.T, dir string) (count int) {
	t.Helper()
	for range objectFiles(t, dir) {
		count++
	}
	return count
}

func objectFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".parquet") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestScrubFindsDamage: a flipped byte is found, named in /metrics, on the page
// and by fsck; queries that need the file fail by its name, others do not, and
// the rest is compacted.
func TestScrubFindsDamage(t *testing.T) {
	n := newNode(t, calmConfig)
	n.startReady()
	fillDays(t, n, "good", 3)
	fillDays(t, n, "bad", 1)
	n.process.stop()
	damaged := ""
	for _, name := range objectFiles(t, n.dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "bad") {
			for i := 5; i < len(text)/2; i += 16 { // In all columns, not in the series index.
				text[i] ^= 1
			}
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
			damaged = filepath.Base(name)
		}
	}
	config := strings.TrimPrefix(n.args[0], "--config.file=")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(calmConfig, "rate: 0B", "rate: 64MiB")), 0o600); err != nil {
		t.Fatal(err)
	}
	n.startReady()
	await(t, "the scrub to find the damage", time.Minute, func() error {
		text, err := n.get("/metrics")
		if err == nil && !strings.Contains(string(text), damaged) {
			err = fmt.Errorf("%s is not in /metrics", damaged)
		}
		return err
	})
	if page, err := n.get("/compactor"); err != nil || !strings.Contains(string(page), damaged) {
		t.Errorf("the page does not name %s: %v", damaged, err)
	}
	if _, err := n.do(http.MethodPost, "/-/compact", "", nil); err != nil {
		t.Error(err)
	}
	if got := n.count("good"); got != "300" {
		t.Errorf("%s good rows", got)
	}
	if _, err := n.sqlRows("SELECT sum(value) FROM bad"); err == nil || !strings.Contains(err.Error(), damaged) {
		t.Errorf("SQL over a damaged file: %v", err)
	}
	if _, err := n.readSamples(0, time.Now().UnixMilli(), labels.MustNewMatcher(labels.MatchEqual, "__name__", "bad")); err == nil {
		t.Error("remote read over a damaged file worked")
	}
	n.process.stop()
	out, err := exec.Command(adapterBinary, "fsck", "--data.dir="+n.dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), damaged) || !strings.Contains(string(out), "quarantine") {
		t.Errorf("fsck: %v\n%s", err, out)
	}
}
