package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the part of the container's or machine's memory that Go's soft
// limit is set to; the rest is for the page cache and what Go does not count.
const memoryShare = 0.9

// tuneRuntime sets the garbage collector. Environment variables win, because
// that is what operators of Go programs expect.
func tuneRuntime(c RuntimeConfig) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(c.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	if c.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(c.MemoryLimit))
		return nil
	}
	_, err := memlimit.SetGoMemLimitWithOpts(
		memlimit.WithRatio(memoryShare),
		memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)),
	)
	if err != nil {
		return fmt.Errorf("set soft memory limit: %w", err)
	}
	return nil
}
