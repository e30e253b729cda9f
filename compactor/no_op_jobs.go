package compactor

import (
	"maps"
	"sync"

	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
)

// maxNoOpJobs bounds how many jobs are remembered. Beyond it all are forgotten,
// which costs no more than running them again.
const maxNoOpJobs = 10000

// noOpJobs remembers jobs that had nothing to commit, so that they are not
// planned for ever.
type noOpJobs struct {
	mu  sync.Mutex // Guards ids.
	ids map[string]bool
}

func newNoOpJobs() *noOpJobs { return &noOpJobs{ids: map[string]bool{}} }

// isNoOp reports whether a job that succeeded changed nothing: it makes
// something new of inputs that stay, and there was nothing to make.
func isNoOp(j plan.Job, r merge.Result) bool {
	for _, in := range j.Inputs {
		if in.Remove {
			return false
		}
	}
	return r.Outputs == 0
}

func (b *noOpJobs) add(j plan.Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ids) >= maxNoOpJobs {
		clear(b.ids)
	}
	b.ids[j.ID()] = true
}

// set is a copy.
func (b *noOpJobs) set() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.ids)
}
