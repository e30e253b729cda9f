package compactor

import (
	"maps"
	"sync"
)

// barrenMost bounds how many jobs are remembered. Beyond it all are forgotten,
// which costs no more than running them again.
const barrenMost = 10000

// barrenJobs remembers jobs that had nothing to commit, so that they are not
// planned for ever.
type barrenJobs struct {
	mu  sync.Mutex // Guards ids.
	ids map[string]bool
}

func newBarrenJobs() *barrenJobs { return &barrenJobs{ids: map[string]bool{}} }

// barren reports whether a job that succeeded changed nothing: it makes
// something new of inputs that stay, and there was nothing to make.
func barren(j Job, r Result) bool {
	for _, in := range j.Inputs {
		if in.Remove {
			return false
		}
	}
	return r.Outputs == 0
}

func (b *barrenJobs) add(j Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ids) >= barrenMost {
		clear(b.ids)
	}
	b.ids[j.ID()] = true
}

// set is a copy.
func (b *barrenJobs) set() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.ids)
}
