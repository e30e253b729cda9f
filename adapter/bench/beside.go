package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"herringbone/storage/series"
)

// BesideOptions say what runs beside compaction and how long it is watched.
type BesideOptions struct {
	// Backlog is written first, in hourly files: it is what there is to compact.
	Backlog Load
	// Rate is how many samples a second are written while the clock runs, in
	// requests of Request samples; each of Rate series has one a second.
	Rate, Request int
	// Window is how long compaction is off, then on, then off …; Windows is how many
	// there are of each.
	Window  time.Duration
	Windows int
	// Compaction are lines of the node's section compaction, such as "duty: 0.5".
	Compaction []string
	Adapter    string // Our binary; empty is this one.
	Timeout    time.Duration
	JSON       string // File for the results; empty is none.
}

// DefaultBesideOptions are those of the published figures: 116 M samples to
// compact, 50,000 samples a second beside that.
func DefaultBesideOptions() BesideOptions {
	return BesideOptions{
		Backlog: Load{Series: 10_000, Duration: 48 * time.Hour, Step: 15 * time.Second, Seed: 1},
		Rate:    50_000, Request: 2000, Window: 5 * time.Second, Windows: 6, Timeout: 30 * time.Minute,
	}
}

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (o BesideOptions) Validate() error {
	switch {
	case o.Request < 1 || o.Rate < o.Request || o.Rate > maxSeries:
		return fmt.Errorf("%d samples a second in requests of %d, from one request to %d samples a second are possible: %w", o.Rate, o.Request, maxSeries, series.ErrInvalid)
	case o.Window < time.Second || o.Windows < 1 || o.Window*time.Duration(o.Windows) > time.Hour:
		return fmt.Errorf("%d windows of %v, from one of 1s up to an hour are possible: %w", o.Windows, o.Window, series.ErrInvalid)
	case o.Backlog.Duration%time.Hour != 0:
		return fmt.Errorf("backlog of %v, only whole hours are possible: %w", o.Backlog.Duration, series.ErrInvalid)
	case o.Timeout <= 0:
		return fmt.Errorf("timeout %v must be positive: %w", o.Timeout, series.ErrInvalid)
	}
	return o.Backlog.Validate()
}

// besideResults is what the JSON file holds.
type besideResults struct {
	CPUs       int            `json:"cpus"`
	Backlog    Load           `json:"backlog"`
	Rate       int            `json:"samples_per_second"`
	Compaction []string       `json:"compaction"`
	Off        besidePhase    `json:"off"`
	On         besidePhase    `json:"on"`
	Streams    []besideStream `json:"streams"`
	Work       besideMerges   `json:"work"`
}

// besidePhase is what the server did while compaction was off, or on.
type besidePhase struct {
	Seconds float64 `json:"seconds"`
	Cores   float64 `json:"cores"` // On average.
}

// besideStream are the latencies of one kind of request.
type besideStream struct {
	Name string      `json:"name"`
	Off  besideTimes `json:"off"`
	On   besideTimes `json:"on"`
}

type besideTimes struct {
	Requests int `json:"requests"`
	Latency
}

// besideMerges is what compaction did.
type besideMerges struct {
	Jobs    int     `json:"jobs"`
	Seconds float64 `json:"seconds"`
	Bytes   float64 `json:"read_bytes"`
}

// Beside writes a backlog of hourly files to a node of its own, then keeps
// writing and asking at a steady rate while compaction is off and on in turn, and
// prints the latencies of both. A request that fails is an error.
func Beside(ctx context.Context, o BesideOptions, out io.Writer) (err error) {
	if err := o.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	root, err := os.MkdirTemp("", "herringbone-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	if o.Adapter == "" {
		if o.Adapter, err = os.Executable(); err != nil {
			return fmt.Errorf("find our own binary: %w", err)
		}
	}
	o.Backlog = o.Backlog.Aligned(time.Now().Truncate(time.Hour))
	node, err := besidePeer(o).start(ctx, root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.stop()) }()
	b := &beside{BesideOptions: o, node: node, client: newClient(besideConnections, time.Minute), slow: newClient(1, 10*time.Minute), out: out}
	defer b.client.CloseIdleConnections()
	defer b.slow.CloseIdleConnections()
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	printBeside(out, results)
	return writeJSON(o.JSON, results)
}

// besideConnections bounds what is under way at once.
const besideConnections = 64

// besideConfig lets nothing be compacted but when it is asked for: at the start
// there is nothing to do, and it is not looked again for a day. Then the backlog
// is merged as far as it goes, although it was written just now.
const besideConfig = `storage:
  flush_interval: 24h
compaction:
  interval: 24h
  lateness: 0s
  settle: 0s
`

