package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// memory is what /proc/<pid>/status says, in bytes.
type memory struct {
	peak     int64 // VmHWM: the most that was ever resident, mapped files included.
	resident int64 // VmRSS: resident now, mapped files included.
	anon     int64 // RssAnon: resident now and not backed by a file.
}

func readMemory(pid int) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, fmt.Errorf("read memory of process: %w", err)
	}
	defer f.Close()
	return parseMemory(f)
}

func parseMemory(r io.Reader) (memory, error) {
	m := memory{peak: -1, resident: -1, anon: -1}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		var field *int64
		switch key {
		case "VmHWM":
			field = &m.peak
		case "VmRSS":
			field = &m.resident
		case "RssAnon":
			field = &m.anon
		default:
			continue
		}
		kib, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseInt(kib, 10, 64)
		if err != nil || !ok {
			return memory{}, fmt.Errorf("read memory of process: %s is %q", key, value)
		}
		*field = n << 10
	}
	if err := lines.Err(); err != nil {
		return memory{}, fmt.Errorf("read memory of process: %w", err)
	}
	if m.peak < 0 || m.resident < 0 || m.anon < 0 {
		return memory{}, fmt.Errorf("read memory of process: VmHWM, VmRSS or RssAnon is missing, the process has ended")
	}
	return m, nil
}

// watch samples the memory of a process until ctx ends and returns the greatest
// RssAnon it saw. A process that ends ends the watch.
func watch(ctx context.Context, pid int) int64 {
	return watchMost(ctx, pid, 200*time.Millisecond).anon
}

// watchMost samples the memory of a process until ctx ends and returns the
// greatest of each figure. A process that ends ends the watch.
func watchMost(ctx context.Context, pid int, every time.Duration) (most memory) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		m, err := readMemory(pid)
		if err != nil {
			return most
		}
		most = memory{peak: max(most.peak, m.peak), resident: max(most.resident, m.resident), anon: max(most.anon, m.anon)}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most
		}
	}
}
