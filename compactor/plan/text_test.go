package plan

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// parseFile reads a file of a scenario:
//
//	a L0 d3 00:00-01:00 seq 5 4MB
//
// d0 is 2026-01-01; a file of level 3 or more has the unit that the day is in.
// After the day anything may be left out: times (the whole unit), seq (1), size
// (1MB), and
//
//	names b-d, key __name__~2=1, tenant t, rows exemplars, age 2h (at now;
//	48h), clean 7, dropped
func parseFile(t *testing.T, text string, now int64) *catalog.File {
	t.Helper()
	words := strings.Fields(text)
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		w := words[0]
		words = words[1:]
		return w
	}
	f := &catalog.File{
		Tenant: "default", Kind: catalog.Samples, Partition: "__name__~2=0", Seq: 1, Size: 1 << 20, Rows: 10, Series: 1,
		MinName: "a", MaxName: "z", Created: now - 48*time.Hour.Milliseconds(),
	}
	f.ID = next()
	f.Name = f.ID
	f.Level = number(t, strings.TrimPrefix(next(), "L"))
	u := unitOf(f.Level, firstDay+int64(number(t, strings.TrimPrefix(next(), "d"))))
	f.Day, f.Days, f.MinT, f.MaxT = u.Day, u.Days, u.Day*series.DayMillis, u.End()-1
	for len(words) > 0 {
		switch w := next(); w {
		case "seq":
			f.Seq = int64(number(t, next()))
		case "clean":
			f.Clean = int64(number(t, next()))
		case "names":
			f.MinName, f.MaxName, _ = strings.Cut(next(), "-")
		case "key":
			f.Partition = next()
		case "tenant":
			f.Tenant = series.Tenant(next())
		case "rows":
			f.Kind = catalog.Kind(next())
		case "age":
			f.Created = now - duration(t, next())
		case "dropped":
			f.SamplesDropped = true
		default:
			if mb, ok := strings.CutSuffix(w, "MB"); ok {
				f.Size = int64(number(t, mb)) << 20
				continue
			}
			from, to, _ := strings.Cut(w, "-")
			f.MinT, f.MaxT = f.MinT+clock(t, from), f.MinT+clock(t, to)-1
		}
	}
	if err := f.Validate(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, text string) int64 {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.Milliseconds()
}

// clock reads a time of day, "06:00".
func clock(t *testing.T, text string) int64 {
	t.Helper()
	h, m, _ := strings.Cut(text, ":")
	return int64(number(t, h)*60+number(t, m)) * 60_000
}

// parseTime reads "d3 06:00".
func parseTime(t *testing.T, text string) int64 {
	t.Helper()
	d, at, _ := strings.Cut(text, " ")
	return (firstDay+int64(number(t, strings.TrimPrefix(d, "d"))))*series.DayMillis + clock(t, at)
}

// describe is a job of a scenario: "L1 d3: a b (several L0)". A unit of several
// days is d0+31; a file that is only read is in brackets.
func describe(jobs []Job) (texts []string) {
	for _, j := range jobs {
		var b strings.Builder
		if j.Kind != Merge {
			fmt.Fprintf(&b, "%s ", j.Kind)
		}
		if j.Rows != catalog.Samples {
			fmt.Fprintf(&b, "%s ", j.Rows)
		}
		fmt.Fprintf(&b, "L%d d%d", j.Level, j.Unit.Day-firstDay)
		if j.Unit.Days > 1 {
			fmt.Fprintf(&b, "+%d", j.Unit.Days)
		}
		b.WriteString(":")
		for _, f := range j.Inputs {
			if f.Remove {
				fmt.Fprintf(&b, " %s", f.ID)
			} else {
				fmt.Fprintf(&b, " [%s]", f.ID)
			}
		}
		for _, r := range j.Rules {
			fmt.Fprintf(&b, " +%s", strings.TrimPrefix(string(r.Kind()), "aggregates-"))
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", b.String(), j.Why))
	}
	return texts
}

func TestWritePlan(t *testing.T) {
	now := parseTime(t, "d40 12:00")
	var files []*catalog.File
	for _, text := range []string{"a L2 d3 seq 4 2MB", "b L0 d3 06:00-07:00 seq 9 1MB", "c L4 d3 seq 4 rows aggregates-5m"} {
		files = append(files, parseFile(t, text, now))
	}
	jobs := Make(State{
		Files: slices.Values(files), Now: now, Levels: DefaultLevels(),
		Rules: []Rule{{Tenant: "default", Resolution: 300_000, After: 0, KeepSamples: true}},
	})
	var b strings.Builder
	if err := WritePlan(&b, jobs); err != nil {
		t.Fatal(err)
	}
	const want = `1. merge default samples __name__~2=0 2026-01-01..2026-01-31 to month: 3 files (closed month)
     rule  aggregates-5m after 0s of {}
     takes  a L2 2026-01-04 seq 4, 10 rows of 1 series, 2097152 bytes
     takes  b L0 2026-01-04 seq 9, 10 rows of 1 series, 1048576 bytes
     takes  c L4 2026-01-01..2026-01-31 seq 4, 10 rows of 1 series, 1048576 bytes, aggregates-5m
1 jobs, 3 files, 4194304 bytes.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := WritePlan(&b, nil); err != nil || b.String() != "Nothing to do.\n" {
		t.Errorf("an empty plan is %q, %v", b.String(), err)
	}
}

func TestJobIDTellsJobsApart(t *testing.T) {
	f := parseFile(t, "a L2 d3", 0)
	job := Job{Kind: Merge, Tenant: "default", Rows: catalog.Samples, Level: 2, Unit: UnitOfFile(f), Inputs: inputs([]*catalog.File{f}, true)}
	same := job
	same.Why = "another reason"
	if job.ID() != same.ID() {
		t.Error("a reason makes another job of it")
	}
	others := map[string]func(*Job){
		"kind":   func(j *Job) { j.Kind = Clean },
		"level":  func(j *Job) { j.Level = math.MaxInt },
		"inputs": func(j *Job) { j.Inputs = inputs([]*catalog.File{parseFile(t, "b L2 d3", 0)}, true) },
		"remove": func(j *Job) { j.Inputs = inputs([]*catalog.File{f}, false) },
		"rules":  func(j *Job) { j.Rules = []*Rule{{Resolution: 300_000}} },
	}
	for name, change := range others {
		other := job
		change(&other)
		if other.ID() == job.ID() {
			t.Errorf("a job with other %s has the same ID", name)
		}
	}
}
