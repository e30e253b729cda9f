package wal

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"

	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestFailure is invariant 2: the first failed write or sync ends the segment.
func TestFailure(t *testing.T) {
	faults := map[string]struct {
		kind fsystest.Kind
		err  error
	}{
		"write":       {fsystest.Write, syscall.EIO},
		"short write": {fsystest.Write, &fsystest.ShortWrite{Keep: 50, Err: syscall.ENOSPC}},
		"sync":        {fsystest.Datasync, syscall.EIO},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 12; n++ {
				failAt(t, fault.kind, n, fault.err)
			}
		})
	}
}

// failAt lets the n-th write or sync after Create fail.
func failAt(t *testing.T, kind fsystest.Kind, n int, fault error) {
	disk := fsystest.NewCrash()
	s, err := Create(disk, "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	metrics := NewMetrics(prometheus.NewRegistry())
	s.Measure(metrics)
	after := 0 // Operations after the one that failed.
	fail := fsystest.FailNth(kind, int64(n), fault)
	failed := false
	disk.SetHook(func(op fsystest.Op) error {
		if failed {
			after++
		}
		err := fail(op)
		failed = failed || err != nil
		return err
	})
	acked := append8(t, s, n, fault)
	if after > 0 {
		t.Errorf("%s %d failed, and %d operations followed", kind, n, after)
	}
	if got := testutil.ToFloat64(metrics.failures); got != 1 {
		t.Errorf("%v failures are counted", got)
	}
	// Whatever power loss makes of the rest, the acknowledged records are there.
	rng := fsystest.Rand(t)
	for range 20 {
		got, _ := replayed(t, disk.Clone(rng), "/", 1, true)
		if len(got) < len(acked) || !slices.Equal(got[:len(acked)], acked) {
			t.Fatalf("%s %d failed: %d records, want at least %d", kind, n, len(got), len(acked))
		}
	}
}

// append8 appends until the n-th record fails, checks that nothing works from
// then on, and returns the records that were acknowledged.
func append8(t *testing.T, s *Segment, n int, fault error) (acked []string) {
	t.Helper()
	var durable int64
	for i := 1; i <= n; i++ {
		rec := string(make([]byte, 100*i))
		pos, err := s.Enqueue([]byte(rec))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sync(pos); (err != nil) != (i == n) {
			t.Fatalf("record %d of %d: %v", i, n, err)
		} else if err == nil {
			acked, durable = append(acked, rec), pos
		}
		if i < n {
			continue
		}
		_, enqueueErr := s.Enqueue(nil)
		for what, err := range map[string]error{"Enqueue": enqueueErr, "Sync": s.Sync(pos), "Err": s.Err(), "Close": s.Close()} {
			if !errors.Is(err, fault) {
				t.Errorf("%s after the failure: %v, want %v", what, err, fault)
			}
		}
	}
	if err := s.Sync(durable); err != nil {
		t.Errorf("Sync of what is durable: %v", err)
	}
	return acked
}

func TestAFailedCreateIsAnError(t *testing.T) {
	for _, kind := range []fsystest.Kind{fsystest.Create, fsystest.Write, fsystest.Datasync, fsystest.SyncDir} {
		disk := fsystest.NewCrash()
		disk.SetHook(fsystest.FailNth(kind, 1, syscall.EIO))
		if _, err := Create(disk, "/", 1); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s failed, Create = %v", kind, err)
		}
	}
}

func TestAFailedReadOrCopyEndsTheReplay(t *testing.T) {
	w := small(t)
	image := slices.Clone(w.bytes[:len(w.bytes)-3])
	image[w.starts[1]] ^= 1
	for _, kind := range []fsystest.Kind{fsystest.Open, fsystest.Read, fsystest.Create, fsystest.Write, fsystest.Datasync, fsystest.SyncDir, fsystest.Truncate} {
		for n := range int64(2) {
			disk := w.disk(t, image)
			failed := false
			fail := fsystest.FailNth(kind, n+1, syscall.EIO)
			disk.SetHook(func(op fsystest.Op) error {
				err := fail(op)
				failed = failed || err != nil
				return err
			})
			_, err := Replay(disk, "/", 7, true, func([]byte) error { return nil })
			if failed && !errors.Is(err, syscall.EIO) {
				t.Errorf("%s %d failed, Replay = %v", kind, n+1, err)
			}
			disk.SetHook(nil)
			if left := fsystest.Get(t, disk, Name(7)); failed && left != string(image) {
				t.Errorf("%s %d failed, and the segment was changed", kind, n+1)
			}
			if got, _ := replayed(t, disk, "/", 7, true); len(got) != len(w.records)-2 {
				t.Errorf("%s %d failed, then %d records", kind, n+1, len(got))
			}
		}
	}
}

func TestClose(t *testing.T) {
	disk := fsystest.NewCrash()
	s, err := Create(disk, "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	pos, err := s.Enqueue([]byte("not synced yet"))
	if err != nil {
		t.Fatal(err)
	}
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := errors.Join(s.Close(), s.Sync(pos)); err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
	if _, err := s.Enqueue(nil); !errors.Is(err, ErrClosed) || !errors.Is(err, series.ErrNotReady) {
		t.Errorf("Enqueue after Close: %v", err)
	}
	got, _ := replayed(t, disk.CloneKeep(fsystest.Rand(t), 0), "/", 1, true)
	fsystest.Equal(t, []string{"not synced yet"}, got)
}

func TestATooLargeRecord(t *testing.T) {
	s, err := Create(fsystest.NewCrash(), "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Enqueue(make([]byte, MaxRecord+1)); !errors.Is(err, ErrTooLarge) || !errors.Is(err, series.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Enqueue([]byte("next")); err != nil || s.Err() != nil {
		t.Errorf("the segment is ended by it: %v, %v", err, s.Err())
	}
}
