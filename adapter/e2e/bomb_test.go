package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bomb is a body of 48 bytes in snappy's block format that declares 2.5 GB.
func bomb() []byte {
	b := binary.AppendUvarint(nil, 2_500_000_000)
	b = append(b, 60<<2, byte(48-len(b)-3)) // A literal of all that follows.
	return append(b, bytes.Repeat([]byte{0x0a}, 48-len(b))...)
}

// shot is one hostile request.
type shot struct {
	name, path, contentType string
	body                    []byte
	padding                 int64 // Bytes that follow body and are made while sending.
	chunked                 bool  // The length is not declared.
	want                    []int // Statuses.
}

func shots() []shot {
	const large = 80 << 20
	one, two := "application/x-protobuf;proto="+protocolOne.message, "application/x-protobuf;proto="+protocolTwo.message
	list := []shot{
		{name: "write 1.0, declared size", path: "write", contentType: one, body: bomb(), want: []int{400}},
		{name: "write 2.0, declared size", path: "write", contentType: two, body: bomb(), want: []int{400}},
		{name: "remote read, declared size", path: "read", contentType: "application/x-protobuf", body: bomb(), want: []int{400}},
		{name: "write, large body", path: "write", contentType: one, padding: large, want: []int{413, 503}},
		{name: "write, large chunked body", path: "write", contentType: two, padding: large, chunked: true, want: []int{413, 503}},
		{name: "remote read, large chunked body", path: "read", contentType: "application/x-protobuf", padding: large, chunked: true, want: []int{400, 413, 503}},
	}
	for _, path := range []string{"query", "query_range", "series", "labels", "query_exemplars", "format_query", "parse_query"} {
		body := "query="
		if path == "series" || path == "labels" {
			body = "match[]="
		}
		list = append(list, shot{
			name: path + ", large form", path: path, contentType: "application/x-www-form-urlencoded",
			body: []byte(body), padding: large, chunked: true, want: []int{400, 413, 503},
		})
	}
	return list
}

// endless is a reader of one letter.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// bombConfig makes the bounds small enough to see whether they hold.
const bombConfig = `
remote_write: {max_body: 8MiB, max_decoded_body: 8MiB, max_bytes_in_flight: 40MiB}
`

// TestBombs: bodies that are large, or declare that they are, are refused and cost no
// memory, also when many come at once.
func TestBombs(t *testing.T) {
	n := newNode(t, bombConfig)
	n.startReady()
	for _, s := range shots() {
		t.Run(s.name, func(t *testing.T) {
			const parallel = 50
			limit := float64(64 << 20)
			if s.padding > 0 {
				limit = 192 << 20 // max_bytes_in_flight, what the collector leaves lying about, connections.
			}
			if _, err := n.memory(); err != nil {
				t.Fatal(err)
			}
			before, err := n.memory()
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			fire(t, n, s, parallel)
			after, err := n.memory()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d at once in %v: peak memory grew by %.1f MiB, %.1f MiB were allocated", parallel, time.Since(begin).Round(time.Millisecond),
				(after.peak-before.peak)/(1<<20), (after.allocated-before.allocated)/(1<<20))
			if grown := after.peak - before.peak; grown > limit {
				t.Errorf("peak memory grew by %.0f MiB", grown/(1<<20))
			}
			if s.padding == 0 && after.allocated-before.allocated > limit {
				t.Errorf("%.0f MiB were allocated for %d bodies of %d bytes", (after.allocated-before.allocated)/(1<<20), parallel, len(s.body))
			}
		})
	}
	n.process.stop()
}

// fire sends one shot many times at once.
func fire(t *testing.T, n *node, s shot, parallel int) {
	t.Helper()
	var wg sync.WaitGroup
	answers := make([]string, parallel)
	for i := range answers {
		wg.Go(func() {
			status, err := n.fire(s)
			if err == nil && !slices.Contains(s.want, status) {
				err = fmt.Errorf("status %d, want one of %v", status, s.want)
			}
			if err != nil {
				answers[i] = err.Error()
			}
		})
	}
	wg.Wait()
	slices.Sort(answers)
	for _, wrong := range slices.Compact(answers) {
		if wrong != "" {
			t.Error(wrong)
		}
	}
}

// fire sends one shot. A large body may be answered, and the connection cut,
// before it was sent in whole; a sender that then sees only the cut is not told
// the status, and that is the sender's loss: it counts as the first status wanted.
func (n *node) fire(s shot) (int, error) {
	req, err := http.NewRequest(http.MethodPost, n.url("/api/v1/"+s.path), io.MultiReader(bytes.NewReader(s.body), io.LimitReader(endless{}, s.padding)))
	if err != nil {
		return 0, err
	}
	if !s.chunked {
		req.ContentLength = int64(len(s.body)) + s.padding
	}
	req.Header.Set("Content-Type", s.contentType)
	if strings.HasPrefix(s.contentType, "application/x-protobuf") {
		req.Header.Set("Content-Encoding", "snappy")
	}
	req.Header.Set("X-Prometheus-Remote-Read-Version", "0.1.0")
	res, err := n.client.Do(req)
	if err != nil {
		if s.padding > 0 && !n.process.ended() {
			return s.want[0], nil
		}
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// memory is what a process has used.
type memory struct {
	peak      float64 // Bytes resident at most since the last look.
	allocated float64 // Bytes that Go has allocated in all.
}

func (n *node) memory() (memory, error) {
	proc := fmt.Sprintf("/proc/%d/", n.process.pid())
	text, err := os.ReadFile(proc + "status")
	if err != nil {
		return memory{}, err
	}
	if err := os.WriteFile(proc+"clear_refs", []byte("5"), 0); err != nil { // The peak begins anew.
		return memory{}, err
	}
	allocated, err := n.metricValue("go_memstats_alloc_bytes_total")
	if err != nil {
		return memory{}, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return memory{peak: kib * 1024, allocated: allocated}, err
		}
	}
	return memory{}, errors.New("no VmHWM in /proc")
}
