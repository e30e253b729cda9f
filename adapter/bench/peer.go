package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peer is a store that compare can start: where its binary is, how it is told
// directory and address, and where it answers.
type peer struct {
	name   string
	binary string // Path, or name to look for on PATH.
	// args may write files (a configuration) into dir.
	args    func(dir, address string) ([]string, error)
	version []string // Arguments that print it.
	ready   string   // Path that answers 200 when ready.
	write   string   // Path of remote-write 1.0.
	after   string   // Paths as in Target; empty is none.
	disk    string
	data    string // Directory to measure, below the data directory.
	sync    string // What an acknowledgement means for the disk.
}

// peers lists them in the order of the report; the first is the reference for
// answers and ratios.
func peers(o CompareOptions) []peer {
	return []peer{
		{
			name: "prometheus", binary: o.Prometheus, args: prometheusArgs, version: []string{"--version"},
			ready: "/-/ready", write: "/api/v1/write", disk: "/api/v1/admin/tsdb/snapshot", data: "snapshots",
			sync: "answers after a write to its WAL, which is synced only when a segment of 128 MB is full; disk: a snapshot, all samples in blocks",
		},
		{
			name: "victoria-metrics", binary: o.VictoriaMetrics, version: []string{"--version"},
			args: func(dir, address string) ([]string, error) {
				return []string{"-storageDataPath=" + dir, "-httpListenAddr=" + address, "-loggerLevel=WARN", "-retentionPeriod=100y"}, nil
			},
			ready: "/health", write: "/api/v1/write", after: "/internal/force_flush",
			sync: "no WAL: answers from memory, writes within seconds; disk: the data directory",
		},
		{
			name: "herringbone", binary: o.Adapter, version: []string{"version"},
			args: func(dir, address string) ([]string, error) {
				return []string{"--data.dir=" + dir, "--web.listen-address=" + address, "--web.enable-admin-api", "--self-monitoring=false"}, nil
			},
			ready: "/-/ready", write: "/api/v1/write", after: "/-/flush",
			sync: "answers after fdatasync of its WAL; disk: the data directory after a flush",
		},
	}
}

func prometheusArgs(dir, address string) ([]string, error) {
	config := filepath.Join(filepath.Dir(dir), "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {}\n"), 0o644); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return []string{
		"--config.file=" + config, "--storage.tsdb.path=" + dir, "--web.listen-address=" + address,
		"--web.enable-remote-write-receiver", "--web.enable-admin-api", "--storage.tsdb.retention.time=100y", "--log.level=warn",
	}, nil
}

// server is a peer that runs. stop must be called once.
type server struct {
	peer    peer
	version string
	base    string // http://address
	dir     string
	log     string
	cmd     *exec.Cmd
	ended   chan struct{} // Closed when the process has ended.
}

// errAbsent: the peer's binary is not on this machine.
var errAbsent = errors.New("not found on PATH")

// start runs p in a fresh directory below root and waits until it is ready.
func (p peer) start(ctx context.Context, root string) (*server, error) {
	path, err := exec.LookPath(p.binary)
	if err != nil {
		return nil, fmt.Errorf("start %s: %s %w", p.name, p.binary, errAbsent)
	}
	s := &server{peer: p, version: readVersion(ctx, path, p.version), ended: make(chan struct{})}
	if err := s.launch(ctx, path, root); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := s.waitReady(ctx); err != nil {
		err = fmt.Errorf("start %s: %w; its last words: %s", p.name, err, s.lastWords())
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *server) launch(ctx context.Context, path, root string) error {
	s.dir = filepath.Join(root, s.peer.name, "data")
	s.log = filepath.Join(root, s.peer.name, "log")
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	args, err := s.peer.args(s.dir, address)
	if err != nil {
		return err
	}
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close() // The process has its own copy.
	s.base = "http://" + address
	// Not bound to ctx: stop ends it, gently first.
	s.cmd = exec.Command(path, args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // How it ended is in cmd.ProcessState.
	}()
	return nil
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
)

// waitReady polls until the server answers 200, ends, or time is up.
func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready after %v", readyTimeout))
	defer cancel()
	client := newClient(1, time.Second)
	defer client.CloseIdleConnections()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, client, s.base+s.peer.ready) {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("ended: %v", s.cmd.ProcessState)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func answers(ctx context.Context, c *http.Client, address string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	resp, err := c.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop ends the process that start began, and no other: an interrupt, and after
// stopTimeout a kill. It returns when the process has ended.
func (s *server) stop() error {
	err := s.cmd.Process.Signal(os.Interrupt)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	late := time.NewTimer(stopTimeout)
	defer late.Stop()
	select {
	case <-s.ended:
	case <-late.C:
		err = errors.Join(fmt.Errorf("killed after %v", stopTimeout), s.cmd.Process.Kill())
		<-s.ended
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.peer.name, err)
	}
	return nil
}

// lastWords is the end of the server's log.
func (s *server) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1000):]))
}

// writeTarget is the server as bench write sees it.
func (s *server) writeTarget() Target {
	t := Target{Name: s.peer.name, URL: s.base + s.peer.write, PID: s.cmd.Process.Pid, Dir: filepath.Join(s.dir, s.peer.data)}
	if s.peer.after != "" {
		t.After = s.base + s.peer.after
	}
	if s.peer.disk != "" {
		t.DiskAfter = s.base + s.peer.disk
	}
	return t
}

// queryTarget is the server as bench query sees it.
func (s *server) queryTarget() Target {
	return Target{Name: s.peer.name, URL: s.base, PID: s.cmd.Process.Pid}
}

// readVersion returns the first line that the binary prints about itself or, as
// some distributions leave that empty, the version of its package.
func readVersion(ctx context.Context, path string, args []string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err == nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if first != "" {
			return first
		}
	}
	owner, err := exec.CommandContext(ctx, "dpkg-query", "--search", path).Output()
	if err != nil {
		return "unknown version"
	}
	pkg, _, _ := strings.Cut(string(owner), ":")
	version, err := exec.CommandContext(ctx, "dpkg-query", "--show", pkg).Output()
	if err != nil {
		return "unknown version"
	}
	return strings.Join(strings.Fields(string(version)), " ")
}
