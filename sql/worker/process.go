package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// process is the parent's view of a child. It is used by one session, or by the
// pool, at a time; kill and died may be called by anyone.
type process struct {
	dir  string // files and tmp are below.
	cmd  *exec.Cmd
	sock *os.File
	frames
	stderr *stderrHead

	writing sync.Mutex // Held while a message is written.
	ended   chan struct{}
	reason  atomic.Pointer[string] // Why we killed it, if we did.

	tenant series.Tenant // Empty: of no tenant yet. Guarded by Pool.mu.
	uses   int
	cage   cage
}

func (p *process) files() string { return filepath.Join(p.dir, "files") }
func (p *process) tmp() string   { return filepath.Join(p.dir, "tmp") }

// start starts child n and returns before it is ready; see greet. It must be
// called by a thread that lives as long as the child: the kernel kills the child
// when the thread ends.
func start(o Options, n uint64) (_ *process, err error) {
	p := &process{dir: filepath.Join(o.Dir, strconv.FormatUint(n, 10)), stderr: &stderrHead{}, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start SQL process: %w", err), os.RemoveAll(p.dir))
		}
	}()
	for _, dir := range []string{p.files(), p.tmp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	defer write.Close()
	p.sock, p.frames = ours, newFrames(ours)
	if err := p.spawn(theirs, write); err != nil {
		return nil, errors.Join(err, ours.Close(), read.Close())
	}
	go p.watch(read)
	return p, nil
}

// spawn tries with namespaces of its own, which not every kernel and container
// permits, and then without.
func (p *process) spawn(socket, stderr *os.File) error {
	err := errors.New("")
	for _, namespaces := range []uintptr{syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC, 0} {
		p.cmd = &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{childName}, Env: []string{}, Dir: p.dir,
			Stderr: stderr, ExtraFiles: []*os.File{socket},
			SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Cloneflags: namespaces},
		}
		if err = p.cmd.Start(); err == nil {
			return nil
		}
	}
	return err
}

// socketPair returns both ends of a stream socket. Ours can be interrupted by
// deadlines; theirs is a plain blocking descriptor.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(err, unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket of child"), nil
}

// watch waits for the end of the process.
func (p *process) watch(stderr *os.File) {
	p.stderr.readAll(stderr)
	stderr.Close()
	_ = p.cmd.Wait() // ProcessState tells it all.
	close(p.ended)
}

// greet tells the child who it is and waits until it is ready.
func (p *process) greet(o Options) error {
	text, err := json.Marshal(hello{
		Dir: p.dir,
		Duck: duck.Options{
			Threads: o.Threads, MemoryBytes: o.MemoryBytes,
			TempDir: p.tmp(), TempBytes: o.TempBytes, FilesDir: p.files(), Prepare: o.Prepare,
		},
		DataBytes: o.dataBytes(), FileBytes: max(o.TempBytes, 1), CPUSeconds: o.CPUSeconds,
		AllowNoLandlock: o.AllowNoLandlock,
	})
	if err != nil {
		return err
	}
	answer, err := p.ask(kindHello, text, o.StartAfter)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, &p.cage)
}

// ask is one request of the pool itself, with an answer of one message.
func (p *process) ask(k kind, payload []byte, within time.Duration) ([]byte, error) {
	if err := p.sock.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	defer p.sock.SetDeadline(time.Time{})
	err := p.send(k, payload)
	if err == nil {
		k, payload, err = p.receive(fromChild, 0)
	}
	switch {
	case err != nil:
		return nil, err
	case k != kindOK:
		return nil, fmt.Errorf("%.500s: %w", payload, errProtocol)
	}
	return payload, nil
}

// kill ends the process at once, for a reason that the metrics know. It may be
// called more than once, the first reason counts.
func (p *process) kill(reason string) {
	p.reason.CompareAndSwap(nil, &reason)
	_ = p.cmd.Process.Kill() // An error says that it has ended.
}

// died waits for the end of the process and tells it.
func (p *process) died() *DiedError {
	<-p.ended
	return died(p.cmd.ProcessState, p.stderr.String())
}

// close lets go of everything once the process has ended.
func (p *process) close() error {
	<-p.ended
	return errors.Join(p.sock.Close(), os.RemoveAll(p.dir))
}

// sweep empties both directories.
func (p *process) sweep() error {
	for _, dir := range []string{p.files(), p.tmp()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
