package compactor

import (
	"fmt"
	"time"

	"herringbone/compactor/plan"
)

// Pauses after failures of one job.
const (
	backoffFirst = time.Minute
	backoffMost  = time.Hour
	// racesFree is how often in a row a job may lose a race without a pause. Once
	// or twice is normal; more looks like a plan that can never be committed.
	racesFree = 2
)

// backoff remembers jobs that did not work out, so that each is tried less and
// less often and none holds up the others. It is for one goroutine at a time.
type backoff struct{ jobs map[string]trouble }

type trouble struct {
	failures int
	races    int
	until    time.Time // Not to be tried before.
}

func newBackoff() *backoff { return &backoff{jobs: map[string]trouble{}} }

// jobKey is the same for a job of the next plan with the same purpose, whatever its
// inputs are then.
func jobKey(j plan.Job) string {
	return fmt.Sprintf("%s %s %s %s L%d day %d+%d", j.Kind, j.Tenant, j.Rows, j.Partition, j.Level, j.Unit.Day, j.Unit.Days)
}

func (b *backoff) ready(j plan.Job, now time.Time) bool { return !now.Before(b.jobs[jobKey(j)].until) }

func (b *backoff) failed(j plan.Job, now time.Time) {
	t := b.jobs[jobKey(j)]
	t.until = now.Add(pause(t.failures))
	t.failures++
	b.jobs[jobKey(j)] = t
}

func (b *backoff) lost(j plan.Job, now time.Time) {
	t := b.jobs[jobKey(j)]
	if t.races >= racesFree {
		t.until = now.Add(pause(t.races - racesFree))
	}
	t.races++
	b.jobs[jobKey(j)] = t
}

func (b *backoff) succeeded(j plan.Job) { delete(b.jobs, jobKey(j)) }

// sweep forgets jobs that have not been seen for long: their plans are outdated.
func (b *backoff) sweep(now time.Time) {
	for k, t := range b.jobs {
		if now.Sub(t.until) > 2*backoffMost && !t.until.IsZero() {
			delete(b.jobs, k)
		}
	}
}

func pause(failures int) time.Duration {
	return min(backoffFirst<<min(failures, 10), backoffMost)
}
