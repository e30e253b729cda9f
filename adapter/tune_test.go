package main

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

func TestTuneRuntime(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	reset := func() {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(math.MaxInt64)
	}
	tests := map[string]struct {
		gogc, gomemlimit string
		config           RuntimeConfig
		percent          int
		limit            int64 // 0: something of the machine's.
	}{
		"from the file":         {config: RuntimeConfig{60, 300 << 20}, percent: 60, limit: 300 << 20},
		"from the machine":      {config: RuntimeConfig{75, 0}, percent: 75},
		"the environment wins":  {gogc: "50", gomemlimit: "1GiB", config: RuntimeConfig{60, 300 << 20}, percent: 100, limit: math.MaxInt64},
		"each one on its own":   {gogc: "50", config: RuntimeConfig{60, 300 << 20}, percent: 100, limit: 300 << 20},
		"each one on its own 2": {gomemlimit: "1GiB", config: RuntimeConfig{60, 300 << 20}, percent: 60, limit: math.MaxInt64},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reset()
			setOrUnset(t, "GOGC", tt.gogc)
			setOrUnset(t, "GOMEMLIMIT", tt.gomemlimit)
			if err := tuneRuntime(tt.config); err != nil {
				t.Fatal(err)
			}
			gotPercent, gotLimit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
			if gotPercent != tt.percent {
				t.Errorf("GC percent is %d, want %d", gotPercent, tt.percent)
			}
			if tt.limit != 0 && gotLimit != tt.limit || tt.limit == 0 && (gotLimit == math.MaxInt64 || gotLimit <= 0) {
				t.Errorf("memory limit is %d, want %d", gotLimit, tt.limit)
			}
		})
	}
}

func setOrUnset(t *testing.T, key, v string) {
	t.Helper()
	t.Setenv(key, v) // Also puts it back at the end.
	if v != "" {
		return
	}
	if err := os.Unsetenv(key); err != nil {
		t.Fatal(err)
	}
}
