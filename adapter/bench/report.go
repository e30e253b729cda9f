package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

func printLoad(out io.Writer, l Load) {
	fmt.Fprintf(out, "load: %d series × %d samples (%v, one every %v) = %d samples; repeat with --series=%d --duration=%v --step=%v --seed=%d --start=%s\n",
		l.Series, l.Steps(), l.Duration, l.Step, l.Samples(), l.Series, l.Duration, l.Step, l.Seed, l.Start.Format(time.RFC3339))
}

func printWrites(out io.Writer, o WriteOptions, results []WriteResult) {
	s := o.Shape
	fmt.Fprintf(out, "\nwrite: remote-write %s, %d connections, %d samples a request, prepared before: %t, slices: %d\n",
		s.Protocol, s.Connections, s.SamplesPerRequest, s.Pregenerate, o.Slices)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "target\tsamples/s\tCPU µs/sample\tof it under load\tclient CPU\tpeak MB\tanon MB\tack p50 ms\tp90\tp99\tmax\tdisk MB\tbytes/sample\t answers\t")
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%.0f\t%s\t%s\t%.2f\t%s\t%s\t%.1f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t\n", r.Target, r.SamplesPerSecond,
			known("%.2f", r.TotalCPU), known("%.2f", r.LoadCPU), r.ClientCPU, megabytes(r.PeakBytes), megabytes(r.AnonBytes),
			r.Ack.P50, r.Ack.P90, r.Ack.P99, r.Ack.Max, megabytes(r.DiskBytes), known("%.2f", r.BytesPerSample), counted(r.Statuses))
	}
	t.Flush()
	fmt.Fprintf(out, "CPU: user and system time of the server process from the first request to the end of the settle time (%v after load and flush).\n", o.Settle)
	fmt.Fprintln(out, "samples/s: wall time from first request to last answer, client on the same cores. peak: VmHWM since the process began. disk: lengths of the files.")
	for _, r := range results {
		if r.Error != "" {
			fmt.Fprintf(out, "%s: after %d samples: %s\n", r.Target, r.Samples, r.Error)
		}
	}
}

// known shows a dash for what could not be measured.
func known(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func megabytes(n int64) string { return known("%.1f", float64(n)/1e6) }

// counted lists answers by status, as "204:7200 503:3".
func counted(statuses map[string]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(statuses)) {
		parts = append(parts, fmt.Sprintf("%s:%d", s, statuses[s]))
	}
	return strings.Join(parts, " ")
}

// writeJSON writes v to a file; no path, no file.
func writeJSON(path string, v any) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}
