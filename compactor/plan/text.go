package plan

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"herringbone/storage/catalog"
)

// String names the job in one line, without its inputs:
// "merge default samples __name__~8=3 2026-05-03 to day: 4 files (closed day)".
func (j Job) String() string {
	return fmt.Sprintf("%s %s %s %s %s to %s: %d files (%s)",
		j.Kind, j.Tenant, j.Rows, keyName(j.Partition), j.Unit, levelName(j.Level), len(j.Inputs), j.Why)
}

func keyName(partition string) string {
	if partition == "" {
		return "all"
	}
	return partition
}

func levelName(level int) string {
	names := [...]string{"flush", "window", "day", "week", "month", "year"}
	if level < 0 || level >= len(names) {
		return fmt.Sprintf("level %d", level)
	}
	return names[level]
}

// ID is the same for a job that would do the same with the same files, and for
// no other.
func (j Job) ID() string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%q %q %q %q %d %v %d", j.Kind, j.Tenant, j.Rows, j.Partition, j.Level, j.Unit, j.Window)
	for _, f := range j.Inputs {
		fmt.Fprintf(h, " %q %t", f.ID, f.Remove)
	}
	for _, r := range j.Rules {
		fmt.Fprintf(h, " %q", r.String())
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// WritePlan writes jobs for people, in their order.
func WritePlan(w io.Writer, jobs []Job) error {
	var b strings.Builder
	if len(jobs) == 0 {
		b.WriteString("Nothing to do.\n")
	}
	var files int
	var bytes int64
	for i, j := range jobs {
		fmt.Fprintf(&b, "%d. %s\n", i+1, j)
		for _, r := range j.Rules {
			fmt.Fprintf(&b, "     rule  %s\n", r)
		}
		for _, f := range j.Inputs {
			fmt.Fprintf(&b, "     %-6s %s L%d %s seq %d, %d rows of %d series, %d bytes%s\n",
				verb(j, f), f.ID, f.Level, UnitOfFile(f.File), f.Seq, f.Rows, f.Series, f.Size, unlike(j, f.File))
			files++
			bytes += f.Size
		}
	}
	if len(jobs) > 0 {
		fmt.Fprintf(&b, "%d jobs, %d files, %d bytes.\n", len(jobs), files, bytes)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verb says what becomes of an input.
func verb(j Job, f Input) string {
	if f.Remove {
		return "takes"
	}
	return "reads"
}

func unlike(j Job, f *catalog.File) string {
	if f.Kind == j.Rows {
		return ""
	}
	return ", " + string(f.Kind)
}
