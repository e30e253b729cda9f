package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"herringbone/sql"
	"herringbone/sql/engine"
	"herringbone/sql/worker"
	"herringbone/storage/catalog"
)

func defaultSQLConfig() SQLConfig {
	e, w := engine.DefaultOptions(), worker.Default()
	return SQLConfig{
		Enabled:        true,
		MaxConcurrency: w.Children,
		MaxQueue:       w.Queue,
		Timeout:        Duration(e.Timeout),
		MaxTimeout:     Duration(e.Longest),
		MaxMemory:      Size(w.MemoryBytes),
		MaxTemp:        Size(w.TempBytes),
		MaxRows:        e.MaxRows,
		MaxBytes:       Size(e.MaxBytes),
		MaxFiles:       e.MaxFiles,
	}
}

// children are the pool's options, in the data directory dir.
func (s SQLConfig) children(dir string, f flags) worker.Options {
	o := worker.Default()
	o.Dir = filepath.Join(dir, "sql")
	o.Children, o.Queue = s.MaxConcurrency, s.MaxQueue
	o.MemoryBytes, o.TempBytes = int64(s.MaxMemory), int64(s.MaxTemp)
	o.Threads = s.Threads
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	// The last resort if a query escapes its deadline: all cores for all its time.
	o.CPUSeconds = int64(time.Duration(s.MaxTimeout).Seconds()+60) * int64(runtime.NumCPU())
	o.Prepare = engine.Prepare()
	o.AllowNoLandlock = f.sqlWithoutLandlock
	return o
}

func (s SQLConfig) options() engine.Options {
	o := engine.DefaultOptions()
	o.Timeout, o.Longest = time.Duration(s.Timeout), time.Duration(s.MaxTimeout)
	o.MaxRows, o.MaxBytes, o.MaxFiles = s.MaxRows, int64(s.MaxBytes), s.MaxFiles
	return o
}

func (s SQLConfig) checks() []check {
	return []check{
		{s.MaxConcurrency >= 1, "sql.max_concurrency", "at least 1", s.MaxConcurrency},
		{s.MaxQueue >= 0, "sql.max_queue", "0 or more", s.MaxQueue},
		{s.Timeout > 0, "sql.timeout", "more than 0", s.Timeout},
		{s.MaxTimeout >= s.Timeout, "sql.max_timeout", "at least sql.timeout", s.MaxTimeout},
		{s.MaxMemory >= 32<<20, "sql.max_memory", "at least 32MiB", s.MaxMemory},
		{s.MaxTemp >= 0, "sql.max_temp", "0 or more", s.MaxTemp},
		{s.Threads >= 0, "sql.threads", "0 or more", s.Threads},
		{s.MaxRows >= 0, "sql.max_rows", "0 or more", s.MaxRows},
		{s.MaxBytes >= 0, "sql.max_bytes", "0 or more", s.MaxBytes},
		{s.MaxFiles >= 0, "sql.max_files", "0 or more", s.MaxFiles},
	}
}

// openSQL returns the handler of SQL and what runs its children, nil if there are
// none: SQL is off, or this kernel cannot cage them.
func (n *node) openSQL(c *stores) (http.Handler, func(context.Context) error, error) {
	if !n.cfg.SQL.Enabled {
		return refuseSQL("SQL is off: sql.enabled is false in the configuration"), nil, nil
	}
	if err := worker.Supported(); err != nil && !n.flags.sqlWithoutLandlock {
		n.log.Warn("SQL is refused: its processes cannot be confined on this kernel; --sql.allow-without-landlock runs them unconfined", "err", err)
		return refuseSQL("SQL is refused: this kernel cannot confine its processes: " + err.Error()), nil, nil
	} else if err != nil {
		n.log.Warn("SQL runs in processes that are not confined by Landlock, as --sql.allow-without-landlock says", "err", err)
	}
	dir, err := filepath.Abs(n.flags.dataDir)
	if err != nil {
		return nil, nil, fmt.Errorf("open SQL: %w", err)
	}
	pool, err := worker.NewPool(n.cfg.SQL.children(dir, n.flags), n.registry, n.log)
	if err != nil {
		return nil, nil, fmt.Errorf("open SQL: %w", err)
	}
	o := n.cfg.SQL.options()
	o.Store, o.Pool, o.Registerer = c.store, pool, prometheus.Registerer(n.registry)
	if n.flags.adminAPI {
		o.Delete = c.store.Delete
	}
	o.Path = func(_ context.Context, f *catalog.File) (string, error) { return c.objects.Path(f.Name) }
	e, err := engine.New(o)
	if err != nil {
		return nil, nil, fmt.Errorf("open SQL: %w", err)
	}
	h, err := sql.New(sql.Options{Engine: e, Logger: n.log})
	if err != nil {
		return nil, nil, fmt.Errorf("open SQL: %w", err)
	}
	return h, pool.Run, nil
}

// refuseSQL answers why there is none.
func refuseSQL(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "error", "errorType": "unavailable", "error": why})
	})
}
