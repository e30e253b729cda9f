package compactor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"herringbone/compactor/compacttest"
	"herringbone/compactor/merge"
	"herringbone/compactor/plan"
	"herringbone/compactor/retention"
	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// partitions adds two files to each of n partitions.
func (y *testNode) partitions(n int) {
	y.t.Helper()
	for i := range n {
		in := func(f *catalog.File) { f.Partition = name(i) }
		y.add(in, in)
	}
}

func TestSettleRunsJobsUntilThereAreNone(t *testing.T) {
	y := newTestNode(t, nil)
	y.partitions(3)
	y.must(y.Settle(t.Context()))
	if n := len(y.live()); n != 3 {
		t.Errorf("%d files live", n)
	}
	if diff := cmp.Diff([]string{name(0), name(1), name(2)}, y.jobs.partitions()); diff != "" {
		t.Errorf("wrong jobs: %s", diff)
	}
	if b := y.Status().Backlog; b.Jobs != 0 {
		t.Errorf("backlog %+v", b)
	}
}

func TestAFailingJobHoldsUpNoOther(t *testing.T) {
	tests := map[string]struct {
		fail   func() error
		result string
		want   string // In the error.
	}{
		"it returns an error": {func() error { return errTest }, "failed", errTest.Error()},
		"it panics":           {func() error { panic("BUG: oh") }, "failed", "BUG: oh"},
	}
	for how, tt := range tests {
		t.Run(how, func(t *testing.T) {
			y := newTestNode(t, nil)
			y.partitions(3)
			y.jobs.fail = func(j plan.Job) error {
				if j.Partition == name(0) {
					return tt.fail()
				}
				return nil
			}
			err := y.Settle(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), name(0)) {
				t.Fatalf("settled: %v", err)
			}
			if n := len(y.live()); n != 4 {
				t.Errorf("%d files live", n)
			}
			if diff := cmp.Diff([]string{name(0), name(1), name(2)}, y.jobs.partitions()); diff != "" {
				t.Errorf("wrong jobs: %s", diff)
			}
			if last := y.Status().Recent[2]; last.Result != tt.result || !strings.Contains(last.Error, tt.want) {
				t.Errorf("history says %+v", last)
			}
		})
	}
}

func TestAFailedJobIsTriedLessAndLessOften(t *testing.T) {
	y := newTestNode(t, nil)
	y.partitions(1)
	y.jobs.fail = func(plan.Job) error { return errTest }
	tries := newBackoff()
	var at []time.Duration
	start := y.now
	for range 400 {
		before := len(y.jobs.partitions())
		_, err := y.round(t.Context(), round{tries: tries})
		y.must(err)
		if len(y.jobs.partitions()) > before {
			at = append(at, y.now.Sub(start))
		}
		y.now = y.now.Add(time.Minute)
	}
	want := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363}
	for i := range want {
		want[i] *= time.Minute
	}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Error(diff)
	}
	y.jobs.fail = nil
	y.now = y.now.Add(time.Hour)
	if r, err := y.round(t.Context(), round{tries: tries}); err != nil || r.ran != 1 || len(tries.jobs) != 0 {
		t.Errorf("after success %v, %v, %d jobs remembered", r, err, len(tries.jobs))
	}
}

func TestALostRaceIsPlannedAnew(t *testing.T) {
	y := newTestNode(t, nil)
	y.partitions(1)
	lost := 0
	y.jobs.fail = func(plan.Job) error {
		if lost++; lost == 1 {
			return fmt.Errorf("commit: %w", catalog.ErrConflict)
		}
		return nil
	}
	y.must(y.Settle(t.Context()))
	if n := len(y.live()); n != 1 {
		t.Errorf("%d files live", n)
	}
	if got := y.metric("herringbone_compactor_lost_races_total"); got != 1 {
		t.Errorf("%v races counted", got)
	}
}

func TestAJobThatAlwaysLosesEnds(t *testing.T) {
	y := newTestNode(t, nil)
	y.partitions(1)
	y.jobs.fail = func(plan.Job) error { return catalog.ErrConflict }
	y.must(y.Settle(t.Context()))
	if n := len(y.jobs.partitions()); n != racesFree+1 {
		t.Errorf("it was tried %d times", n)
	}
}

