package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"herringbone/sql/duck"
	"herringbone/storage/series"
)

// SQLOptions say what bench sql measures.
type SQLOptions struct {
	Load SQLLoad
	// Data is a directory that is kept. A load that is in it already, wholly, is
	// used instead of Load. Empty: a temporary directory, removed in the end.
	Data    string
	Adapter string // Our binary; empty is this one.
	// MemoryMiB is the node's memory of a generation, and so the size of files.
	MemoryMiB int
	Only      string // Ask only questions with this text in their name; empty: all.
	Runs      int    // Of each question.
	LastRuns  int    // Of each question for a last value.
	// AnswerBytes is the size of the answer in whose course the node's memory is
	// watched, about; 0: it is not watched. It is read at ReadRate bytes a second.
	AnswerBytes, ReadRate int64
	Timeout               time.Duration
	JSON                  string // File for all results; empty is none.
}

// DefaultSQLOptions are those of the published figures.
func DefaultSQLOptions() SQLOptions {
	return SQLOptions{
		Load: DefaultSQLLoad(), MemoryMiB: 512, Runs: 5, LastRuns: 25,
		AnswerBytes: 1e9, ReadRate: 100e6, Timeout: 2 * time.Hour,
	}
}

// Validate checks the bounds, but not the load's, which may come from a file.
// Errors wrap series.ErrInvalid.
func (o SQLOptions) Validate() error {
	switch {
	case o.MemoryMiB < 1 || o.MemoryMiB > 1<<16:
		return fmt.Errorf("%d MiB of memory, 1 to %d are possible: %w", o.MemoryMiB, 1<<16, series.ErrInvalid)
	case o.Runs < 1 || o.LastRuns < 1:
		return fmt.Errorf("%d and %d runs, each must be positive: %w", o.Runs, o.LastRuns, series.ErrInvalid)
	case o.AnswerBytes < 0 || o.ReadRate < 1<<16:
		return fmt.Errorf("an answer of %d bytes read at %d a second, 0 and 65536 are the least: %w", o.AnswerBytes, o.ReadRate, series.ErrInvalid)
	case o.Timeout <= 0:
		return fmt.Errorf("timeout %v must be positive: %w", o.Timeout, series.ErrInvalid)
	}
	return nil
}

// sqlResults is what the JSON file holds.
type sqlResults struct {
	CPUs    int           `json:"cpus"`
	Load    SQLLoad       `json:"load"`
	Written sqlWritten    `json:"written"`
	Queries []sqlTimes    `json:"queries"`
	Last    []lastTimes   `json:"last"`
	Memory  *answerMemory `json:"memory,omitempty"`
}

// SQL writes a load to a node of its own, asks questions in SQL of it and of
// DuckDB alone over the same files, in alternation, and prints tables. The node
// is stopped whatever happened. Answers that differ are an error; slow ones are
// not.
func SQL(ctx context.Context, o SQLOptions, out io.Writer) (err error) {
	if err := o.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	b := &sqlBench{SQLOptions: o, root: o.Data}
	if b.Adapter == "" {
		if b.Adapter, err = os.Executable(); err != nil {
			return fmt.Errorf("find our own binary: %w", err)
		}
	}
	if b.root == "" {
		if b.root, err = os.MkdirTemp("", "herringbone-bench-"); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.root)) }()
	}
	if b.root, err = filepath.Abs(b.root); err != nil {
		return fmt.Errorf("find directory: %w", err)
	}
	results := sqlResults{CPUs: runtime.NumCPU()}
	if results.Written, err = b.prepare(ctx, out); err != nil {
		return err
	}
	results.Load = b.Load
	printSQLLoad(out, b.Load, results.Written)
	err = b.measure(ctx, &results, out)
	return errors.Join(err, writeJSON(o.JSON, results))
}

// sqlBench is one run.
type sqlBench struct {
	SQLOptions
	root  string   // Directory of everything.
	files []string // All sample files.

	node   *server
	client *sqlClient
	plain  *plainDuck
	copies *copies // Made when first needed.
}

// measure starts the node anew, so that its memory is that of queries, and goes
// through the parts.
func (b *sqlBench) measure(ctx context.Context, r *sqlResults, out io.Writer) (err error) {
	if b.node, err = sqlPeer(b.Adapter, b.MemoryMiB).start(ctx, b.root); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.node.stop()) }()
	b.client = &sqlClient{http: newClient(2, 0), base: b.node.base}
	defer b.client.http.CloseIdleConnections()
	if err := os.MkdirAll(b.temp(), 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.temp())) }()
	if b.plain, err = openPlain(ctx, b.plainOptions()); err != nil {
		return err
	}
	defer b.plain.instance.Close()
	if err := b.checkRows(ctx, r.Written.Rows); err != nil {
		return err
	}
	var errs []error
	r.Queries, err = b.askAll(ctx, out)
	errs = append(errs, err)
	printSQLTimes(out, b.SQLOptions, r.Queries)
	if ctx.Err() == nil && strings.Contains("last value", b.Only) {
		r.Last, err = b.lastValues(ctx)
		errs = append(errs, err)
		printLast(out, b.SQLOptions, r.Last)
	}
	if ctx.Err() == nil && b.AnswerBytes > 0 && strings.Contains("memory", b.Only) {
		r.Memory, err = b.watchAnswer(ctx)
		errs = append(errs, err)
		printAnswerMemory(out, r.Memory)
	}
	return errors.Join(errs...)
}

// temp is where DuckDB alone spills and where copies are.
func (b *sqlBench) temp() string { return filepath.Join(b.root, "temp") }

// plainOptions are those that a child of a node with default configuration has.
func (b *sqlBench) plainOptions() duck.Options {
	return duck.Options{Threads: runtime.GOMAXPROCS(0), MemoryBytes: 512 << 20, TempDir: b.temp(), TempBytes: 8 << 30, ExpressionDepth: 1000}
}

// checkRows wants every row that was acknowledged, both in the files and in our
// answer.
func (b *sqlBench) checkRows(ctx context.Context, rows int64) error {
	ours, err := b.client.answer(ctx, "SELECT count(*) AS n FROM samples", true, false)
	if err != nil {
		return err
	}
	plain, err := b.plain.answer(ctx, "SELECT count(*) AS n FROM "+readParquet(b.files, false), true)
	if err != nil {
		return err
	}
	want := appendText(nil, fmt.Sprint(rows))
	for name, a := range map[string]*sqlAnswer{"the API": ours, "the files": plain} {
		if len(a.kept) != 1 || a.kept[0].key != string(want) {
			return fmt.Errorf("%d rows were acknowledged, %s has %v", rows, name, a.kept)
		}
	}
	return nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	return nil
}
