package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"herringbone/storage/series"
)

// CompareOptions say what to run against all peers of this machine.
type CompareOptions struct {
	// Write and Query hold what the two programs need; their targets are filled in.
	Write WriteOptions
	Query QueryOptions
	// ShowWrite and ShowQuery choose what is reported. Without ShowWrite the load
	// is still written, or there would be nothing to ask for.
	ShowWrite, ShowQuery bool
	// Binaries: paths, or names to look for on PATH. A peer that is not there is
	// left out; Adapter must be there.
	Prometheus, VictoriaMetrics, Adapter string
	Root                                 string // Directory for all files; empty is a temporary one.
	Keep                                 bool   // Leave the files there.
	JSON                                 string // File for all results; empty is none.
}

// DefaultCompareOptions compare this very binary with the peers on PATH.
func DefaultCompareOptions() CompareOptions {
	o := CompareOptions{
		Write: DefaultWriteOptions(), Query: DefaultQueryOptions(), ShowWrite: true, ShowQuery: true,
		Prometheus: "prometheus", VictoriaMetrics: "victoria-metrics",
	}
	o.Write.Settle = 75 * time.Second // Prometheus looks once a minute whether to compact.
	return o
}

// comparison is what the JSON file holds.
type comparison struct {
	CPUs     int               `json:"cpus"`
	Load     Load              `json:"load"`
	Versions map[string]string `json:"versions"`
	Sync     map[string]string `json:"sync"`
	Writes   []WriteResult     `json:"writes"`
	Queries  []QueryResult     `json:"queries,omitempty"`
}

// Compare starts the peers and our own binary on free loopback ports, writes the
// load to each, asks each the questions, prints the tables and stops exactly the
// processes it started, whatever happened. Errors are those of Write and Query.
func Compare(ctx context.Context, o CompareOptions, out io.Writer) (err error) {
	if !o.ShowWrite && !o.ShowQuery {
		return fmt.Errorf("neither writes nor queries are to be shown: %w", series.ErrInvalid)
	}
	root, err := os.MkdirTemp(o.Root, "herringbone-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() {
		if o.Keep {
			fmt.Fprintf(out, "files are in %s\n", root)
			return
		}
		err = errors.Join(err, os.RemoveAll(root))
	}()
	servers, err := startAll(ctx, o, root, out)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	if err != nil {
		return err
	}
	return o.run(ctx, servers, out)
}

// startAll starts what is there. On an error the servers that run are returned
// too, to be stopped.
func startAll(ctx context.Context, o CompareOptions, root string, out io.Writer) ([]*server, error) {
	if o.Adapter == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find our own binary: %w", err)
		}
		o.Adapter = self
	}
	fmt.Fprintf(out, "machine: %d CPUs, %s/%s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	var servers []*server
	for _, p := range peers(o) {
		s, err := p.start(ctx, root)
		if errors.Is(err, errAbsent) && p.binary != o.Adapter {
			fmt.Fprintf(out, "%s: left out, %v\n", p.name, err)
			continue
		}
		if err != nil {
			return servers, err
		}
		fmt.Fprintf(out, "%s: %s; %s\n", p.name, s.version, p.sync)
		servers = append(servers, s)
	}
	return servers, nil
}

func (o CompareOptions) run(ctx context.Context, servers []*server, out io.Writer) error {
	found := comparison{CPUs: runtime.NumCPU(), Versions: map[string]string{}, Sync: map[string]string{}}
	for _, s := range servers {
		found.Versions[s.peer.name], found.Sync[s.peer.name] = s.version, s.peer.sync
		o.Write.Targets = append(o.Write.Targets, s.writeTarget())
		o.Query.Targets = append(o.Query.Targets, s.queryTarget())
	}
	var errs []error
	var err error
	found.Writes, err = measureWrites(ctx, &o.Write, out)
	errs = append(errs, err)
	found.Load = o.Write.Load
	if o.ShowWrite && len(found.Writes) > 0 {
		printWrites(out, o.Write, found.Writes)
	}
	if o.ShowQuery && ctx.Err() == nil {
		o.Query.Load = o.Write.Load
		found.Queries, err = measureQueries(ctx, &o.Query, out)
		errs = append(errs, err)
		if len(found.Queries) > 0 {
			printQueries(out, o.Query, found.Queries)
		}
	}
	return errors.Join(append(errs, writeJSON(o.JSON, found))...)
}
