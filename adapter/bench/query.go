package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"herringbone/storage/series"
)

// QueryOptions say what to ask whom.
type QueryOptions struct {
	Load        Load     // What was written; Start must be set.
	Targets     []Target // Base URLs of query APIs. The first is the reference.
	Only        string   // Part of the names of the questions to ask; empty is all.
	Rounds      int      // Timed repetitions, after one that warms up; ten times as many for quick answers.
	Timeout     time.Duration
	Deadline    time.Duration // For one question.
	Strict      bool          // Different answers are an error.
	AllowRemote bool
	JSON        string // File for the results; empty is none.
}

// DefaultQueryOptions have no target and no start.
func DefaultQueryOptions() QueryOptions {
	return QueryOptions{Load: DefaultLoad(), Rounds: 5, Timeout: 30 * time.Minute, Deadline: 2 * time.Minute}
}

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (o QueryOptions) Validate() error {
	switch {
	case o.Load.Start.IsZero():
		return fmt.Errorf("the start of the load must be given, bench write prints it: %w", series.ErrInvalid)
	case o.Rounds < 1 || o.Rounds > 10_000:
		return fmt.Errorf("%d rounds, 1 to 10000 are possible: %w", o.Rounds, series.ErrInvalid)
	case o.Timeout <= 0 || o.Deadline <= 0:
		return fmt.Errorf("timeouts %v and %v must be positive: %w", o.Timeout, o.Deadline, series.ErrInvalid)
	}
	return errors.Join(o.Load.Validate(), validateTargets(o.Targets, o.AllowRemote))
}

