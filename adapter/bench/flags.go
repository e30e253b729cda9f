package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"herringbone/storage/series"
)

// Commands adds the command bench with its parts to app and returns what to run
// for each, by full command name ("bench write"). Tables go to standard output.
func Commands(app *kingpin.Application) map[string]func(ctx context.Context) error {
	top := app.Command("bench", "Put load on Prometheus-compatible stores and measure them.")
	commands := map[string]func(ctx context.Context) error{}
	for _, add := range []func(*kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error){
		writeCommand, queryCommand, compareCommand, sqlCommand, besideCommand,
	} {
		clause, run := add(top)
		commands[clause.FullCommand()] = run
	}
	return commands
}

// targetFlags are what the commands that ask running servers have in common.
type targetFlags struct {
	targets []string
	start   *string
}

// afterFlags adds the flags that come last in the help.
func (t *targetFlags) afterFlags(c *kingpin.CmdClause, allowRemote *bool, json *string) {
	c.Flag("allow-remote", "Take targets that are not on this machine.").BoolVar(allowRemote)
	c.Flag("json", "File to write the results to.").StringVar(json)
}

// parse reads the flags' texts.
func (t *targetFlags) parse(l *Load, targets *[]Target) (err error) {
	if l.Start, err = parseStart(*t.start); err != nil {
		return err
	}
	*targets, err = parseTargets(t.targets)
	return err
}

func writeCommand(top *kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error) {
	c := top.Command("write", "Send remote-write requests and report speed, CPU, memory, latency and disk use.")
	o := DefaultWriteOptions()
	var t targetFlags
	c.Flag("target", "name=URL of a remote-write endpoint, then optionally ,pid=N ,data=DIR ,after=URL (posted to after the load; its work counts) ,disk-after=URL (posted to before DIR is measured; does not count). Can be repeated.").
		Required().StringsVar(&t.targets)
	t.start = loadFlags(c, &o.Load)
	writeFlags(c, &o)
	t.afterFlags(c, &o.AllowRemote, &o.JSON)
	return c, func(ctx context.Context) error {
		if err := t.parse(&o.Load, &o.Targets); err != nil {
			return err
		}
		return Write(ctx, o, os.Stdout)
	}
}

func queryCommand(top *kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error) {
	c := top.Command("query", "Ask about what bench write wrote, compare answers and times.")
	o := DefaultQueryOptions()
	var t targetFlags
	c.Flag("target", "name=URL, the base of a query API, then optionally ,pid=N. Can be repeated; the first is the reference.").
		Required().StringsVar(&t.targets)
	t.start = loadFlags(c, &o.Load)
	queryFlags(c, &o)
	c.Flag("timeout", "Bound of the whole run.").Default(o.Timeout.String()).DurationVar(&o.Timeout)
	t.afterFlags(c, &o.AllowRemote, &o.JSON)
	return c, func(ctx context.Context) error {
		if err := t.parse(&o.Load, &o.Targets); err != nil {
			return err
		}
		return Query(ctx, o, os.Stdout)
	}
}

func compareCommand(top *kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error) {
	c := top.Command("compare", "Start Prometheus, VictoriaMetrics and this binary side by side, run bench write and bench query against all, stop them.")
	o := DefaultCompareOptions()
	c.Flag("write", "Report writes.").Default("true").BoolVar(&o.ShowWrite)
	c.Flag("query", "Run and report queries.").Default("true").BoolVar(&o.ShowQuery)
	c.Flag("prometheus", "Its binary; left out if not found.").Default(o.Prometheus).StringVar(&o.Prometheus)
	c.Flag("victoria-metrics", "Its binary; left out if not found.").Default(o.VictoriaMetrics).StringVar(&o.VictoriaMetrics)
	c.Flag("adapter", "Our binary; this one by default.").StringVar(&o.Adapter)
	c.Flag("root", "Directory for data and logs; a temporary one by default.").StringVar(&o.Root)
	c.Flag("keep", "Leave data and logs there.").BoolVar(&o.Keep)
	start := loadFlags(c, &o.Write.Load)
	writeFlags(c, &o.Write)
	queryFlags(c, &o.Query)
	c.Flag("json", "File to write the results to.").StringVar(&o.JSON)
	return c, func(ctx context.Context) (err error) {
		if o.Write.Load.Start, err = parseStart(*start); err != nil {
			return err
		}
		o.Query.Timeout = o.Write.Timeout
		return Compare(ctx, o, os.Stdout)
	}
}

