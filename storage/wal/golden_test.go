package wal

import (
	"flag"
	"os"
	"testing"

	"herringbone/storage/fsys/fsystest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// testdata/v1.wal is a segment of format version 1, which every later version
// must read. FORMAT.md draws it.
func TestGolden(t *testing.T) {
	const path = "testdata/v1.wal"
	w := write(t, "the first record", "", "the last record")
	if *update {
		if err := os.WriteFile(path, w.bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fsystest.Equal(t, golden, w.bytes)
	got, report := replayed(t, w.disk(t, golden), "/", 7, true)
	fsystest.Equal(t, w.records, got)
	if report.Torn != nil || len(report.Damaged) > 0 {
		t.Errorf("report %+v", report)
	}
}