// QueryResult is how one target answered one question.
type QueryResult struct {
	Query  string  `json:"query"`
	Target string  `json:"target"`
	Wide   bool    `json:"wide,omitempty"` // A range over thousands of series.
	Median float64 `json:"median_ms"`      // From request to the last byte of the answer.
	P90    float64 `json:"p90_ms"`
	CPU    float64 `json:"cpu_ms"` // Mean CPU time of the server a question; 0 without process id.
	Ratio  float64 `json:"ratio"`  // Median over that of the first target.
	Series int     `json:"series"`
	Points int     `json:"points"`
	Bytes  int     `json:"bytes"`
	// Differs says how the answer is unlike the first target's; empty if alike.
	Differs string `json:"differs,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Query asks every target the built-in questions, compares the answers and
// prints a table to out. Targets take turns, question by question, so that all
// see the same machine. An error of one target is reported in its row and in the
// error at the end; the others go on. Errors wrap series.ErrInvalid for wrong
// options.
func Query(ctx context.Context, o QueryOptions, out io.Writer) error {
	results, err := measureQueries(ctx, &o, out)
	if len(results) == 0 {
		return err
	}
	printQueries(out, o, results)
	return errors.Join(err, writeJSON(o.JSON, results))
}

func measureQueries(ctx context.Context, o *QueryOptions, out io.Writer) ([]QueryResult, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.Load = o.Load.Aligned(o.Load.Start)
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	printLoad(out, o.Load)
	client := newClient(1, o.Deadline)
	defer client.CloseIdleConnections()

	var results []QueryResult
	var errs []error
	for _, q := range questions(o.Load) {
		if !strings.Contains(q.name, o.Only) {
			continue
		}
		fmt.Fprintf(out, "query %s\n", q.name)
		rows, err := askAll(ctx, client, *o, q)
		results = append(results, rows...)
		errs = append(errs, err)
	}
	if len(results) == 0 {
		errs = append(errs, fmt.Errorf("no question has %q in its name: %w", o.Only, series.ErrInvalid))
	}
	return results, errors.Join(errs...)
}

// askAll asks one question of all targets: once to warm up and to compare, then
// in rounds by the clock.
func askAll(ctx context.Context, client *http.Client, o QueryOptions, q question) ([]QueryResult, error) {
	trials := make([]trial, len(o.Targets))
	var errs []error
	var reference answer
	for i, t := range o.Targets {
		trials[i] = trial{client: client, target: t, question: q}
		a := trials[i].warm(ctx)
		switch {
		case i == 0:
			reference = a
		case reference != nil && a != nil:
			trials[i].result.Differs = difference(reference, a)
		}
	}
	runtime.GC() // What parsing left behind is not collected while a clock runs.
	for range o.rounds(trials) {
		for i := range trials {
			trials[i].round(ctx)
		}
	}
	rows := make([]QueryResult, len(trials))
	for i := range trials {
		rows[i] = trials[i].row()
		rows[i].Ratio = ratio(rows[i].Median, rows[0].Median)
		if err := trials[i].err; err != nil {
			errs = append(errs, fmt.Errorf("ask %s %s: %w", rows[i].Target, q.name, err))
		}
		if d := rows[i].Differs; d != "" && o.Strict {
			errs = append(errs, fmt.Errorf("answer of %s to %s differs: %s", rows[i].Target, q.name, d))
		}
	}
	return rows, errors.Join(errs...)
}

// rounds is the number of timed rounds. One answer in a millisecond says little,
// so quick questions are asked quickFactor times as often.
func (o QueryOptions) rounds(trials []trial) int {
	for i := range trials {
		if trials[i].warmed > quick {
			return o.Rounds
		}
	}
	return quickFactor * o.Rounds
}

const (
	quick       = 20 * time.Millisecond
	quickFactor = 10
)

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// trial is one question to one target. After an error it asks no more.
type trial struct {
	client   *http.Client
	target   Target
	question question
	text     bytes.Buffer
	warmed   time.Duration // What the first time took.
	times    []time.Duration
	cpu      time.Duration
	result   QueryResult
	err      error
}

// warm asks once, notes the size of the answer and returns it; nil on an error.
func (t *trial) warm(ctx context.Context) answer {
	begin := time.Now()
	text, err := t.ask(ctx)
	t.warmed = time.Since(begin)
	var a answer
	if err == nil {
		a, err = parseAnswer(text)
	}
	t.err = err
	t.result.Series, t.result.Points, t.result.Bytes = len(a), a.points(), len(text)
	return a
}

// round asks once by the clock.
func (t *trial) round(ctx context.Context) {
	if t.err != nil {
		return
	}
	before, cpuErr := t.cpuTime()
	begin := time.Now()
	text, err := t.ask(ctx)
	took := time.Since(begin)
	after, cpuErr2 := t.cpuTime()
	t.err = errors.Join(err, cpuErr, cpuErr2)
	if t.err == nil && len(text) == 0 {
		t.err = fmt.Errorf("empty answer")
	}
	t.times = append(t.times, took)
	t.cpu += after - before
}

func (t *trial) cpuTime() (time.Duration, error) {
	if t.target.PID == 0 {
		return 0, nil
	}
	return cpuTime(t.target.PID)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 30

// ask returns the answer's bytes, which the next ask overwrites: growing a new
// buffer every time would be timed as the server's work.
func (t *trial) ask(ctx context.Context) ([]byte, error) {
	address := strings.TrimSuffix(t.target.URL, "/") + t.question.path + "?" + t.question.params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, excerpt(resp.Body))
	}
	t.text.Reset()
	if _, err := t.text.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1)); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if t.text.Len() > maxAnswer {
		return nil, fmt.Errorf("answer is longer than %d bytes", maxAnswer)
	}
	return t.text.Bytes(), nil
}

func (t *trial) row() QueryResult {
	r := t.result
	r.Query, r.Target, r.Wide = t.question.name, t.target.Name, t.question.wide
	if t.err != nil {
		r.Error = t.err.Error()
		return r
	}
	slices.Sort(t.times)
	r.Median, r.P90 = millis(quantile(t.times, 0.5)), millis(quantile(t.times, 0.9))
	r.CPU = millis(t.cpu) / float64(len(t.times))
	return r
}
