package status

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/storage/catalog"
)

// MaxHistory is how many jobs that ended are remembered.
const MaxHistory = 100

// The steps whose last success is remembered.
const (
	StepCompact = "compact"
	StepExpire  = "expire"
	StepCollect = "collect"
	StepOrphans = "orphans"
	StepScrub   = "scrub"
)

// JobRecord is one job as people see it.
type JobRecord struct {
	Kind      plan.Kind    `json:"kind"`
	Tenant    string       `json:"tenant"`
	Partition string       `json:"partition"`
	Rows      string       `json:"rows"`
	Level     int          `json:"level"`
	Unit      string       `json:"unit"`
	Why       string       `json:"why"`
	Inputs    []FileRecord `json:"inputs"`

	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`         // 0 while it runs.
	Result  string    `json:"result"`          // running, done, lost_race, damaged_input, stopped, failed.
	Error   string    `json:"error,omitempty"` // Of the last four.

	Outputs    []FileRecord `json:"outputs"`
	OutputRows int64        `json:"output_rows"`
	Duplicates int64        `json:"duplicates"` // Rows that others won over.
	Hidden     int64        `json:"hidden"`     // Rows that tombstones hid.
	Dropped    int64        `json:"dropped"`    // Samples that only aggregates are left of.
	Aggregated int64        `json:"aggregated"` // Samples that were read for aggregates alone and stay.
}

// FileRecord is a file of a job.
type FileRecord struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Level  int    `json:"level"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Remove bool   `json:"removed,omitempty"` // An input that the outputs take the place of.
}

// Journal remembers what was done lately.
type Journal struct {
	mu      sync.Mutex // Guards what follows.
	nextID  int
	running map[int]JobRecord
	ended   []JobRecord // Oldest first.
	backlog Backlog
	last    map[string]time.Time // Success of a step.
	taken   int64                // Bytes of level 0 that jobs took in for good.
	written int64                // Bytes that they wrote.
}

// Backlog is what the last plan held.
type Backlog struct {
	Jobs  int   `json:"jobs"`
	Bytes int64 `json:"bytes"` // Of inputs.
}

// NewJournal returns an empty journal.
func NewJournal() *Journal {
	return &Journal{running: map[int]JobRecord{}, last: map[string]time.Time{}}
}

// Planned notes the jobs of the newest plan.
func (l *Journal) Planned(jobs []plan.Job) {
	b := Backlog{Jobs: len(jobs)}
	for _, j := range jobs {
		for _, in := range j.Inputs {
			b.Bytes += in.Size
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.backlog = b
}

// Begin notes a job that starts and returns what end wants to know it by.
func (l *Journal) Begin(j plan.Job, now time.Time) int {
	r := JobRecord{
		Kind: j.Kind, Tenant: string(j.Tenant), Partition: j.Partition, Rows: string(j.Rows), Level: j.Level,
		Unit: j.Unit.String(), Why: j.Why, Began: now.UTC(), Result: "running", Outputs: []FileRecord{},
	}
	for _, in := range j.Inputs {
		f := recordOf(in.File)
		f.Remove = in.Remove
		r.Inputs = append(r.Inputs, f)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextID++
	l.running[l.nextID] = r
	return l.nextID
}

func recordOf(f *catalog.File) FileRecord {
	return FileRecord{ID: f.ID, Name: f.Name, Level: f.Level, Rows: f.Rows, Bytes: f.Size}
}

// End moves a job into the history.
func (l *Journal) End(id int, res merge.Result, result string, err error, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.running[id]
	delete(l.running, id)
	r.Result, r.Seconds = result, took.Seconds()
	if err != nil {
		r.Error = err.Error()
	}
	for i := range res.Files {
		r.Outputs = append(r.Outputs, recordOf(&res.Files[i]))
	}
	r.OutputRows, r.Duplicates, r.Hidden = res.OutputRows, res.Duplicates, res.Hidden
	r.Dropped, r.Aggregated = res.Dropped, res.Aggregated
	l.ended = append(l.ended, r)
	if len(l.ended) > MaxHistory {
		l.ended = slices.Delete(l.ended, 0, len(l.ended)-MaxHistory)
	}
	if result == "done" {
		l.last[StepCompact] = r.Began.Add(took)
		l.weigh(r)
	}
}

// weigh counts what a job of a file's life cost: level 0 is taken in once.
func (l *Journal) weigh(r JobRecord) {
	for _, f := range r.Inputs {
		if f.Level == plan.LevelFlushed && f.Remove {
			l.taken += f.Bytes
		}
	}
	for _, f := range r.Outputs {
		l.written += f.Bytes
	}
}

// Done notes that a step succeeded.
func (l *Journal) Done(step string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[step] = at.UTC()
}

// LastSuccess is when a step last succeeded; zero: not since the start.
func (l *Journal) LastSuccess(step string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[step]
}

// Backlog is what the newest plan held.
func (l *Journal) Backlog() Backlog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backlog
}

// Show copies everything into a status, the newest jobs first.
func (l *Journal) Show(s *Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Backlog = l.backlog
	s.Running = slices.AppendSeq([]JobRecord{}, maps.Values(l.running))
	slices.SortFunc(s.Running, func(a, b JobRecord) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Partition, b.Partition))
	})
	s.Recent = append([]JobRecord{}, l.ended...)
	slices.Reverse(s.Recent)
	s.LastSuccess = maps.Clone(l.last)
	if l.taken > 0 {
		s.Amplification = 1 + float64(l.written)/float64(l.taken)
	}
}
