package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

func printBeside(out io.Writer, r *besideResults) {
	fmt.Fprintf(out, "\n%d samples a second are written; compaction off %.0f s (the server uses %.2f cores), on %.0f s (%.2f cores): %d jobs, %.1f MB/s of input\n",
		r.Rate, r.Off.Seconds, r.Off.Cores, r.On.Seconds, r.On.Cores, r.Work.Jobs, ratio(r.Work.Bytes/1e6, r.Work.Seconds))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ms\toff: n\tp50\tp90\tp99\tmax\ton: n\tp50\tp90\tp99\tmax\ton/off: p50\tp90\tp99\t")
	for _, s := range r.Streams {
		fmt.Fprintf(t, "%s\t", s.Name)
		for _, l := range []besideTimes{s.Off, s.On} {
			fmt.Fprintf(t, "%d\t%.1f\t%.1f\t%.1f\t%.1f\t", l.Requests, l.P50, l.P90, l.P99, l.Max)
		}
		fmt.Fprintf(t, "%.2f\t%.2f\t%.2f\t\n", ratio(s.On.P50, s.Off.P50), ratio(s.On.P90, s.Off.P90), ratio(s.On.P99, s.Off.P99))
	}
	t.Flush()
	fmt.Fprintln(out, "A request counts where it was sent; its time is from then to the last byte of the answer, the client on the same cores.")
}