func sqlCommand(top *kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error) {
	c := top.Command("sql", "Write a load to a node of its own and ask it and DuckDB alone the same questions in SQL.")
	o := DefaultSQLOptions()
	l := &o.Load
	c.Flag("rows", "Number of rows, about.").Default(fmt.Sprint(l.Rows)).Int64Var(&l.Rows)
	c.Flag("series", "Number of series without those of the year.").Default(fmt.Sprint(l.Series)).IntVar(&l.Series)
	c.Flag("days", "Days that they span.").Default(fmt.Sprint(l.Days)).IntVar(&l.Days)
	c.Flag("year-series", "Number of series that span a year, at one sample a minute.").Default(fmt.Sprint(l.YearSeries)).IntVar(&l.YearSeries)
	c.Flag("year-days", "Days of that year.").Default(fmt.Sprint(l.YearDays)).IntVar(&l.YearDays)
	c.Flag("seed", "Of the random values.").Default(fmt.Sprint(l.Seed)).Uint64Var(&l.Seed)
	c.Flag("data", "Directory that is kept; a load that is in it already is used again. A temporary one by default.").StringVar(&o.Data)
	c.Flag("adapter", "Our binary; this one by default.").StringVar(&o.Adapter)
	c.Flag("memory", "The node's memory of a generation, in MiB: more makes fewer files.").Default(fmt.Sprint(o.MemoryMiB)).IntVar(&o.MemoryMiB)
	c.Flag("only", "Ask only questions with this text in their name.").StringVar(&o.Only)
	c.Flag("runs", "Timed repetitions of each question.").Default(fmt.Sprint(o.Runs)).IntVar(&o.Runs)
	c.Flag("last-runs", "Timed repetitions of each question for a last value.").Default(fmt.Sprint(o.LastRuns)).IntVar(&o.LastRuns)
	c.Flag("answer-bytes", "Size of the answer in whose course the node's memory is watched; 0 is none.").Default(fmt.Sprint(o.AnswerBytes)).Int64Var(&o.AnswerBytes)
	c.Flag("read-rate", "Bytes a second at which it is read.").Default(fmt.Sprint(o.ReadRate)).Int64Var(&o.ReadRate)
	c.Flag("timeout", "Bound of the whole run.").Default(o.Timeout.String()).DurationVar(&o.Timeout)
	c.Flag("json", "File to write the results to.").StringVar(&o.JSON)
	return c, func(ctx context.Context) error { return SQL(ctx, o, os.Stdout) }
}

func besideCommand(top *kingpin.CmdClause) (*kingpin.CmdClause, func(context.Context) error) {
	c := top.Command("beside", "Write to and ask a node of its own at a steady rate while compaction is off and on in turn, and compare the latencies.")
	o := DefaultBesideOptions()
	l := &o.Backlog
	c.Flag("series", "Number of series of the backlog.").Default(fmt.Sprint(l.Series)).IntVar(&l.Series)
	c.Flag("duration", "Time that the backlog spans, in whole hours; each is a file a metric bucket.").Default(l.Duration.String()).DurationVar(&l.Duration)
	c.Flag("step", "Time between two samples of its series.").Default(l.Step.String()).DurationVar(&l.Step)
	c.Flag("rate", "Samples a second that are written while the clock runs.").Default(fmt.Sprint(o.Rate)).IntVar(&o.Rate)
	c.Flag("samples-per-request", "Samples in one request.").Default(fmt.Sprint(o.Request)).IntVar(&o.Request)
	c.Flag("window", "How long compaction is off, then on.").Default(o.Window.String()).DurationVar(&o.Window)
	c.Flag("windows", "How often each.").Default(fmt.Sprint(o.Windows)).IntVar(&o.Windows)
	c.Flag("compaction", "A line for the section compaction of the node's configuration, as 'duty: 0.5'. Can be repeated.").StringsVar(&o.Compaction)
	c.Flag("adapter", "Our binary; this one by default.").StringVar(&o.Adapter)
	c.Flag("timeout", "Bound of the whole run.").Default(o.Timeout.String()).DurationVar(&o.Timeout)
	c.Flag("json", "File to write the results to.").StringVar(&o.JSON)
	return c, func(ctx context.Context) error { return Beside(ctx, o, os.Stdout) }
}

