package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is one running program. Its methods are used by one goroutine.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  string        // File with its output.
	done chan struct{} // Closed when it has ended; err is set then.
	err  error
}

// start starts a program that ends with the test at the latest. Its output is
// printed if the test fails.
func start(t *testing.T, name, binary string, args ...string) *process {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), name+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{t: t, name: name, cmd: exec.Command(binary, args...), log: out.Name(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Dir = filepath.Dir(out.Name())
	// Also a test binary that is killed leaves nothing running.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := startOnLastingThread(p.cmd); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("log of %s (pid %d):\n%s", name, p.pid(), p.tail(80))
		}
	})
	return p
}

// startOnLastingThread exists because the kernel sends Pdeathsig when the thread
// that started the child ends, not when the process does.
var startOnLastingThread = func() func(*exec.Cmd) error {
	type request struct {
		cmd *exec.Cmd
		err chan error
	}
	var once sync.Once
	requests := make(chan request)
	return func(cmd *exec.Cmd) error {
		once.Do(func() {
			go func() {
				runtime.LockOSThread()
				for r := range requests {
					r.err <- r.cmd.Start()
				}
			}()
		})
		r := request{cmd, make(chan error, 1)}
		requests <- r
		return <-r.err
	}
}()

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill is kill -9. It returns when the process has ended.
func (p *process) kill() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Kill() // It may have ended just now.
		<-p.done
	}
}

// stop asks for an orderly stop and wants exit code 0.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stop %s: %v", p.name, err)
	}
	select {
	case <-p.done:
	case <-time.After(60 * time.Second):
		p.t.Fatalf("%s did not stop within a minute", p.name)
	}
	if p.err != nil {
		p.t.Fatalf("stop %s: %v", p.name, p.err)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// tail returns the last lines of the log.
func (p *process) tail(lines int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// freeAddress returns a loopback address that nobody else in this process gets.
// It lies below the ports that the kernel gives to outgoing connections, so it
// stays free while a process is being restarted on it.
var freeAddress = func() func(t *testing.T) string {
	var mu sync.Mutex
	taken := map[int]bool{}
	return func(t *testing.T) string {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		for range 1000 {
			port := 20000 + rand.IntN(12000)
			address := fmt.Sprintf("127.0.0.1:%d", port)
			if taken[port] {
				continue
			}
			l, err := net.Listen("tcp", address)
			if err != nil {
				continue
			}
			l.Close()
			taken[port] = true
			return address
		}
		t.Fatal("no free port")
		return ""
	}
}()

// await polls until cond is true, and fails the test after a bounded time with
// what cond last complained of.
func await(t *testing.T, what string, within time.Duration, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("await %s: still not after %v: %v", what, within, err)
		}
		<-poll.C
	}
}
