package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchSQL runs adapter bench sql at a small size: it writes, asks, and fails
// by itself if an answer is not DuckDB's. The times are not judged.
func TestBenchSQL(t *testing.T) {
	dir := t.TempDir()
	first := benchSQL(t, dir, "--rows=300000", "--series=100", "--days=2", "--year-series=2", "--year-days=40", "--only=")
	if first.Written.Reused || first.Written.Rows < 299_000 || first.Written.Files < 40 {
		t.Errorf("written %+v", first.Written)
	}
	if len(first.Queries) < 10 || len(first.Last) < 5 || first.Memory.Bytes < 1_000_000 || first.Memory.Before == 0 || first.Memory.Most < first.Memory.Before {
		t.Errorf("results %+v", first)
	}
	rows := map[string]int64{}
	for _, q := range first.Queries {
		rows[q.Query] = q.Rows
		if q.Files == 0 || q.Files > 4 || q.Ours <= 0 || q.Plain <= 0 || q.All <= 0 {
			t.Errorf("times %+v", q)
		}
	}
	if rows["count"] != 1 || rows["avg by label"] != 8 || rows["rows of one series"] < 1000 || rows["wide scan"] != 32*rows["rows of one series"] {
		t.Errorf("rows of the answers: %v", rows)
	}
	for _, l := range first.Last {
		if l.Progressive && (l.Opened == 0 || l.Opened > 2 || l.Files < 40) {
			t.Errorf("files of a last value: %+v", l)
		}
	}
	again := benchSQL(t, dir, "--rows=1", "--only=count")
	if !again.Written.Reused || again.Written.Rows != first.Written.Rows || len(again.Queries) != 2 || again.Memory != nil {
		t.Errorf("results of a second run in the same directory: %+v", again)
	}
}

// benchResults are the parts of the JSON file that the test judges.
type benchResults struct {
	Written struct {
		Rows   int64 `json:"rows"`
		Files  int   `json:"files"`
		Reused bool  `json:"reused"`
	} `json:"written"`
	Queries []struct {
		Query string  `json:"query"`
		Rows  int64   `json:"rows"`
		Files int     `json:"files"`
		Ours  float64 `json:"ours_ms"`
		Plain float64 `json:"plain_ms"`
		All   float64 `json:"plain_all_files_ms"`
	} `json:"queries"`
	Last []struct {
		Query       string `json:"query"`
		Progressive bool   `json:"progressive"`
		Opened      int    `json:"files_opened"`
		Files       int    `json:"files"`
	} `json:"last"`
	Memory *struct {
		Bytes  int64 `json:"bytes"`
		Before int64 `json:"before_bytes"`
		Most   int64 `json:"most_bytes"`
	} `json:"memory"`
}

func benchSQL(t *testing.T, dir string, args ...string) (r benchResults) {
	t.Helper()
	file := filepath.Join(dir, "results.json")
	args = append([]string{"bench", "sql", "--data=" + filepath.Join(dir, "data"), "--json=" + file, "--runs=1", "--last-runs=1", "--answer-bytes=2000000"}, args...)
	out, err := exec.Command(adapterBinary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "| count | 1 |") {
		t.Errorf("there is no table:\n%s", out)
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
