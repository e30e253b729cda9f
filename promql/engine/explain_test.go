package engine

import (
	"strings"
	"testing"

	"herringbone/storage/series"
)

// TestExplainFiles: with verbose=1, and only then, the files are listed.
func TestExplainFiles(t *testing.T) {
	trace := &series.Trace{}
	s := trace.Begin(series.Query{MinT: 1, MaxT: 2})
	s.Pruned(3, 1, 1, 0)
	s.Opened(series.TracedFile{Name: "day/L0-x.parquet", Rows: 7, MinT: 1, MaxT: 2, Series: 4})
	for _, verbose := range []bool{false, true} {
		n := &PlanNode{Type: "selector", Expr: "up"}
		p := planner{verbose: verbose}
		p.reads(n, trace)
		var b strings.Builder
		n.writeText(&b, 0)
		if got := strings.Contains(b.String(), "file day/L0-x.parquet: level 0, 7 rows"); got != verbose || (len(n.Files) == 1) != verbose {
			t.Errorf("verbose %v: %+v\n%s", verbose, n.Files, b.String())
		}
		if want := "files: 3 known, pruned 1 by time, 1 by partition, 0 by name; 1 opened, 0 of them"; !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
