package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// burn uses CPU until our clock has advanced by d.
func burn(t *testing.T, d time.Duration) {
	t.Helper()
	begin, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for now := begin; now < begin+d; {
		if now, err = cpuTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
}

// ticks reads utime and stime from /proc/<pid>/stat, in the kernel's 10 ms.
func ticks(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	if !ok {
		t.Fatalf("stat is %q", text)
	}
	fields := strings.Fields(rest) // From field 3 on; utime and stime are 14 and 15.
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum
}

func TestCPUTimeIsWhatTheKernelCounts(t *testing.T) {
	burn(t, 100*time.Millisecond)
	before := ticks(t, os.Getpid())
	got, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	after := ticks(t, os.Getpid())
	const tick = 20 * time.Millisecond // utime and stime are each cut to 10 ms.
	if got < before-tick || got > after+tick {
		t.Errorf("CPU time is %v, /proc/self/stat says %v and then %v", got, before, after)
	}
	if got < 100*time.Millisecond {
		t.Errorf("CPU time is %v after burning 100ms", got)
	}
}

func TestCPUTimeOfNoProcess(t *testing.T) {
	if d, err := cpuTime(1 << 22); err == nil {
		t.Errorf("a process that cannot exist has used %v", d)
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	before, err := readMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	const size = 64 << 20
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	after, err := readMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.anon < before.anon+size/2 || after.peak < after.anon {
		t.Errorf("memory was %+v, is %+v after filling %d bytes", before, after, len(block))
	}
	if block[4096] != 1 {
		t.Error("BUG: block was not filled")
	}
}

func TestParseMemory(t *testing.T) {
	f := func(text string, want memory, ok bool) {
		t.Helper()
		got, err := parseMemory(strings.NewReader(text))
		if (err == nil) != ok || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	f("Name:\tx\nVmHWM:\t  12 kB\nVmRSS:\t 7 kB\nRssAnon:\t 3 kB\n", memory{peak: 12 << 10, resident: 7 << 10, anon: 3 << 10}, true)
	f("Name:\tzombie\n", memory{}, false)
	f("VmHWM:\t  12 MB\nRssAnon:\t 3 kB\n", memory{}, false)
	f("VmHWM:\t  12 kB\nRssAnon:\t 3 kB\n", memory{}, false)
}
