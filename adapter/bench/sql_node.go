package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// sqlConfig makes files of a sensible size without a compactor: memory holds
// some ten days of the default load, and only its size makes it flush.
const sqlConfig = `storage:
  memory_per_generation: %dMiB
  flush_interval: 24h
sql:
  timeout: 10m
  max_timeout: 10m
`

// sqlPeer is our own binary as bench sql starts it.
func sqlPeer(binary string, memoryMiB int) peer {
	return peer{
		name: "herringbone", binary: binary, version: []string{"version"},
		ready: "/-/ready", write: "/api/v1/write", after: "/-/flush",
		args: func(dir, address string) ([]string, error) {
			config := filepath.Join(filepath.Dir(dir), "config.yml")
			if err := os.WriteFile(config, fmt.Appendf(nil, sqlConfig, memoryMiB), 0o644); err != nil {
				return nil, fmt.Errorf("write configuration: %w", err)
			}
			return []string{
				"--config.file=" + config, "--data.dir=" + dir, "--web.listen-address=" + address,
				"--web.enable-admin-api", "--self-monitoring=false",
			}, nil
		},
	}
}

// sqlWritten is what making the data took.
type sqlWritten struct {
	Rows    int64   `json:"rows"`
	Seconds float64 `json:"seconds"` // With the flush.
	Reused  bool    `json:"reused"`
	Files   int     `json:"files"`
	Bytes   int64   `json:"bytes"`
}

const (
	sqlConnections = 8
	sqlRequest     = 5000 // Samples.
	// sqlLead is how many minutes of the data's time a connection may be ahead.
	sqlLead = 60
)

// fill makes a node write the load into a fresh directory, in time order, flushes
// and stops it. It notes in the directory that the load is whole.
func (b *sqlBench) fill(ctx context.Context) (w sqlWritten, err error) {
	s, err := sqlPeer(b.Adapter, b.MemoryMiB).start(ctx, b.root)
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	begin := time.Now()
	if w.Rows, err = b.send(ctx, s); err != nil {
		return w, fmt.Errorf("write load: %w", err)
	}
	client := newClient(1, 30*time.Minute)
	defer client.CloseIdleConnections()
	if err := post(ctx, client, s.base+s.peer.after); err != nil {
		return w, err
	}
	w.Seconds = time.Since(begin).Seconds()
	if err := writeJSON(filepath.Join(b.root, writtenFile), w); err != nil {
		return w, err
	}
	return w, writeJSON(filepath.Join(b.root, loadFile), b.Load)
}

const writtenFile = "written.json"

// send writes the load through as many connections as sqlConnections, each with
// series of its own, and returns the number of acknowledged samples.
func (b *sqlBench) send(ctx context.Context, to *server) (samples int64, err error) {
	shape := DefaultShape()
	shape.Retries = 200
	client := newClient(sqlConnections, 5*time.Minute)
	defer client.CloseIdleConnections()
	p := newPace(sqlConnections, sqlLead, 0)
	senders := make([]*sender, sqlConnections)
	g, ctx := errgroup.WithContext(ctx)
	for i := range senders {
		senders[i] = newSender(client, to.base+to.peer.write, shape)
		g.Go(func() error {
			defer p.done(i)
			return sendShard(ctx, newSQLShard(b.Load, sqlRequest, i, sqlConnections), senders[i], p, i)
		})
	}
	err = g.Wait()
	for _, s := range senders {
		samples += s.samples
	}
	return samples, err
}

func sendShard(ctx context.Context, f feed, s *sender, p *pace, connection int) error {
	for {
		b, ok := f.next(int(^uint(0) >> 1))
		if !ok {
			return nil
		}
		if err := p.wait(ctx, connection, b.step); err != nil {
			return err
		}
		if err := s.send(ctx, b); err != nil {
			return err
		}
	}
}

// objects is where a node keeps its files, below the directory of the run.
func (b *sqlBench) objects() string {
	return filepath.Join(b.root, "herringbone", "data", "objects")
}

// sampleFiles lists the files with samples. Nothing is compacted or deleted, so
// what is there is what the catalog holds.
func sampleFiles(objects string) (names []string, bytes int64, err error) {
	err = filepath.WalkDir(objects, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".parquet") || strings.Contains(path, "/exemplars/") {
			return err
		}
		stat, err := d.Info()
		if err != nil {
			return err
		}
		names, bytes = append(names, path), bytes+stat.Size()
		return nil
	})
	slices.Sort(names)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("no files in %s", objects)
	}
	return names, bytes, err
}

// prepare fills the directory, unless it holds a load already.
func (b *sqlBench) prepare(ctx context.Context, out io.Writer) (w sqlWritten, err error) {
	l, found, err := readSQLLoad(b.root)
	if err != nil {
		return w, err
	}
	if found {
		b.Load, w.Reused = l, true
		if err := readJSON(filepath.Join(b.root, writtenFile), &w); err != nil {
			return w, err
		}
	} else {
		b.Load = b.Load.aligned(time.Now())
		if err := b.Load.Validate(); err != nil {
			return w, err
		}
		fmt.Fprintf(out, "writing about %d rows\n", b.Load.Rows)
		if w, err = b.fill(ctx); err != nil {
			return w, err
		}
	}
	w.Reused = found
	b.files, w.Bytes, err = sampleFiles(b.objects())
	w.Files = len(b.files)
	return w, err
}

func printSQLLoad(out io.Writer, l SQLLoad, w sqlWritten) {
	fmt.Fprintf(out, "machine: %d CPUs, %s/%s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(out, "load: %d rows: %d series over %d days, one sample every %v, and %d series over %d days, one a minute; seed %d, end %s\n",
		w.Rows, l.Series, l.Days, l.step(), l.YearSeries, l.YearDays, l.Seed, l.End.Format(time.RFC3339))
	how := fmt.Sprintf("written in %.1f s, %.0f rows/s with flush", w.Seconds, float64(w.Rows)/w.Seconds)
	if w.Reused {
		how += " (by an earlier run)"
	}
	fmt.Fprintf(out, "%s; %d files, %.1f MB, %.2f bytes a row\n", how, w.Files, float64(w.Bytes)/1e6, float64(w.Bytes)/float64(w.Rows))
}
