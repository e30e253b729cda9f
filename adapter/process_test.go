package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"herringbone/sql/worker"
)

// asAdapter makes the test binary behave as the adapter: tests that need real
// processes, with real signals and locks, start themselves.
const asAdapter = "HERRINGBONE_TEST_AS_ADAPTER"

func TestMain(m *testing.M) {
	if worker.IsChild() {
		worker.Main()
	}
	if os.Getenv(asAdapter) != "" {
		os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// adapterCommand is the command line `adapter args…`, not started.
func adapterCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asAdapter+"=1")
	return cmd
}

// runAdapter runs a command to its end.
func runAdapter(args ...string) (output string, code int) {
	cmd := adapterCommand(args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// process is a running node. Its log is read line by line, so that tests await
// events instead of sleeping.
type process struct {
	cmd     *exec.Cmd
	address string // host:port, known after startNode.
	url     string

	mu    sync.Mutex
	lines []map[string]any
	text  strings.Builder
	more  chan struct{} // Closed and replaced at every line; closed at the end.
	ended bool
}

// startNode starts a node on a free loopback port over dir and waits until it
// is ready. It is killed at the end of the test if it still runs.
func startNode(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := launchNode(t, dir, args...)
	p.await(t, "ready")
	return p
}

// launchNode is startNode without the wait for readiness.
func launchNode(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	args = append([]string{"--data.dir=" + dir, "--log.format=json", "--log.level=debug"}, args...)
	if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--web.listen-address=") }) {
		args = append(args, "--web.listen-address=127.0.0.1:0")
	}
	p := &process{cmd: adapterCommand(args...), more: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			p.wait(t)
		}
	})
	p.address = p.await(t, "Listening on")["address"].(string)
	p.url = "http://" + p.address
	return p
}

func (p *process) read(r io.Reader) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line map[string]any
		_ = json.Unmarshal(sc.Bytes(), &line)
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.text.Write(append(sc.Bytes(), '\n'))
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	close(p.more)
}

// await returns the first log line whose msg begins with prefix.
func (p *process) await(t *testing.T, prefix string) map[string]any {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for seen := 0; ; {
		p.mu.Lock()
		fresh, more, ended := p.lines[seen:], p.more, p.ended
		seen = len(p.lines)
		p.mu.Unlock()
		for _, l := range fresh {
			if msg, _ := l["msg"].(string); strings.HasPrefix(msg, prefix) {
				return l
			}
		}
		if ended {
			t.Fatalf("the node ended before it logged %q:\n%s", prefix, p.log())
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("the node has not logged %q:\n%s", prefix, p.log())
		}
	}
}

// log is everything the node has written to stderr.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// wait returns the exit code, -1 if a signal ended the process.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	for { // Wait closes the pipe: read it to its end first.
		p.mu.Lock()
		more, ended := p.more, p.ended
		p.mu.Unlock()
		if ended {
			break
		}
		select {
		case <-more:
		case <-time.After(60 * time.Second):
			t.Fatalf("the node does not end:\n%s", p.log())
		}
	}
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// stop ends the node in order and fails the test if it complains.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(t); code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s", code, p.log())
	}
}

// kill ends the node as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.wait(t)
}

// get returns status and body of a GET.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, res)
}

func readAnswer(t *testing.T, res *http.Response) (int, string) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
