package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

func printQueries(out io.Writer, o QueryOptions, results []QueryResult) {
	first := o.Targets[0].Name
	fmt.Fprintf(out, "\nquery: %d rounds (%d where answers take less than %v) after one to warm up, targets in turn; ratio: median over that of %s\n", o.Rounds, quickFactor*o.Rounds, quick, first)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "query\ttarget\tmedian ms\tp90 ms\tCPU ms\tratio\tseries\tpoints\t answer\t")
	for _, r := range results {
		if r.Error != "" {
			fmt.Fprintf(t, "%s\t%s\t-\t-\t-\t-\t%d\t%d\terror\t\n", r.Query, r.Target, r.Series, r.Points)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%s\t%.2f\t%d\t%d\t%s\t\n", r.Query, r.Target, r.Median, r.P90,
			known("%.1f", r.CPU), r.Ratio, r.Series, r.Points, verdict(r, first))
	}
	t.Flush()
	for _, target := range o.Targets[1:] {
		printStanding(out, target.Name, first, results)
	}
	for _, r := range results {
		switch {
		case r.Error != "":
			fmt.Fprintf(out, "%s of %s: %s\n", r.Query, r.Target, r.Error)
		case r.Differs != "":
			fmt.Fprintf(out, "%s of %s differs: %s\n", r.Query, r.Target, r.Differs)
		}
	}
}

// printStanding sums up how a target stands to the first one.
func printStanding(out io.Writer, target, first string, results []QueryResult) {
	var slower []string
	asked, best, worst := 0, 0.0, math.Inf(1)
	for _, r := range results {
		if r.Target != target || r.Ratio == 0 {
			continue
		}
		asked++
		if r.Ratio > 1 {
			slower = append(slower, fmt.Sprintf("%s (%.2f)", r.Query, r.Ratio))
		}
		if r.Wide {
			best, worst = max(best, 1/r.Ratio), min(worst, 1/r.Ratio)
		}
	}
	fmt.Fprintf(out, "%s against %s: slower in %d of %d %s", target, first, len(slower), asked, strings.Join(slower, " "))
	if best > 0 {
		fmt.Fprintf(out, "; wide ranges are %.1f to %.1f times as fast", worst, best)
	}
	fmt.Fprintln(out)
}

func verdict(r QueryResult, first string) string {
	switch {
	case r.Target == first:
		return "reference"
	case r.Differs != "":
		return "differs"
	default:
		return "same"
	}
}
