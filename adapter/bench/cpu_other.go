//go:build !linux

package bench

import (
	"errors"
	"fmt"
	"time"
)

func cpuTime(pid int) (time.Duration, error) {
	return 0, fmt.Errorf("read CPU time of process %d: %w", pid, errors.ErrUnsupported)
}
