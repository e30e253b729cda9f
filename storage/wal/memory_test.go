package wal

import (
	"runtime"
	"testing"

	"herringbone/storage/fsys"
)

// TestReplayMemory is invariant 9: what a replay allocates does not grow with
// the segment.
func TestReplayMemory(t *testing.T) {
	dir := t.TempDir()
	const size, record = 32 << 20, 1 << 20
	fill(t, dir, size, record)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := Replay(fsys.OS, dir, 1, true, func([]byte) error { return nil })
	runtime.ReadMemStats(&after)
	if err != nil || r.Records != size/record {
		t.Fatalf("%d records, %v", r.Records, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 2*record+readAhead {
		t.Errorf("%d bytes were allocated for records of %d bytes", n, record)
	}
}
