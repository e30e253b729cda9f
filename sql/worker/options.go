package worker

import (
	"fmt"
	"path/filepath"
	"time"

	"herringbone/storage/series"
)

// Options of a pool. Default has values for all but Dir.
type Options struct {
	// Dir is where each child gets its directory; absolute. What is in it when Run
	// starts is removed. It must be on the file system of the objects, because
	// they are hard-linked into it.
	Dir string
	// Children is how many queries run at once. One more process is kept ready.
	Children int
	// Queue is how many queries may wait for a child; 0: none waits.
	Queue int
	// Threads of DuckDB, a child.
	Threads int
	// MemoryBytes bounds what DuckDB accounts for, a child. What it does not
	// account for is bounded by the system: at twice that, or 512 MiB more.
	MemoryBytes int64
	// TempBytes bounds what a child spills to disk; 0: it does not spill.
	TempBytes int64
	// CPUSeconds bounds a query's CPU time, if all else fails; 0: not.
	CPUSeconds int64
	// KillAfter is how long a child may take to obey a cancel before it is killed.
	KillAfter time.Duration
	// StartAfter is how long a child may take to get ready.
	StartAfter time.Duration
	// MaxUses is how many queries a child serves in its life.
	MaxUses int
	// Prepare are statements that each fresh DuckDB instance runs before its query
	// comes: when nobody waits.
	Prepare []string
	// AllowNoLandlock lets children run where the kernel lacks Landlock. They can
	// then read and write what the node can.
	AllowNoLandlock bool
}

// Default returns the options for a node of two cores.
func Default() Options {
	return Options{
		Children: 2, Queue: 64, Threads: 2,
		MemoryBytes: 512 << 20, TempBytes: 2 << 30, CPUSeconds: 600,
		KillAfter: time.Second, StartAfter: 10 * time.Second, MaxUses: 500,
	}
}

// Validate checks o. Errors wrap series.ErrInvalid.
func (o Options) Validate() error {
	bad := ""
	switch {
	case !filepath.IsAbs(o.Dir):
		bad = fmt.Sprintf("directory %q is not absolute", o.Dir)
	case o.Children < 1, o.Threads < 1, o.MaxUses < 1:
		bad = "children, threads and uses must be at least 1"
	case o.Queue < 0, o.TempBytes < 0, o.CPUSeconds < 0:
		bad = "queue, temporary bytes and CPU seconds must not be negative"
	case o.MemoryBytes < 32<<20:
		bad = fmt.Sprintf("%d bytes of memory are less than 32 MiB", o.MemoryBytes)
	case o.KillAfter <= 0, o.StartAfter <= 0:
		bad = "kill-after and start-after must be above 0"
	default:
		return nil
	}
	return fmt.Errorf("SQL children: %s: %w", bad, series.ErrInvalid)
}

// dataBytes is the limit of a child's writable memory: DuckDB does not account
// for everything (results, strings), and the Go runtime and the threads' stacks
// need some.
func (o Options) dataBytes() int64 { return o.MemoryBytes + max(o.MemoryBytes, 512<<20) }
