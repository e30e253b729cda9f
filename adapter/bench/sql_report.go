package bench

import (
	"fmt"
	"io"
)

func printSQLTimes(out io.Writer, o SQLOptions, results []sqlTimes) {
	fmt.Fprintf(out, "\nMedians of %d runs in alternation, milliseconds; answers are Arrow over HTTP, read to their end, and equal to DuckDB's.\n", o.Runs)
	fmt.Fprintf(out, "DuckDB: alone, in a process that is warm, with the same threads and settings, on the files that the question needs; all: on all files.\n")
	fmt.Fprintf(out, "over: what is above %.1f × DuckDB; up to %d is the promise.\n\n", mostRatio, mostOverhead)
	fmt.Fprintln(out, "| query | rows | files | Herringbone | DuckDB | ratio | over | all | promise |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|---|")
	for _, t := range results {
		if t.Error != "" {
			fmt.Fprintf(out, "| %s | | | | | | | | error |\n", t.Query)
			continue
		}
		fmt.Fprintf(out, "| %s | %d | %d | %.1f | %.1f | %.2f | %.1f | %.1f | %s |\n",
			t.Query, t.Rows, t.Files, t.Ours, t.Plain, t.ratio(), t.overhead(), t.All, kept(t.overhead() <= mostOverhead))
	}
	printBuckets(out, results)
	for _, t := range results {
		if t.Error != "" {
			fmt.Fprintf(out, "\n%s: %s\n", t.Query, t.Error)
		}
	}
}

func printBuckets(out io.Writer, results []sqlTimes) {
	begun := false
	for _, t := range results {
		if t.Zoneless == 0 {
			continue
		}
		if !begun {
			fmt.Fprintln(out, "\n| rounding times | Herringbone | DuckDB | DuckDB, copy, TIMESTAMPTZ | DuckDB, copy, TIMESTAMP | ratio to that | over |")
			fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|")
			begun = true
		}
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %.1f | %.1f | %.2f | %.1f |\n",
			t.Query, t.Ours, t.Plain, t.Zoned, t.Zoneless, t.Ours/t.Zoneless, t.Ours-mostRatio*t.Zoneless)
	}
}

func kept(ok bool) string {
	if ok {
		return "kept"
	}
	return "**not kept**"
}

func printLast(out io.Writer, o SQLOptions, results []lastTimes) {
	fmt.Fprintf(out, "\n%s: one sample a minute, %d series, %d days; in alternation.\n\n", metricYear, o.Load.YearSeries, o.Load.YearDays)
	fmt.Fprintln(out, "| query | runs | median ms | p90 ms | files opened | of |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|")
	medians := map[string]float64{}
	for _, r := range results {
		opened, of := "", ""
		if r.Progressive {
			opened, of = fmt.Sprint(r.Opened), fmt.Sprint(r.Files)
		}
		fmt.Fprintf(out, "| %s | %d | %.2f | %.2f | %s | %s |\n", r.Query, r.Runs, r.Median, r.P90, opened, of)
		medians[r.Query] = r.Median
	}
	if len(results) == 0 {
		return
	}
	flat, gain := medians[lastYear]/medians[lastHour], medians[lastYearWhole]/medians[lastYear]
	fmt.Fprintf(out, "\na year's range takes %.2f × an hour's (promise: up to 2): %s; without progressive evaluation %.0f × as long (promise: 100 or more): %s\n",
		flat, kept(flat <= 2), gain, kept(gain >= 100))
}

func printAnswerMemory(out io.Writer, m *answerMemory) {
	if m == nil {
		return
	}
	const mib = 1 << 20
	fmt.Fprintf(out, "\nan answer of %.0f MB of CSV, read in %.1f s: resident memory of the node before %.1f MiB, at most %.1f MiB, growth %.1f MiB (promise: up to %d): %s; the most in its life %.1f MiB\n",
		float64(m.Bytes)/1e6, m.Seconds, float64(m.Before)/mib, float64(m.Most)/mib, float64(m.growth())/mib, mostGrowth/mib,
		kept(m.growth() <= mostGrowth), float64(m.Peak)/mib)
}
