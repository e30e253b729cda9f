package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// query asks an instant query at time at and returns metric → value.
func query(t *testing.T, base, expr string, at time.Time) map[string]string {
	t.Helper()
	code, body := get(t, fmt.Sprintf("%s/api/v1/query?query=%s&time=%.3f", base, url.QueryEscape(expr), float64(at.UnixMilli())/1000))
	if code != http.StatusOK {
		t.Fatalf("query %s: %d %s", expr, code, body)
	}
	var a struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("query %s: %v in %s", expr, err, body)
	}
	out := make(map[string]string, len(a.Data.Result))
	for _, r := range a.Data.Result {
		out[fmt.Sprint(r.Metric)] = r.Value[1].(string)
	}
	return out
}

// push writes n series of one sample each by remote write 1.0.
func push(t *testing.T, base string, n int, at time.Time) {
	t.Helper()
	var req prompb.WriteRequest
	for i := range n {
		req.Timeseries = append(req.Timeseries, prompb.TimeSeries{
			Labels:  []prompb.Label{{Name: "__name__", Value: "pushed"}, {Name: "i", Value: fmt.Sprint(i)}},
			Samples: []prompb.Sample{{Timestamp: at.UnixMilli(), Value: float64(i)}},
		})
	}
	raw, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(base+"/api/v1/write", "application/x-protobuf", bytes.NewReader(snappy.Encode(nil, raw)))
	if err != nil {
		t.Fatal(err)
	}
	if code, body := readAnswer(t, res); code != http.StatusNoContent {
		t.Fatalf("write: %d %s", code, body)
	}
}

func wantPushed(t *testing.T, base string, n int, at time.Time) {
	t.Helper()
	got := query(t, base, `count(pushed) + 0 * sum(pushed)`, at)
	if got["map[]"] != fmt.Sprint(n) {
		t.Errorf("%v series of %d are there", got, n)
	}
	sum := query(t, base, `sum(pushed)`, at)
	if want := fmt.Sprint(n * (n - 1) / 2); sum["map[]"] != want {
		t.Errorf("their sum is %v, want %s", sum, want)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := startNode(t, dir)
	for _, args := range [][]string{
		{"--data.dir=" + dir, "--web.listen-address=127.0.0.1:0"},
		{"fsck", "--data.dir=" + dir},
	} {
		out, code := runAdapter(args...)
		if code != 1 || !strings.Contains(out, "in use by another process") {
			t.Errorf("adapter %v: exit code %d, output %q", args, code, out)
		}
	}
	if code, body := get(t, p.url+"/-/ready"); code != http.StatusOK {
		t.Errorf("the first one suffered: %d %s", code, body)
	}
	p.stop(t)
	startNode(t, dir).stop(t) // The lock went with its holder.
}

func TestTakenAddressIsRefused(t *testing.T) {
	p := startNode(t, t.TempDir())
	out, code := runAdapter("--data.dir="+t.TempDir(), "--web.listen-address="+p.address)
	if code != 1 || !strings.Contains(out, "address already in use") {
		t.Errorf("exit code %d, output %q", code, out)
	}
}

func TestGracefulStopLosesNothing(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	const n = 1000
	p := startNode(t, dir, "--self-monitoring=false")
	push(t, p.url, n, at)
	wantPushed(t, p.url, n, at)
	p.stop(t)

	if len(parquetFiles(t, dir)) == 0 {
		t.Error("nothing was flushed at the stop")
	}
	if out, code := runAdapter("fsck", "--data.dir="+dir); code != 0 {
		t.Errorf("fsck: exit code %d, output %s", code, out)
	}
	p = startNode(t, dir, "--self-monitoring=false")
	wantPushed(t, p.url, n, at)
	p.stop(t)
}

func TestKillLosesNothing(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	p := startNode(t, dir, "--self-monitoring=false")
	push(t, p.url, 500, at)
	p.kill(t)
	p = startNode(t, dir, "--self-monitoring=false")
	wantPushed(t, p.url, 500, at)
}

// A stop that has no time to flush is still a stop without loss.
func TestStopWithoutTimeToFlush(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	p := startNode(t, dir, "--self-monitoring=false", "--shutdown.timeout=1ns")
	push(t, p.url, 100, at)
	p.stop(t)
	if files := parquetFiles(t, dir); len(files) != 0 {
		t.Fatalf("flushed in no time: %v", files)
	}
	p = startNode(t, dir, "--self-monitoring=false")
	wantPushed(t, p.url, 100, at)
}

func TestStopBySIGINT(t *testing.T) {
	p := startNode(t, t.TempDir())
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.log())
	}
}