// loadFlags returns the start as text; it has two forms and a default that
// depends on the time of day.
func loadFlags(c *kingpin.CmdClause, l *Load) *string {
	c.Flag("series", "Number of series.").Default(fmt.Sprint(l.Series)).IntVar(&l.Series)
	c.Flag("duration", "Time that the samples span.").Default(l.Duration.String()).DurationVar(&l.Duration)
	c.Flag("step", "Time between two samples of a series.").Default(l.Step.String()).DurationVar(&l.Step)
	c.Flag("seed", "Of the random values.").Default(fmt.Sprint(l.Seed)).Uint64Var(&l.Seed)
	return c.Flag("start", "Time of the first samples, as 2006-01-02T15:04:05Z; now less the duration by default.").String()
}

func writeFlags(c *kingpin.CmdClause, o *WriteOptions) {
	s := &o.Shape
	c.Flag("protocol", "Version of remote-write, 1.0 or 2.0.").Default(string(s.Protocol)).StringVar((*string)(&s.Protocol))
	c.Flag("connections", "Number of connections; series are dealt out to them.").Default(fmt.Sprint(s.Connections)).IntVar(&s.Connections)
	c.Flag("samples-per-request", "Samples in one request.").Default(fmt.Sprint(s.SamplesPerRequest)).IntVar(&s.SamplesPerRequest)
	c.Flag("pregenerate", "Make all requests before the clock starts and keep them in memory.").Default(fmt.Sprint(s.Pregenerate)).BoolVar(&s.Pregenerate)
	c.Flag("pregenerate-bytes", "Most memory for them.").Default(fmt.Sprint(s.MaxPrepared)).Int64Var(&s.MaxPrepared)
	c.Flag("max-skew", "How far a connection may run ahead of the slowest, in the samples' time.").Default(s.MaxSkew.String()).DurationVar(&s.MaxSkew)
	c.Flag("retries", "Of one request, after 429, 5xx or a broken connection.").Default(fmt.Sprint(s.Retries)).IntVar(&s.Retries)
	c.Flag("interleave", "Cut the load in so many pieces and let the targets take turns; 1 is one after the other.").Default(fmt.Sprint(o.Slices)).IntVar(&o.Slices)
	c.Flag("settle", "Time for flushes and compactions after the load; their work counts.").Default(o.Settle.String()).DurationVar(&o.Settle)
	c.Flag("timeout", "Bound of the whole run.").Default(o.Timeout.String()).DurationVar(&o.Timeout)
}

func queryFlags(c *kingpin.CmdClause, o *QueryOptions) {
	c.Flag("only", "Ask only questions with this text in their name.").StringVar(&o.Only)
	c.Flag("rounds", "Timed repetitions of each question.").Default(fmt.Sprint(o.Rounds)).IntVar(&o.Rounds)
	c.Flag("deadline", "Bound of one question.").Default(o.Deadline.String()).DurationVar(&o.Deadline)
	c.Flag("strict", "End with an error if answers differ.").BoolVar(&o.Strict)
}

func parseStart(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("start: %w: %w", err, series.ErrInvalid)
	}
	return t, nil
}

func parseTargets(texts []string) ([]Target, error) {
	targets := make([]Target, len(texts))
	for i, text := range texts {
		t, err := ParseTarget(text)
		if err != nil {
			return nil, err
		}
		targets[i] = t
	}
	return targets, nil
}