func besidePeer(o BesideOptions) peer {
	return peer{
		name: "herringbone", binary: o.Adapter, version: []string{"version"}, ready: "/-/ready", write: "/api/v1/write", after: "/-/flush",
		args: func(dir, address string) ([]string, error) {
			config := filepath.Join(filepath.Dir(dir), "config.yml")
			text := besideConfig
			for _, line := range o.Compaction {
				text += "  " + line + "\n"
			}
			if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
				return nil, fmt.Errorf("write configuration: %w", err)
			}
			return []string{
				"--config.file=" + config, "--data.dir=" + dir, "--web.listen-address=" + address,
				"--web.enable-admin-api", "--self-monitoring=false",
			}, nil
		},
	}
}

// beside is one run.
type beside struct {
	BesideOptions
	node   *server
	client *http.Client // Of what is timed.
	slow   *http.Client // Of flushes and compactions.
	out    io.Writer
}

func (b *beside) measure(ctx context.Context) (*besideResults, error) {
	fmt.Fprintf(b.out, "machine: %d CPUs, %s/%s; compaction: %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, strings.Join(b.Compaction, ", "))
	printLoad(b.out, b.Backlog)
	if err := b.fill(ctx); err != nil {
		return nil, fmt.Errorf("write backlog: %w", err)
	}
	streams, err := b.streams()
	if err != nil {
		return nil, err
	}
	runtime.GC() // What preparing left behind is not collected while the clock runs.
	r := &besideResults{CPUs: runtime.NumCPU(), Backlog: b.Backlog, Rate: b.Rate, Compaction: b.Compaction}
	steady := newSteady(b.client, streams)
	defer steady.stop()
	steady.start(ctx)
	for i := range b.Windows {
		if err := b.window(ctx, steady, off, b.idle); err != nil {
			return nil, err
		}
		err := b.window(ctx, steady, on, func(ctx context.Context) error { return b.compact(ctx, &r.Work) })
		if errors.Is(err, errNothingLeft) {
			fmt.Fprintf(b.out, "everything is compacted in window %d of %d; a larger backlog takes longer\n", i+1, b.Windows)
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if err := steady.stop(); err != nil {
		return nil, err
	}
	r.Off, r.On = steady.of(off).phase(), steady.of(on).phase()
	for _, each := range streams {
		r.Streams = append(r.Streams, besideStream{each.name, steady.of(off).times(each.name), steady.of(on).times(each.name)})
	}
	return r, nil
}

// fill writes the backlog and flushes after each hour of it.
func (b *beside) fill(ctx context.Context) error {
	s, err := newShard(b.Backlog, Protocol1, b.Request, 0, 1)
	if err != nil {
		return err
	}
	to := newSender(b.slow, b.node.base+b.node.peer.write, DefaultShape())
	for until := 0; until < b.Backlog.Steps(); {
		until += int(time.Hour / b.Backlog.Step)
		for {
			body, ok := s.next(until)
			if !ok {
				break
			}
			if err := to.send(ctx, body); err != nil {
				return err
			}
		}
		if err := post(ctx, b.slow, b.node.base+b.node.peer.after); err != nil {
			return err
		}
	}
	return nil
}

// window does something for as long as a window at least, and notes which one it
// is. What compaction began is waited for.
func (b *beside) window(ctx context.Context, s *steady, phase string, do func(context.Context) error) error {
	before, err := cpuTime(b.node.cmd.Process.Pid)
	if err != nil {
		return err
	}
	s.enter(phase)
	err = do(ctx)
	took := s.enter("")
	after, cpuErr := cpuTime(b.node.cmd.Process.Pid)
	s.used(phase, took, after-before)
	if err := errors.Join(err, cpuErr); err != nil {
		return err
	}
	return s.failed()
}

func (b *beside) idle(ctx context.Context) error { return pause(ctx, b.Window) }

var errNothingLeft = errors.New("nothing is left to compact")

// compact asks for one job after the other until a window has passed.
func (b *beside) compact(ctx context.Context, did *besideMerges) error {
	begin := time.Now()
	defer func() { did.Seconds += time.Since(begin).Seconds() }()
	for time.Since(begin) < b.Window {
		before, err := b.compacted(ctx)
		if err != nil {
			return err
		}
		if err := post(ctx, b.slow, b.node.base+"/-/compact?jobs=1"); err != nil {
			return err
		}
		after, err := b.compacted(ctx)
		if err != nil {
			return err
		}
		if after.Jobs == before.Jobs {
			return errNothingLeft
		}
		did.Jobs += after.Jobs - before.Jobs
		did.Bytes += after.Bytes - before.Bytes
	}
	return nil
}

// compacted reads the node's counters.
func (b *beside) compacted(ctx context.Context) (m besideMerges, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.node.base+"/metrics", nil)
	if err != nil {
		return m, err
	}
	resp, err := b.slow.Do(req)
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return m, fmt.Errorf("read metrics: %w", err)
	}
	for _, c := range families["herringbone_compactor_jobs_total"].GetMetric() {
		m.Jobs += int(c.GetCounter().GetValue())
	}
	for _, c := range families["herringbone_compactor_read_bytes_total"].GetMetric() {
		m.Bytes += c.GetCounter().GetValue()
	}
	return m, nil
}
