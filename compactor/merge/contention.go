package merge

import runtimemetrics "runtime/metrics"

// contention knows whether goroutines of this process wait for a core: requests,
// queries and flushes that could go on if a job did not. It is used by one
// goroutine.
type contention struct {
	runnable [1]runtimemetrics.Sample
}

func newContention() *contention {
	c := &contention{}
	c.runnable[0].Name = "/sched/goroutines/runnable:goroutines"
	return c
}

// waits looks now. A goroutine that was woken just now and is about to run counts:
// the answer is a hint.
func (c *contention) waits() bool {
	runtimemetrics.Read(c.runnable[:])
	return c.runnable[0].Value.Kind() == runtimemetrics.KindUint64 && c.runnable[0].Value.Uint64() > 0
}
