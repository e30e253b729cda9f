package simulate

import (
	"sync/atomic"
	"time"
)

// clock tells the simulated time. It may be read from any goroutine.
type clock struct{ millis atomic.Int64 }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.set(t)
	return c
}

func (c *clock) now() time.Time  { return time.UnixMilli(c.millis.Load()).UTC() }
func (c *clock) set(t time.Time) { c.millis.Store(t.UnixMilli()) }