// The first signal waits for a request that hangs; the second one does not, and
// what was acknowledged is there all the same.
func TestSecondSignalKills(t *testing.T) {
	dir, at := t.TempDir(), time.Now()
	p := startNode(t, dir, "--self-monitoring=false")
	push(t, p.url, 100, at)
	c := hangingWrite(t, p.address)
	defer c.Close()
	for _, want := range []string{"stopping", ""} {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if want != "" {
			p.await(t, want)
		}
	}
	if code := p.wait(t); code != -1 {
		t.Errorf("exit code %d, want an end by the signal:\n%s", code, p.log())
	}
	p = startNode(t, dir, "--self-monitoring=false")
	wantPushed(t, p.url, 100, at)
}

// A request that hangs costs half of the time of a stop, not the flush.
func TestHangingRequestIsCut(t *testing.T) {
	dir := t.TempDir()
	p := startNode(t, dir, "--self-monitoring=false", "--shutdown.timeout=4s")
	push(t, p.url, 10, time.Now())
	defer hangingWrite(t, p.address).Close()
	p.stop(t)
	p.await(t, "requests were cut off")
	if len(parquetFiles(t, dir)) == 0 {
		t.Error("nothing was flushed")
	}
}

// hangingWrite begins a write and never sends its body. When it returns, the
// node is waiting for the body.
func hangingWrite(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("no 100 Continue but %q, %v", line, err)
	}
	return c
}

func TestCORS(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"none by default": {},
		"one origin":      {[]string{`--web.cors.origin=https://grafana\.example`}, "https://grafana.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := startNode(t, t.TempDir(), tt.args...)
			req, err := http.NewRequest(http.MethodGet, p.url+"/api/v1/query?query=1", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Origin", "https://grafana.example")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if code, body := readAnswer(t, res); code != http.StatusOK {
				t.Errorf("%d %s", code, body)
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("allowed origin %q, want %q", got, tt.want)
			}
		})
	}
}

func parquetFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, "objects"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ".parquet") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSelfMonitoringIsQueryable(t *testing.T) {
	p := startNode(t, t.TempDir())
	p.await(t, "scraped own metrics")
	for _, q := range landingQueries {
		if got := query(t, p.url, q.Query, time.Now().Add(time.Second)); len(got) == 0 {
			t.Errorf("query of the landing page has no result: %s", q.Query)
		}
	}
	up := query(t, p.url, `up`, time.Now().Add(time.Second))
	if want := fmt.Sprintf("map[__name__:up instance:%s job:herringbone]", p.address); up[want] != "1" {
		t.Errorf("up is %v, want %s 1", up, want)
	}
	if _, body := get(t, p.url+"/api/v1/metadata?metric=process_cpu_seconds_total"); !strings.Contains(body, `"type":"counter"`) {
		t.Errorf("metadata of own metrics: %s", body)
	}
	p.stop(t)
}

func TestSelfMonitoringOff(t *testing.T) {
	file := filepath.Join(t.TempDir(), "on.yml")
	writeFile(t, file, "self_monitoring: {enabled: true}")
	p := startNode(t, t.TempDir(), "--config.file="+file, "--self-monitoring=false")
	p.stop(t)
	if strings.Contains(p.log(), "scraped own metrics") {
		t.Error("the flag does not win over the file")
	}
}

// The node's restart and stop must not leave `up` at 1 for the look-back.
func TestStopEndsOwnSeries(t *testing.T) {
	dir := t.TempDir()
	p := startNode(t, dir)
	p.await(t, "scraped own metrics")
	address := p.address
	p.stop(t)
	p = startNode(t, dir, "--self-monitoring=false")
	if got := query(t, p.url, fmt.Sprintf("up{instance=%q}", address), time.Now().Add(time.Second)); len(got) != 0 {
		t.Errorf("the stopped node is still up: %v", got)
	}
}

func TestFlushByAdmin(t *testing.T) {
	dir := t.TempDir()
	p := startNode(t, dir, "--web.enable-admin-api", "--self-monitoring=false")
	push(t, p.url, 10, time.Now())
	res, err := http.Post(p.url+"/-/flush", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := readAnswer(t, res); code != http.StatusNoContent {
		t.Fatalf("flush: %d %s", code, body)
	}
	if len(parquetFiles(t, dir)) == 0 {
		t.Error("no Parquet file after a flush")
	}
	wantPushed(t, p.url, 10, time.Now())
}

func TestFsckNamesDamage(t *testing.T) {
	dir := t.TempDir()
	if out, code := runAdapter("fsck", "--data.dir="+dir); code != 1 || !strings.Contains(out, "no catalog") {
		t.Errorf("fsck of an empty directory: exit code %d, output %q", code, out)
	}
	p := startNode(t, dir, "--self-monitoring=false")
	push(t, p.url, 10, time.Now())
	p.stop(t)
	victim := parquetFiles(t, dir)[0]
	flipByte(t, victim, 100)
	out, code := runAdapter("fsck", "--data.dir="+dir)
	if code != 1 || !strings.Contains(out, filepath.Base(victim)) {
		t.Errorf("fsck of a flipped byte: exit code %d, output %q", code, out)
	}
}
