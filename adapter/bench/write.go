package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"herringbone/storage/series"
)

// WriteOptions say what to write where.
type WriteOptions struct {
	Load    Load
	Shape   Shape
	Targets []Target // URLs of remote-write endpoints.
	// Slices is in how many pieces the load is cut. With 1, targets are loaded one
	// after the other; with more, they take turns, which evens out a noisy machine.
	Slices int
	// Settle is how long a server may flush and compact after the load; what it
	// does in that time counts as its cost.
	Settle      time.Duration
	Timeout     time.Duration // For the whole run.
	AllowRemote bool
	JSON        string // File for the results; empty is none.
}

// DefaultWriteOptions have no target.
func DefaultWriteOptions() WriteOptions {
	return WriteOptions{
		Load: DefaultLoad(), Shape: DefaultShape(), Slices: 1, Settle: 30 * time.Second, Timeout: 30 * time.Minute,
	}
}

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (o WriteOptions) Validate() error {
	switch {
	case o.Slices < 1 || o.Slices > 10_000:
		return fmt.Errorf("%d slices, 1 to 10000 are possible: %w", o.Slices, series.ErrInvalid)
	case o.Settle < 0 || o.Settle > time.Hour:
		return fmt.Errorf("settle time %v, 0 to 1h are possible: %w", o.Settle, series.ErrInvalid)
	case o.Timeout <= 0:
		return fmt.Errorf("timeout %v must be positive: %w", o.Timeout, series.ErrInvalid)
	}
	return errors.Join(o.Load.Validate(), o.Shape.Validate(), validateTargets(o.Targets, o.AllowRemote))
}

// WriteResult is what one target did. Fields that need a process id or a
// directory are 0 without.
type WriteResult struct {
	Target           string  `json:"target"`
	Samples          int64   `json:"samples"` // Acknowledged.
	Seconds          float64 `json:"seconds"` // Of load, without settling.
	SamplesPerSecond float64 `json:"samples_per_second"`
	// CPU of the server a sample: while the load ran, and all in, with flush and
	// settle time. ClientCPU is our own.
	LoadCPU   float64 `json:"cpu_us_per_sample_load"`
	TotalCPU  float64 `json:"cpu_us_per_sample"`
	ClientCPU float64 `json:"client_cpu_us_per_sample"`
	// PeakBytes is VmHWM, AnonBytes the greatest RssAnon seen.
	PeakBytes      int64            `json:"peak_bytes"`
	AnonBytes      int64            `json:"peak_anon_bytes"`
	Ack            Latency          `json:"ack"`
	Statuses       map[string]int   `json:"statuses"`
	DiskBytes      int64            `json:"disk_bytes"`
	DiskEntries    map[string]int64 `json:"disk_entries,omitempty"`
	BytesPerSample float64          `json:"bytes_per_sample"`
	Error          string           `json:"error,omitempty"`
}

// Write runs the load against every target and prints a table to out. A target
// that refuses samples or gives up is reported in its row, the others go on, and
// the error says so. Errors wrap series.ErrInvalid for wrong options and for
// requests that a server refused.
func Write(ctx context.Context, o WriteOptions, out io.Writer) error {
	results, err := measureWrites(ctx, &o, out)
	if len(results) == 0 {
		return err
	}
	printWrites(out, o, results)
	return errors.Join(err, writeJSON(o.JSON, results))
}

// measureWrites fills in o.Load.Start and returns a result for each target it
// came to.
func measureWrites(ctx context.Context, o *WriteOptions, out io.Writer) ([]WriteResult, error) {
	o.Load = o.Load.Aligned(time.Now())
	if err := o.Validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	printLoad(out, o.Load)
	k, err := newKitchen(ctx, o.Load, o.Shape)
	if err != nil {
		return nil, err
	}
	runs := make([]*writeRun, len(o.Targets))
	for i, t := range o.Targets {
		if runs[i], err = newWriteRun(*o, t, k); err != nil {
			return nil, err
		}
	}
	return takeTurns(ctx, *o, runs, out)
}

// takeTurns loads the targets and lets them settle. In one slice each target
// settles before the next begins, so that no two are ever busy at once.
func takeTurns(ctx context.Context, o WriteOptions, runs []*writeRun, out io.Writer) ([]WriteResult, error) {
	if o.Slices > 1 {
		for i := range o.Slices {
			for _, r := range runs {
				r.load(ctx, i*o.Load.Steps()/o.Slices, (i+1)*o.Load.Steps()/o.Slices)
			}
		}
	}
	var results []WriteResult
	var errs []error
	for _, r := range runs {
		fmt.Fprintf(out, "write %s\n", r.target.Name)
		if o.Slices == 1 {
			r.load(ctx, 0, o.Load.Steps())
		}
		result, err := r.finish(ctx, o.Settle)
		results = append(results, result)
		if err != nil {
			errs = append(errs, fmt.Errorf("write to %s: %w", r.target.Name, err))
		}
	}
	return results, errors.Join(errs...)
}

// writeRun is the state of one target.
type writeRun struct {
	target  Target
	shape   Shape
	lead    int // Steps a connection may be ahead.
	client  *http.Client
	feeds   []feed
	senders []*sender

	begun   bool
	err     error // The first; nothing is sent after it.
	elapsed time.Duration
	cpu0    time.Duration // Of the server, before the load.
	cpu1    time.Duration // … after the load.
	own     time.Duration // Our own CPU time in the load.
	anon    int64
}

