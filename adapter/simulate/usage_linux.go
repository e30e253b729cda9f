package simulate

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what the process has used so far.
type usage struct {
	cpu     time.Duration // User and system, all threads.
	written int64         // Bytes given to write calls.
}

func readUsage() (u usage, err error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return u, fmt.Errorf("read CPU time: %w", err)
	}
	u.cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return u, fmt.Errorf("read bytes written: %w", err)
	}
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("wchar: ")); ok {
			u.written, err = strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
			return u, err
		}
	}
	return u, fmt.Errorf("read bytes written: /proc/self/io does not tell")
}

// add is u with what was used between two readings.
func (u usage) add(from, to usage) usage {
	return usage{cpu: u.cpu + to.cpu - from.cpu, written: u.written + to.written - from.written}
}

// measure runs f and adds what it used to into.
func measure(into *usage, f func() error) error {
	from, err := readUsage()
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	to, err := readUsage()
	*into = into.add(from, to)
	return err
}
