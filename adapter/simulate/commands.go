package simulate

import (
	"context"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"herringbone/adapter/bench"
)

// Commands adds week, month and year to the command bench, which must be there,
// and returns what to run for each, by full command name.
func Commands(app *kingpin.Application) map[string]func(ctx context.Context) error {
	top := app.GetCommand("bench")
	week, month, year := DefaultWeekOptions(), DefaultMonthOptions(), DefaultYearOptions()
	commands := map[string]func(ctx context.Context) error{}
	add := func(name, help string, dir *string, l *bench.Load, run func(context.Context) error) {
		c := top.Command(name, help)
		c.Flag("dir", "Directory for the data, which is kept; default is a temporary one.").StringVar(dir)
		c.Flag("series", "Number of series.").Default("0").IntVar(&l.Series)
		c.Flag("duration", "Simulated time.").DurationVar(&l.Duration)
		c.Flag("step", "Time between two samples of a series.").DurationVar(&l.Step)
		commands[c.FullCommand()] = run
	}
	was := []bench.Load{week.Load, month.Load, year.Load}
	add("week", "Ingest for a simulated week with all compaction, and report bytes written, CPU time and files.", &week.Dir, &week.Load,
		func(ctx context.Context) error {
			week.Load = overlaid(was[0], week.Load)
			return Week(ctx, week, os.Stdout)
		})
	add("month", "Compare queries over a simulated month before and after compaction.", &month.Dir, &month.Load,
		func(ctx context.Context) error {
			month.Load = overlaid(was[1], month.Load)
			return Month(ctx, month, os.Stdout)
		})
	add("year", "Compare queries over a simulated year with and without aggregates.", &year.Dir, &year.Load,
		func(ctx context.Context) error {
			year.Load = overlaid(was[2], year.Load)
			return Year(ctx, year, os.Stdout)
		})
	return commands
}

// overlaid is l with what was given on the command line.
func overlaid(l, given bench.Load) bench.Load {
	if given.Series > 0 {
		l.Series = given.Series
	}
	if given.Duration > 0 {
		l.Duration = given.Duration
	}
	if given.Step > 0 {
		l.Step = given.Step
	}
	return l
}