func newWriteRun(o WriteOptions, t Target, k *kitchen) (*writeRun, error) {
	feeds, err := k.feeds()
	if err != nil {
		return nil, err
	}
	r := &writeRun{
		target: t, shape: o.Shape, feeds: feeds,
		lead:   max(1, int(o.Shape.MaxSkew/o.Load.Step)),
		client: newClient(o.Shape.Connections, 5*time.Minute),
	}
	for range feeds {
		r.senders = append(r.senders, newSender(r.client, t.URL, o.Shape))
	}
	return r, nil
}

// load sends what begins in steps from up to, not including, to.
func (r *writeRun) load(ctx context.Context, from, to int) {
	if r.err != nil {
		return
	}
	r.err = r.begin()
	if r.err == nil {
		r.err = r.watched(ctx, func(ctx context.Context) error { return r.sendAll(ctx, from, to) })
	}
}

// begin reads the clocks before the first request.
func (r *writeRun) begin() (err error) {
	if r.begun || r.target.PID == 0 {
		return nil
	}
	r.begun = true
	r.cpu0, err = cpuTime(r.target.PID)
	return err
}

// watched runs f while the server's memory is watched.
func (r *writeRun) watched(ctx context.Context, f func(context.Context) error) error {
	if r.target.PID == 0 {
		return f(ctx)
	}
	watchCtx, stop := context.WithCancel(ctx)
	seen := make(chan int64)
	go func() { seen <- watch(watchCtx, r.target.PID) }()
	err := f(ctx)
	stop()
	r.anon = max(r.anon, <-seen)
	return err
}

func (r *writeRun) sendAll(ctx context.Context, from, to int) (err error) {
	own, ownErr := cpuTime(os.Getpid())
	p := newPace(len(r.feeds), r.lead, from)
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range r.feeds {
		g.Go(func() error {
			defer p.done(i)
			return r.sendOne(ctx, p, i, to)
		})
	}
	err = g.Wait()
	r.elapsed += time.Since(begin)
	if now, nowErr := cpuTime(os.Getpid()); ownErr == nil && nowErr == nil {
		r.own += now - own
	}
	if r.target.PID != 0 {
		var cpuErr error
		r.cpu1, cpuErr = cpuTime(r.target.PID)
		err = errors.Join(err, cpuErr)
	}
	return err
}

func (r *writeRun) sendOne(ctx context.Context, p *pace, connection, to int) error {
	for {
		b, ok := r.feeds[connection].next(to)
		if !ok {
			return nil
		}
		if err := p.wait(ctx, connection, b.step); err != nil {
			return err
		}
		if err := r.senders[connection].send(ctx, b); err != nil {
			return err
		}
	}
}

// finish lets the server flush and settle, and measures.
func (r *writeRun) finish(ctx context.Context, settle time.Duration) (WriteResult, error) {
	defer r.client.CloseIdleConnections()
	if r.err == nil {
		r.err = r.watched(ctx, func(ctx context.Context) error { return r.settle(ctx, settle) })
	}
	result := r.result()
	if r.err == nil {
		r.err = errors.Join(r.measureProcess(&result), r.measureDisk(ctx, &result))
	}
	if r.err != nil {
		result.Error = r.err.Error()
	}
	return result, r.err
}

func (r *writeRun) settle(ctx context.Context, d time.Duration) error {
	if r.target.After != "" {
		if err := post(ctx, r.client, r.target.After); err != nil {
			return err
		}
	}
	return pause(ctx, d)
}

func (r *writeRun) result() WriteResult {
	w := WriteResult{Target: r.target.Name, Seconds: r.elapsed.Seconds(), Statuses: map[string]int{}, AnonBytes: r.anon}
	var latencies []time.Duration
	for _, s := range r.senders {
		w.Samples += s.samples
		latencies = append(latencies, s.latencies...)
		for status, n := range s.statuses {
			w.Statuses[status] += n
		}
	}
	w.Ack = summarise(latencies)
	if w.Samples > 0 {
		w.SamplesPerSecond = float64(w.Samples) / w.Seconds
		w.ClientCPU = micros(r.own, w.Samples)
	}
	return w
}

func (r *writeRun) measureProcess(w *WriteResult) error {
	if r.target.PID == 0 {
		return nil
	}
	cpu, err := cpuTime(r.target.PID)
	if err != nil {
		return err
	}
	m, err := readMemory(r.target.PID)
	if err != nil {
		return err
	}
	w.LoadCPU = micros(r.cpu1-r.cpu0, w.Samples)
	w.TotalCPU = micros(cpu-r.cpu0, w.Samples)
	w.PeakBytes = m.peak
	return nil
}

func (r *writeRun) measureDisk(ctx context.Context, w *WriteResult) (err error) {
	if r.target.DiskAfter != "" {
		if err := post(ctx, r.client, r.target.DiskAfter); err != nil {
			return err
		}
	}
	if r.target.Dir == "" {
		return nil
	}
	w.DiskBytes, w.DiskEntries, err = diskUse(r.target.Dir)
	w.BytesPerSample = float64(w.DiskBytes) / float64(w.Samples)
	return err
}

func micros(d time.Duration, samples int64) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(samples, 1))
}