func TestADamagedInputIsSetAside(t *testing.T) {
	y := newTestNode(t, nil)
	files := y.add(nil, nil, nil)
	y.jobs.fail = func(j plan.Job) error {
		for _, in := range j.Inputs {
			if in.ID == files[1].ID {
				return fmt.Errorf("read: %w", &merge.DamagedError{File: in.File, Err: fmt.Errorf("page 3: %w", series.ErrCorrupt)})
			}
		}
		return nil
	}
	err := y.Settle(t.Context())
	if err == nil || strings.Count(err.Error(), files[1].Name) != 1 {
		t.Fatalf("settled: %v", err)
	}
	if diff := cmp.Diff([]string{files[1].ID}, y.quarantined()); diff != "" {
		t.Error(diff)
	}
	if live := y.live(); len(live) != 2 || !slices.Contains(live, files[1].ID) {
		t.Errorf("live are %v", live)
	}
	y.must(y.Settle(t.Context()))
}

func TestOnlyOwnPartitionsAreCompacted(t *testing.T) {
	y := newTestNode(t, func(o *Options) {
		o.Owns = func(_ series.Tenant, partition string) bool { return partition == name(1) }
	})
	y.partitions(3)
	y.must(y.Settle(t.Context()))
	if diff := cmp.Diff([]string{name(1)}, y.jobs.partitions()); diff != "" {
		t.Error(diff)
	}
}

func TestJobsRunSideBySideUpToTheLimit(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.Concurrency = 2 })
	y.partitions(4)
	var met sync.WaitGroup // Each job waits for its neighbour.
	met.Add(4)
	gate := make(chan struct{})
	arrived := make(chan struct{}, 4)
	y.jobs.fail = func(plan.Job) error { arrived <- struct{}{}; <-gate; met.Done(); return nil }
	done := make(chan error)
	go func() { done <- y.Settle(t.Context()) }()
	<-arrived
	<-arrived
	close(gate)
	y.must(<-done)
	met.Wait()
	if y.jobs.maxAtOnce != 2 || len(y.live()) != 4 {
		t.Errorf("%d jobs at once, %d files live", y.jobs.maxAtOnce, len(y.live()))
	}
}

func TestRunCompactsWhenPokedAndStops(t *testing.T) {
	var log bytes.Buffer
	y := newTestNode(t, func(o *Options) {
		o.Interval = time.Hour
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	ran := make(chan string, 10)
	y.jobs.fail = func(j plan.Job) error {
		ran <- j.Partition
		if j.Partition == name(1) {
			return errTest
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- y.Run(ctx) }()
	for i := range 2 {
		in := func(f *catalog.File) { f.Partition = name(i) }
		y.add(in, in)
		y.Poke()
		if got := <-ran; got != name(i) {
			t.Errorf("job of %s", got)
		}
	}
	// The round in which the job failed logs before the next one looks.
	in := func(f *catalog.File) { f.Partition = name(2) }
	y.add(in, in)
	y.Poke()
	<-ran
	cancel()
	y.must(<-done)
	if n := strings.Count(log.String(), errTest.Error()); n != 1 {
		t.Errorf("the failure was logged %d times:\n%s", n, log.String())
	}
}

func TestRunStopsInTheMiddleOfAJob(t *testing.T) {
	y := newTestNode(t, nil)
	y.partitions(1)
	ctx, cancel := context.WithCancel(t.Context())
	y.jobs.fail = func(plan.Job) error { cancel(); return ctx.Err() }
	y.must(y.Run(ctx))
	if r := y.Status().Recent; len(r) != 1 || r[0].Result != "stopped" {
		t.Errorf("history is %+v", r)
	}
}

func TestDeletesEndWhenNothingIsLeftToHide(t *testing.T) {
	y := newTestNode(t, nil)
	y.add(nil, nil)
	hide := func(id string, tenant series.Tenant) {
		y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
			ID: id, Tenant: tenant, Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", ".*"),
			MinT: 0, MaxT: y.now.UnixMilli(), Created: y.now.UnixMilli(),
		}}})
	}
	hide("some", "default")
	hide("none", "nobody")
	y.must(y.LiftDone(t.Context()))
	done := func(id string) bool {
		r, err := y.catalog.Receipt(t.Context(), id)
		y.must(err)
		return r.Done != 0
	}
	if done("some") || !done("none") {
		t.Error("the delete of a live file ended, or that of none did not")
	}
	y.must(y.Settle(t.Context()))
	if !done("some") {
		t.Error("the delete did not end with its files")
	}
}

func TestCleanTombstonesRewritesWhatDeletesHide(t *testing.T) {
	y := newTestNode(t, nil)
	lone := y.add(func(f *catalog.File) { f.Partition = name(0) })[0]
	y.partitions(3)
	before := y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
		ID: "d", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", ".*"),
		MinT: 0, MaxT: y.now.UnixMilli(), Created: y.now.UnixMilli(),
	}}})
	y.must(y.CleanTombstones(t.Context()))
	for f := range y.catalog.Snapshot().All() {
		if f.ID == lone.ID || f.Clean < before.Version() {
			t.Errorf("file %s was not rewritten", f.ID)
		}
	}
	r, err := y.catalog.Receipt(t.Context(), "d")
	if err != nil || r.Done == 0 {
		t.Errorf("the receipt is %+v, %v", r, err)
	}
}

