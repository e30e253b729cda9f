package compactor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/compactor/status"
	"herringbone/storage/catalog"
)

// The guard would otherwise not count lost files beside any that is live.
func TestCollectKnowsWhatTookAFilesPlace(t *testing.T) {
	six := func(y *testNode) []catalog.File { return y.add(slices.Repeat([]func(*catalog.File){y.on(2, 0)}, 6)...) }
	tests := map[string]func(y *testNode) (removed []catalog.File){
		"what is live was written before": func(y *testNode) []catalog.File {
			y.add(y.on(2, 0))
			return six(y)
		},
		"what is live has fewer days": func(y *testNode) []catalog.File {
			removed := six(y)
			y.add(y.on(2, 1))
			return removed
		},
	}
	for name, fill := range tests {
		t.Run(name, func(t *testing.T) {
			y := newTestNode(t, func(o *Options) { o.Collect.MinFiles = 3 })
			removed := fill(y)
			y.remove(removed...)
			if err := y.Collect(t.Context(), y.now.Add(2*hours)); !errors.Is(err, plan.ErrRefused) || !y.has(removed[0].Name) {
				t.Errorf("collected: %v", err)
			}
		})
	}
}

// Amplification would otherwise seem lower with each time that aggregates are made
// of a file before it is merged.
func TestAmplificationCountsAFlushedFileOnce(t *testing.T) {
	l := status.NewJournal()
	flushed := &catalog.File{ID: "a", Level: plan.LevelFlushed, Size: 1000}
	run := func(remove bool, written int64) {
		id := l.Begin(plan.Job{Kind: plan.Merge, Unit: plan.Unit{Day: compacttest.Day, Days: 1}, Inputs: []plan.Input{{File: flushed, Remove: remove}}}, time.Unix(1, 0))
		l.End(id, merge.Result{Files: []catalog.File{{ID: "x", Level: plan.LevelDay, Size: written}}}, "done", nil, time.Second)
	}
	run(false, 100)
	run(true, 400)
	var s status.Status
	l.Show(&s)
	if s.Amplification != 1.5 {
		t.Errorf("write amplification is %v: 1000 bytes were flushed and 500 written again", s.Amplification)
	}
}
