package wal

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"herringbone/storage/fsys/fsystest"
)

// held is a segment whose first sync is held until release, while more records
// wait. synctest also fails if a goroutine is left behind.
type held struct {
	*Segment
	disk    *fsystest.Crash
	syncs   atomic.Int64
	release chan struct{}
	fail    int64 // This sync fails, if any.

	writers sync.WaitGroup
	mu      sync.Mutex
	errs    []error // One a writer.
}

// hold starts one writer that leads, and waiting more that wait.
func hold(t *testing.T, waiting int, fail int64) *held {
	h := &held{disk: fsystest.NewCrash(), release: make(chan struct{}), fail: fail}
	var err error
	if h.Segment, err = Create(h.disk, "/", 1); err != nil {
		t.Fatal(err)
	}
	h.disk.SetHook(func(op fsystest.Op) error {
		if op.Kind != fsystest.Datasync {
			return nil
		}
		n := h.syncs.Add(1)
		if n == 1 {
			<-h.release
		}
		if n == h.fail {
			return syscall.EIO
		}
		return nil
	})
	h.write()
	synctest.Wait()
	for range waiting {
		h.write()
	}
	synctest.Wait()
	return h
}

func (h *held) write() {
	h.writers.Go(func() {
		pos, err := h.Enqueue([]byte("record"))
		if err == nil {
			err = h.Sync(pos)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.errs = append(h.errs, err)
	})
}

func (h *held) finish() (failed int) {
	close(h.release)
	h.writers.Wait()
	for _, err := range h.errs {
		if errors.Is(err, syscall.EIO) {
			failed++
		}
	}
	return failed
}

func TestWaitersShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, 99, 0)
		if len(h.errs) != 0 {
			t.Errorf("%d writers were answered before the sync", len(h.errs))
		}
		if failed := h.finish(); failed > 0 || len(h.errs) != 100 {
			t.Errorf("%d of %d failed", failed, len(h.errs))
		}
		if n := h.syncs.Load(); n != 2 {
			t.Errorf("%d syncs for 100 records in two groups", n)
		}
		got, _ := replayed(t, h.disk.CloneKeep(fsystest.Rand(t), 0), "/", 1, true)
		if len(got) != 100 {
			t.Errorf("%d records are durable", len(got))
		}
	})
}

func TestAFailedSyncFailsItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, 99, 2)
		if failed := h.finish(); failed != 99 {
			t.Errorf("%d of the 99 in the second group failed", failed)
		}
	})
}

func TestAFailedSyncFailsAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, 99, 1)
		if failed := h.finish(); failed != 100 {
			t.Errorf("%d of 100 failed", failed)
		}
		if n := h.syncs.Load(); n != 1 {
			t.Errorf("%d syncs, the first had failed", n)
		}
	})
}

func TestCloseWaitsForTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hold(t, 9, 0)
		closed := make(chan error, 1)
		go func() { closed <- h.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned during a sync: %v", err)
		default:
		}
		if failed := h.finish(); failed > 0 {
			t.Errorf("%d failed", failed)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestSyncBeyondTheEndIsABug(t *testing.T) {
	s, err := Create(fsystest.NewCrash(), "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s.Sync(s.Size() + 1)
}

// A burst must not keep its memory for ever.
func TestALargeBufferIsLetGo(t *testing.T) {
	s, err := Create(fsystest.NewCrash(), "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{2 * keepBuffer, 10, 10, 10} {
		pos, err := s.Enqueue(make([]byte, n))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Sync(pos); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(s.pending) + cap(s.spare); n > 2*keepBuffer {
		t.Errorf("%d bytes are kept", n)
	}
}
