package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBenchBeside runs adapter bench beside at a small size: compaction does work
// only in the windows in which it is on, and every stream is timed in both. The
// times are not judged.
func TestBenchBeside(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.json")
	out, err := exec.Command(adapterBinary, "bench", "beside", "--series=500", "--duration=30h", "--rate=4000", "--window=1s", "--windows=1",
		"--compaction=duty: 0.5", "--json="+file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "write of 2000 samples") {
		t.Errorf("there is no table:\n%s", out)
	}
	var r struct {
		Streams []struct {
			Name    string
			Off, On struct {
				Requests int
				P50      float64 `json:"p50_ms"`
			}
		}
		Work struct{ Jobs int }
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Work.Jobs == 0 || len(r.Streams) != 4 {
		t.Errorf("%d jobs, %d streams:\n%s", r.Work.Jobs, len(r.Streams), out)
	}
	for _, s := range r.Streams {
		if s.Off.Requests == 0 || s.On.Requests == 0 || s.Off.P50 <= 0 || s.On.P50 <= 0 {
			t.Errorf("%s: %+v", s.Name, s)
		}
	}
	if out, err := exec.Command(adapterBinary, "bench", "beside", "--window=1ms").CombinedOutput(); err == nil || !strings.Contains(string(out), "windows of 1ms") {
		t.Errorf("a window of a millisecond: %v\n%s", err, out)
	}
}