func TestCleanTombstonesEndsDeletesOfWhatIsRemoved(t *testing.T) {
	y := newTestNode(t, nil)
	f := y.add(nil)[0]
	y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
		ID: "d", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", ".*"), MinT: 0, MaxT: y.now.UnixMilli(), Created: 1,
	}}})
	y.remove(f)
	y.must(y.CleanTombstones(t.Context()))
	if r, err := y.catalog.Receipt(t.Context(), "d"); err != nil || r.Done == 0 {
		t.Errorf("the receipt is %+v, %v", r, err)
	}
}

func TestCleanTombstonesSaysWhatItCannotClean(t *testing.T) {
	y := newTestNode(t, nil)
	f := y.add(nil)[0]
	y.must(y.catalog.Quarantine(t.Context(), f.ID, "test"))
	y.commit(catalog.Edit{Tombstones: []catalog.Tombstone{{
		ID: "d", Tenant: "default", Cause: catalog.Deleted, Matchers: compacttest.Selector(t, "a", ".*"), MinT: 0, MaxT: y.now.UnixMilli(), Created: 1,
	}}})
	err := y.CleanTombstones(t.Context())
	if err == nil || !strings.Contains(err.Error(), f.Name) {
		t.Errorf("cleaned: %v", err)
	}
}

func TestRunOnceTakesEachStepAtItsTime(t *testing.T) {
	y := newTestNode(t, func(o *Options) { o.DefaultKeep, o.Scrub.BytesPerSecond = 30*hours, 0 })
	y.partitions(1)
	y.add(y.on(90, 80))
	o := OnceOptions{Now: y.now, Expire: true, Compact: true, Collect: true, Orphans: true}
	y.must(y.RunOnce(t.Context(), o))
	if n := len(y.live()); n != 1 {
		t.Errorf("%d files live", n)
	}
	o.Now = y.now.Add(2 * hours)
	y.must(y.RunOnce(t.Context(), o))
	if got := y.metric("herringbone_compactor_collected_files_total"); got != 3 {
		t.Errorf("%v files collected", got)
	}
}

func TestOptionsThatCannotWorkAreNamed(t *testing.T) {
	y := newTestNode(t, nil)
	tests := map[string]func(*Options){
		"Catalog":             func(o *Options) { o.Catalog = nil },
		"Node":                func(o *Options) { o.Node = "" },
		"Interval":            func(o *Options) { o.Interval = 0 },
		"Concurrency":         func(o *Options) { o.Concurrency = 0 },
		"MemoryBytes":         func(o *Options) { o.MemoryBytes = 0 },
		"WriteBytesPerSecond": func(o *Options) { o.WriteBytesPerSecond = -1 },
		"Duty":                func(o *Options) { o.Duty = 1.1 },
		"DutyUnderLoad":       func(o *Options) { o.DutyUnderLoad = 0 },
		"Levels":              func(o *Options) { o.Levels.MaxInputs = 0 },
		"Rules":               func(o *Options) { o.Rules = []plan.Rule{{Tenant: "default", Resolution: 7}} },
		"RetentionInterval":   func(o *Options) { o.RetentionInterval = 0 },
		"DefaultKeep":         func(o *Options) { o.DefaultKeep = -1 },
		"TenantKeep":          func(o *Options) { o.TenantKeep = map[series.Tenant]time.Duration{"default": -1} },
		"MaxExpireShare":      func(o *Options) { o.MaxExpireShare = 1.1 },
		"no matchers":         func(o *Options) { o.Retention = []retention.Rule{{Keep: 1}} },
		"LongestQuery":        func(o *Options) { o.Collect.Grace = o.LongestQuery },
		"Collect.Interval":    func(o *Options) { o.Collect.Interval = 0 },
		"Collect.MaxShare":    func(o *Options) { o.Collect.MaxShare = -1 },
		"Collect.MinFiles":    func(o *Options) { o.Collect.MinFiles = -1 },
		"Orphans.Interval":    func(o *Options) { o.Orphans.Interval = -1 },
		"Orphans.Age":         func(o *Options) { o.Orphans.Age = time.Minute },
		"Scrub.Interval":      func(o *Options) { o.Scrub.Interval = 0 },
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			o := DefaultOptions()
			o.Catalog, o.Bucket, o.Node = y.catalog, y.bucket, "n"
			y.must(o.Validate())
			change(&o)
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGuardedKeepsErrors(t *testing.T) {
	if err := guarded("x", func() error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("got %v", err)
	}
}
