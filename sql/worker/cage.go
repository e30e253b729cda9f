package worker

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"herringbone/storage/series"
)

// maxOpenFiles bounds a child's descriptors: a query over a year opens thousands
// of files.
const maxOpenFiles = 16 << 10

// Supported says whether this kernel can hold children in a cage: nil, or an error
// that wraps series.ErrNotReady.
func Supported() error {
	if landlockABI() >= 1 {
		return nil
	}
	return fmt.Errorf("the kernel has no Landlock, or it is not switched on: %w", series.ErrNotReady)
}

// landlockABI returns the kernel's, 0 if it has none.
func landlockABI() int {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return abi
}

// closeInherited closes descriptors that the node itself was given by whoever
// started it and knows nothing of. What the runtime has opened stays.
func closeInherited() error {
	const fds = "/proc/self/fd"
	entries, err := os.ReadDir(fds)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= socketFD {
			continue
		}
		target, err := os.Readlink(filepath.Join(fds, e.Name()))
		if err != nil || strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/") {
			continue
		}
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

// build puts the calling process into its cage. There is no way out of it.
func (h hello) build() (cage, error) {
	built := cage{Landlock: landlockABI()}
	if err := h.limit(); err != nil {
		return built, fmt.Errorf("resource limits: %w", err)
	}
	if built.Landlock == 0 && !h.AllowNoLandlock {
		return built, Supported()
	}
	if built.Landlock > 0 {
		if err := restrictFiles(h.Duck.FilesDir, h.Duck.TempDir); err != nil {
			return built, fmt.Errorf("confine by Landlock: %w", err)
		}
		if err := checkFiles(h.Dir); err != nil {
			return built, fmt.Errorf("confine by Landlock: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return built, fmt.Errorf("no new privileges: %w", err)
	}
	if err := restrictCalls(); err != nil {
		return built, fmt.Errorf("seccomp: %w", err)
	}
	built.Seccomp = true
	return built, checkCalls()
}

// restrictFiles leaves the process its two directories, and no network.
func restrictFiles(files, tmp string) error {
	const (
		read  = ll.AccessFSReadFile | ll.AccessFSReadDir
		write = ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSMakeReg | ll.AccessFSRemoveFile |
			ll.AccessFSMakeDir | ll.AccessFSRemoveDir
	)
	// The newest rules, less what this kernel does not know; that it knows the
	// first ones has been checked.
	return landlock.V11.BestEffort().Restrict(
		landlock.PathAccess(read, files),
		landlock.PathAccess(read|write, tmp),
		landlock.PathAccess(ll.AccessFSReadFile, memoryLimits()...).IgnoreIfMissing(),
	)
}

// controlGroups names the groups that a process is in.
const controlGroups = "/proc/self/cgroup"

// pinned keeps controlGroups open: the kernel may forget an unused file of /proc,
// make it anew when it is asked for, and not know that one from the rules.
var pinned *os.File

// memoryLimits are the files in which the kernel says how much memory a control
// group may use. DuckDB reads them whenever an instance is opened, whatever its
// settings, and aborts the process if they are there and cannot be read.
func memoryLimits() []string {
	pinned, _ = os.Open(controlGroups)
	if pinned == nil {
		return nil
	}
	paths := []string{controlGroups}
	text, _ := io.ReadAll(pinned)
	for line := range strings.SplitSeq(string(text), "\n") {
		// "0::/path" of version 2, "5:memory:/path" of version 1.
		fields := strings.SplitN(line, ":", 3)
		switch {
		case len(fields) != 3:
		case fields[1] == "":
			paths = append(paths, filepath.Join("/sys/fs/cgroup", fields[2], "memory.max"))
		case slices.Contains(strings.Split(fields[1], ","), "memory"):
			paths = append(paths, filepath.Join("/sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return paths
}

// checkFiles tries what must be forbidden now.
func checkFiles(dir string) error {
	for _, path := range []string{"/", dir, "/proc/self", "/dev/null"} {
		if f, err := os.Open(path); err == nil {
			return fmt.Errorf("%s can still be opened: %w", path, f.Close())
		}
	}
	name := filepath.Join(dir, "probe")
	if f, err := os.Create(name); err == nil {
		return fmt.Errorf("%s can still be written: %w", name, f.Close())
	}
	return nil
}

func (h hello) limit() error {
	limits := map[int]int64{
		unix.RLIMIT_CORE:   0, // A core would hold a tenant's rows.
		unix.RLIMIT_FSIZE:  h.FileBytes,
		unix.RLIMIT_DATA:   h.DataBytes,
		unix.RLIMIT_NOFILE: maxOpenFiles,
	}
	for which, value := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return err
		}
		now.Max = min(now.Max, uint64(value))
		now.Cur = now.Max
		if err := unix.Setrlimit(which, &now); err != nil {
			return err
		}
		var got unix.Rlimit
		if err := unix.Getrlimit(which, &got); err != nil || got != now {
			return fmt.Errorf("limit %d reads back as %v and not %v: %w", which, got, now, err)
		}
	}
	return nil
}

// limitCPU allows the process that many seconds more than it has used; 0 means
// no limit. It bounds a child that neither obeys nor is killed.
func limitCPU(seconds int64) error {
	if seconds == 0 {
		return nil
	}
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return err
	}
	limit := unix.Rlimit{Cur: uint64(used.Utime.Sec + used.Stime.Sec + 1 + seconds), Max: math.MaxUint64}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CPU, &now); err != nil {
		return err
	}
	limit.Max = now.Max
	limit.Cur = min(limit.Cur, limit.Max)
	return unix.Setrlimit(unix.RLIMIT_CPU, &limit)
}
