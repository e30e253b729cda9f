package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// server is a process that answers HTTP; it may be restarted on its address.
type server struct {
	t       *testing.T
	name    string
	binary  string
	args    []string
	address string
	client  *http.Client
	process *process
}

func newServer(t *testing.T, name, binary, address string, args ...string) *server {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &server{
		t: t, name: name, binary: binary, args: args, address: address,
		client: &http.Client{Transport: transport, Timeout: time.Minute},
	}
}

func (s *server) url(path string) string { return "http://" + s.address + path }

// start starts the process and returns at once.
func (s *server) start() {
	s.t.Helper()
	s.process = start(s.t, s.name, s.binary, s.args...)
}

// ready waits until the server says that it is.
func (s *server) ready() {
	s.t.Helper()
	await(s.t, s.name+" to be ready", time.Minute, func() error {
		if s.process.ended() {
			s.t.Fatalf("%s ended instead of becoming ready: %v", s.name, s.process.err)
		}
		_, err := s.get("/-/ready")
		return err
	})
}

func (s *server) startReady() {
	s.t.Helper()
	s.start()
	s.ready()
}

// answerError is an answer that is not 2xx.
type answerError struct {
	status int
	body   []byte
}

func (e *answerError) Error() string { return fmt.Sprintf("status %d: %.500s", e.status, e.body) }

// do returns the body of a 2xx answer; other answers are an *answerError.
func (s *server) do(method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, s.url(path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, &answerError{res.StatusCode, text}
	}
	return text, nil
}

func (s *server) get(path string) ([]byte, error) { return s.do(http.MethodGet, path, "", nil) }

// node is the real adapter with a data directory.
type node struct {
	*server
	dir string
}

// newNode prepares a node; config is its YAML file.
func newNode(t *testing.T, config string) *node {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	data, address := filepath.Join(dir, "data"), freeAddress(t)
	s := newServer(t, "adapter", adapterBinary, address,
		"--config.file="+file, "--data.dir="+data, "--web.listen-address="+address,
		"--web.enable-admin-api", "--self-monitoring=false")
	return &node{server: s, dir: data}
}

// flush returns when everything that was in memory is Parquet.
func (n *node) flush() {
	n.t.Helper()
	if _, err := n.do(http.MethodPost, "/-/flush", "", nil); err != nil {
		n.t.Fatalf("flush: %v", err)
	}
}

// fsck runs adapter fsck, which must find nothing. The node must not be running.
func (n *node) fsck() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, adapterBinary, "fsck", "--data.dir="+n.dir).CombinedOutput()
	if err != nil {
		n.t.Errorf("fsck: %v\n%s", errors.Join(err, ctx.Err()), out)
	}
}
