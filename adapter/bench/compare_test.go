package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// peerEnv makes this test binary play a store: it serves both APIs on the
// address in its arguments until it is interrupted.
const peerEnv = "HERRINGBONE_BENCH_PEER"

func TestMain(m *testing.M) {
	if role := os.Getenv(peerEnv); role != "" {
		playPeer(role)
		return
	}
	os.Exit(m.Run())
}

func playPeer(role string) {
	if len(os.Args) == 2 {
		fmt.Println("stand-in 1.2.3\nbuilt by hand")
		return
	}
	var address string
	for _, arg := range os.Args {
		_, value, _ := strings.Cut(arg, "=")
		if strings.HasPrefix(value, "127.0.0.1:") {
			address = value
		}
	}
	if role == "broken" && strings.Contains(strings.Join(os.Args, " "), "enable-admin-api --self") {
		fmt.Println("cannot open the database")
		os.Exit(3)
	}
	o := &oracle{value: "1"}
	rc := &receiver{protocol: Protocol1, got: map[string][]stamp{}}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/write", rc)
	mux.Handle("/api/v1/", o)
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	// What Prometheus does for the snapshot that is then measured.
	for _, arg := range os.Args {
		if dir, ok := strings.CutPrefix(arg, "--storage.tsdb.path="); ok {
			if err := os.MkdirAll(filepath.Join(dir, "snapshots"), 0o755); err != nil {
				fmt.Println(err)
			}
		}
	}
	ctx, stop := ossignal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := http.Server{Addr: address, Handler: mux}
	go server.ListenAndServe()
	<-ctx.Done()
	server.Close()
}

func testCompare(t *testing.T, role string) CompareOptions {
	t.Helper()
	t.Setenv(peerEnv, role)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := DefaultCompareOptions()
	o.Write.Load, o.Write.Settle, o.Write.Shape.Connections = testLoad(), 0, 2
	o.Query.Rounds = 1
	o.Prometheus, o.VictoriaMetrics, o.Adapter = self, "no-such-binary-anywhere", self
	o.Root, o.JSON = t.TempDir(), filepath.Join(t.TempDir(), "results.json")
	return o
}

func TestCompare(t *testing.T) {
	o := testCompare(t, "good")
	var out bytes.Buffer
	if err := Compare(context.Background(), o, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"victoria-metrics: left out", "prometheus: stand-in 1.2.3;", "herringbone: stand-in 1.2.3;", "instant_sum_by"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, out.String())
		}
	}
	var got comparison
	text, err := os.ReadFile(o.JSON)
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Writes) != 2 || got.Writes[1].Samples != o.Write.Load.Samples() || got.Writes[1].TotalCPU <= 0 || len(got.Queries) != 2*len(questions(testLoad())) {
		t.Errorf("results %+v", got)
	}
	if left, err := os.ReadDir(o.Root); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

func TestCompareStopsWhatItStarted(t *testing.T) {
	o := testCompare(t, "good")
	servers, err := startAll(context.Background(), o, o.Root, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		pid := s.cmd.Process.Pid
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
			t.Errorf("%s does not run: %v", s.peer.name, err)
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s still runs: %v", s.peer.name, err)
		}
	}
}

func TestComparePeerThatDoesNotStart(t *testing.T) {
	o := testCompare(t, "broken")
	begin := time.Now()
	err := Compare(context.Background(), o, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "start herringbone") || !strings.Contains(err.Error(), "cannot open the database") {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begin); took > readyTimeout/2 {
		t.Errorf("a process that ended was waited for %v", took)
	}
	if left, err := os.ReadDir(o.Root); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

func TestCompareNeedsOurOwnBinary(t *testing.T) {
	o := testCompare(t, "good")
	o.Adapter = "no-such-adapter-anywhere"
	if err := Compare(context.Background(), o, &bytes.Buffer{}); !errors.Is(err, errAbsent) {
		t.Errorf("error %v", err)
	}
}
